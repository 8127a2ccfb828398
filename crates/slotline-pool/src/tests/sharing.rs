//! Many callers, one connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::server::{OK, Server, commands_in, pipes, read_commands, script, shake_hands, usual};
use super::*;

#[tokio::test]
async fn commands_of_many_tasks_share_a_connection() {
    let server = Server::start(|_, command| Some(usual(command))).await;
    let pool = builder(&server.address).build();
    let mut tasks = Vec::new();
    for task in 0..64 {
        let pool = pool.clone();
        tasks.push(tokio::spawn(async move {
            for turn in 0..20 {
                let (a, b) = (format!("a{task}.{turn}"), format!("b{task}.{turn}"));
                let lines = [format!("GET {a}"), format!("ECHO {b}"), format!("GET {a}")];
                let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
                assert_eq!(texts(&send(&pool, &lines).await), [a.clone(), b, a]);
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(server.dials(), 1);
    let statistics = pool.statistics();
    assert_eq!((statistics.commands, statistics.replies), (3840, 3840));
    assert_eq!((statistics.in_flight, statistics.queued_bytes), (0, 0));
    assert!(statistics.writes < 1280, "{} writes", statistics.writes);
}

/// Fails where all of them are woken at once: then the server has nothing to do until the
/// last of them has run, and they nothing until it has answered all.
#[tokio::test]
async fn those_who_have_their_replies_take_turns_and_their_next_commands_go_out_meanwhile() {
    let (connector, mut opened) = pipes(1 << 20);
    let pool = builder(&Address::new("node", 1))
        .connector(connector)
        .build();
    tokio::spawn(async move {
        let mut stream = opened.recv().await.unwrap();
        shake_hands(&mut stream, 3).await;
        for _ in 0..2 {
            let commands = read_commands(&mut stream, 200).await;
            let replies: Vec<u8> = commands.iter().flat_map(|it| usual(it)).collect();
            stream.write_all(&replies).await.unwrap();
        }
        stream.read_u8().await.unwrap();
    });
    pool.connect().await.unwrap();
    let before = Arc::new(AtomicU64::new(u64::MAX));
    let mut tasks = Vec::new();
    for n in 0..200 {
        let (pool, before) = (pool.clone(), Arc::clone(&before));
        tasks.push(tokio::spawn(async move {
            let key = format!("GET {n}");
            assert_eq!(fates(&send(&pool, &[&key]).await, 1), "+");
            before.fetch_min(pool.statistics().writes, SeqCst);
            assert_eq!(fates(&send(&pool, &[&key]).await, 1), "+");
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    let writes = pool.statistics().writes - before.load(SeqCst);
    assert!((2..10).contains(&writes), "{writes} writes");
}

/// A fixed order of random numbers, the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

/// Requests dropped at random moments beside requests that stay (A1). The server
/// answers in pieces, so that the drops fall into every stage.
#[tokio::test]
async fn replies_match_while_others_are_cancelled() {
    let address = script(|_, mut stream| async move {
        let (mut bytes, mut dice) = (Vec::new(), Dice(7));
        while let Ok(1..) = stream.read_buf(&mut bytes).await {
            let answers: Vec<u8> = commands_in(&mut bytes)
                .iter()
                .flat_map(|command| usual(command))
                .collect();
            let mut left = &answers[..];
            while !left.is_empty() {
                let (piece, rest) = left.split_at(left.len().min(1 + dice.roll(40) as usize));
                if stream.write_all(piece).await.is_err() {
                    return;
                }
                tokio::task::yield_now().await;
                left = rest;
            }
        }
    })
    .await;
    let pool = builder(&address).build();
    pool.connect().await.unwrap();
    let before = pool.statistics();
    let mut tasks = Vec::new();
    for task in 1..=40u64 {
        let pool = pool.clone();
        tasks.push(tokio::spawn(async move {
            let (mut dice, mut dropped) = (Dice(task * 77_777), 0);
            for turn in 0..100 {
                let key = format!("{task}.{turn}");
                let line = format!("GET {key}");
                let lines = vec![&line[..]; 1 + dice.roll(3) as usize];
                let exchange = send(&pool, &lines);
                if dice.roll(2) == 0 {
                    let polls = dice.roll(6);
                    let mut exchange = std::pin::pin!(exchange);
                    for _ in 0..polls {
                        poll_once(exchange.as_mut()).await;
                        tokio::task::yield_now().await;
                    }
                    dropped += 1;
                } else {
                    let answer = exchange.await;
                    assert!(texts(&answer).iter().all(|text| *text == key));
                    assert_eq!(answer.replies.len(), lines.len());
                }
            }
            dropped
        }));
    }
    let mut dropped = 0;
    for task in tasks {
        dropped += task.await.unwrap();
    }
    assert!(dropped > 1000, "{dropped}");
    send(&pool, &["GET last"]).await;
    let after = pool.statistics();
    assert_eq!(
        (after.in_flight, after.queued_bytes, after.waiting),
        (0, 0, 0)
    );
    assert_eq!((after.dials, after.connections_lost), (before.dials, 0));
    assert!(
        after.replies < after.commands,
        "some were taken back unwritten"
    );
}

/// The server cuts the connection behind every byte of a batch of three, and
/// answers none, one or all of what it has got (A2, B1).
#[tokio::test]
async fn a_cut_at_every_byte_is_told_command_by_command() {
    let batch = ["GET aa", "GET bbbb", "GET c"];
    let lens: Vec<usize> = batch.iter().map(|line| words(&[line]).byte_len()).collect();
    let whole: usize = lens.iter().sum();
    for cut in 1..whole {
        let address = script(move |index, mut stream| async move {
            shake_hands(&mut stream, 3).await;
            if index > 0 {
                return;
            }
            // Without reading the rest: what is unread becomes a reset.
            let mut got = vec![0; cut];
            stream.read_exact(&mut got).await.unwrap();
            for command in commands_in(&mut got).iter().take(1) {
                stream.write_all(&usual(command)).await.unwrap();
            }
        })
        .await;
        let pool = builder(&address).build();
        pool.connect().await.unwrap();
        let answer = send(&pool, &batch).await;
        // Loopback takes the batch in one write: all of it may have arrived.
        let answered = usize::from(cut >= lens[0]);
        let fates = fates(&answer, 3);
        assert!(
            answer.replies.len() <= answered,
            "{fates} after {cut} bytes"
        );
        assert_eq!(
            fates,
            ["???", "+??"][answer.replies.len()],
            "after {cut} bytes"
        );
        let error = answer.failure.unwrap().error;
        assert!(error.is_network() && !error.is_handshake(), "{error}");
        assert_eq!(pool.statistics().connections_lost, 1);
    }
}

/// The same from the other side: the socket takes only so many bytes.
#[tokio::test(start_paused = true)]
async fn what_the_socket_did_not_take_is_not_sent() {
    let batch = ["GET aa", "GET bbbb", "GET c"];
    let lens: Vec<usize> = batch.iter().map(|line| words(&[line]).byte_len()).collect();
    let whole: usize = lens.iter().sum();
    for taken in 1..=whole {
        let (connector, mut streams) = pipes(taken);
        let pool = builder(&Address::new("pipe", 1))
            .connector(connector)
            .build();
        let server = tokio::spawn(async move {
            let mut first = streams.recv().await.unwrap();
            let handshake = shake_hands(&mut first, 3).await;
            (first, handshake, streams)
        });
        pool.connect().await.unwrap();
        let (first, (), mut streams) = server.await.unwrap();
        let mut exchange = std::pin::pin!(send(&pool, &batch));
        for _ in 0..10 {
            assert!(poll_once(exchange.as_mut()).await.is_none());
            tokio::task::yield_now().await;
        }
        drop(first);
        let answer = exchange.await;
        let begun = begun(&lens, taken);
        assert_eq!(fates(&answer, 3), begun, "{taken} bytes");
        // What comes later goes to a new connection.
        let later = tokio::spawn(async move {
            let mut stream = streams.recv().await.unwrap();
            shake_hands(&mut stream, 3).await;
            read_commands(&mut stream, 1).await
        });
        let mut exchange = std::pin::pin!(send(&pool, &["GET later"]));
        poll_once(exchange.as_mut()).await;
        assert_eq!(later.await.unwrap(), [["GET", "later"]]);
    }
}

/// A reply that nobody asked for: the connection is closed, not used on (A5).
#[tokio::test]
async fn an_unsolicited_reply_closes_the_connection() {
    let address = script(|index, mut stream| async move {
        shake_hands(&mut stream, 3).await;
        let get = read_commands(&mut stream, 1).await;
        let mut answer = usual(&get[0]);
        if index == 0 {
            answer.extend_from_slice(b">2\r\n+message\r\n+fine\r\n+OK\r\n");
        }
        stream.write_all(&answer).await.unwrap();
        let _ = stream.read(&mut [0]).await;
    })
    .await;
    let pool = builder(&address).build();
    assert_eq!(texts(&send(&pool, &["GET a"]).await), ["a"]);
    while pool.statistics().connections_lost == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(texts(&send(&pool, &["GET b"]).await), ["b"]);
}

/// A parse error in the stream: nothing behind it is believed (A7).
#[tokio::test]
async fn bad_bytes_close_the_connection() {
    let address = script(|_, mut stream| async move {
        shake_hands(&mut stream, 3).await;
        read_commands(&mut stream, 3).await;
        stream
            .write_all(b"$1\r\na\r\n$1\r\nbb\r\n$1\r\nc\r\n")
            .await
            .unwrap();
        let _ = stream.read(&mut [0]).await;
    })
    .await;
    let pool = builder(&address).build();
    let answer = send(&pool, &["GET a", "GET b", "GET c"]).await;
    assert_eq!(fates(&answer, 3), "+??");
    let error = answer.failure.unwrap().error;
    assert!(error.to_string().contains("RESP"), "{error}");
}

/// A long request against a long reply: neither side takes anything while it
/// gives, and yet both get on (R3).
#[tokio::test]
async fn large_transfers_cross_through_small_buffers() {
    const LEN: usize = 8 << 20;
    let (connector, mut streams) = pipes(4096);
    tokio::spawn(async move {
        let mut stream = streams.recv().await.unwrap();
        shake_hands(&mut stream, 3).await;
        // It sends the reply to the GET while the SET is still arriving, and
        // reads no byte before its own have been taken.
        let mut bytes = vec![0; 64];
        let mut got = stream.read(&mut bytes).await.unwrap();
        let reply = format!("${LEN}\r\n{}\r\n", "r".repeat(LEN));
        for piece in reply.as_bytes().chunks(10_000) {
            stream.write_all(piece).await.unwrap();
            got += stream.read(&mut vec![0; 10_000]).await.unwrap();
        }
        let all = words(&["GET k"]).byte_len() + set(LEN).byte_len();
        while got < all {
            got += stream.read(&mut vec![0; 10_000]).await.unwrap();
        }
        stream.write_all(OK).await.unwrap();
        let _ = stream.read(&mut [0]).await;
    });
    fn set(len: usize) -> Commands {
        let mut buffer = CommandBuffer::new();
        buffer.begin_named("SET").arg("k").arg(&vec![b'x'; len]);
        buffer.freeze()
    }
    let pool = builder(&Address::new("pipe", 1))
        .connector(connector)
        .build();
    let get = send(&pool, &["GET k"]);
    let set = pool.send(set(LEN), soon(), WhileAway::Wait);
    let (get, set) = tokio::join!(get, set);
    assert_eq!(texts(&get)[0].len(), LEN);
    assert_eq!(texts(&set), ["OK"]);
}

/// Whoever has got a long value can let go of it before the next is read: memory
/// is used again, and is still in the processor's cache.
#[tokio::test]
async fn callers_run_between_long_replies() {
    const LEN: usize = 1 << 20;
    let (connector, mut streams) = pipes(8 * LEN);
    tokio::spawn(async move {
        let mut stream = streams.recv().await.unwrap();
        shake_hands(&mut stream, 3).await;
        read_commands(&mut stream, 4).await;
        // All of it at once, before anything is read.
        let reply = format!("${LEN}\r\n{}\r\n", "r".repeat(LEN));
        stream.write_all(reply.repeat(4).as_bytes()).await.unwrap();
        let _ = stream.read(&mut [0]).await;
    });
    let pool = builder(&Address::new("pipe", 1))
        .connector(connector)
        .build();
    let mut tasks = tokio::task::JoinSet::new();
    for index in 0..4 {
        let (get, pool) = (send(&pool, &["GET k"]), pool.clone());
        tasks.spawn(async move {
            assert_eq!(texts(&get.await)[0].len(), LEN);
            let read = pool.statistics().bytes_read as usize;
            assert!(read < (index + 2) * LEN, "{read} bytes before {index} ran");
        });
    }
    tasks.join_all().await;
}

/// Fails where the driver reads on while those who have replies wait to be woken: then
/// replies of many turns lie ready, and their memory with them.
#[tokio::test]
async fn no_more_replies_lie_ready_than_one_turn_reads() {
    const CALLERS: usize = 8192;
    /// What one turn reads, and the block that goes beyond.
    const AHEAD: usize = (256 << 10) + (64 << 10);
    let (connector, mut streams) = pipes(8 << 20);
    let reply = format!("$256\r\n{}\r\n", "r".repeat(256));
    let len = reply.len();
    tokio::spawn(async move {
        let mut stream = streams.recv().await.unwrap();
        shake_hands(&mut stream, 3).await;
        read_commands(&mut stream, CALLERS).await;
        let all = reply.repeat(CALLERS);
        stream.write_all(all.as_bytes()).await.unwrap();
        let _ = stream.read(&mut [0]).await;
    });
    let pool = builder(&Address::new("pipe", 1))
        .connector(connector)
        .build();
    pool.connect().await.unwrap();
    let before = pool.statistics().bytes_read as usize;
    let mut tasks = tokio::task::JoinSet::new();
    for index in 0..CALLERS {
        let (get, pool) = (send(&pool, &["GET k"]), pool.clone());
        tasks.spawn(async move {
            assert_eq!(texts(&get.await)[0].len(), 256);
            let read = pool.statistics().bytes_read as usize - before;
            let ahead = read.saturating_sub((index + 1) * len);
            assert!(ahead <= AHEAD, "{ahead} bytes lie ready behind {index}");
        });
    }
    tasks.join_all().await;
}

/// What would change the connection for everybody is refused unsent (S4, A6).
#[tokio::test]
async fn session_commands_are_refused() {
    let server = Server::start(|_, command| Some(usual(command))).await;
    let pool = builder(&server.address).build();
    for line in [
        "SELECT 1",
        "CLIENT REPLY OFF",
        "MONITOR",
        "SUBSCRIBE c",
        "BLPOP k 0",
        "READWRITE",
    ] {
        let answer = send(&pool, &["GET a", line]).await;
        assert_eq!(fates(&answer, 2), "--", "{line}");
        let error = answer.failure.unwrap().error;
        assert!(error.is_refused(), "{error}");
        assert!(
            error.to_string().contains(line.split(' ').next().unwrap()),
            "{error}"
        );
    }
    assert_eq!(server.dials(), 0);
    assert_eq!(texts(&send(&pool, &["ASKING", "GET k"]).await), ["OK", "k"]);
}
