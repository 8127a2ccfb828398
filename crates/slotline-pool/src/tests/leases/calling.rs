//! What is asked over a lease, and what becomes of it.

use super::*;

#[tokio::test(start_paused = true)]
async fn replies_come_in_order_with_errors_among_them_and_pushes_apart() {
    let (builder, _) = Peer::start(|_, _, command| {
        Some(match command.join(" ").as_str() {
            "INCR s" => b"-ERR value is not an integer\r\n".to_vec(),
            "GET b" => {
                b">2\r\n+invalidate\r\n+1\r\n$1\r\nb\r\n>2\r\n+invalidate\r\n+2\r\n".to_vec()
            }
            _ => usual(command),
        })
    });
    let pool = builder.build();
    let mut lease = lease(&pool).await;
    let replies = ask(&mut lease, &["GET a", "INCR s", "GET b", "GET c"]).await;
    assert_eq!(replies, ["a", "-ERR value is not an integer", "b", "c"]);
    for number in ["1", "2"] {
        let push = lease.next_push().await.unwrap();
        assert!(push.is_push());
        assert_eq!(
            push.decode::<Vec<String>>().unwrap(),
            ["invalidate", number]
        );
    }
    // Nothing is asked, and nothing is sent.
    let answer = lease.call(words(&[]), soon()).await;
    assert!(answer.replies.is_empty() && answer.failure.is_none());
    drop(lease);
    assert_eq!(state(&pool), (0, 1, 0, 0));
}

/// R2: what was written keeps its place, and what was not is never written.
#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_shifts_no_reply() {
    let (builder, peer) = Peer::usual();
    let pool = builder.build();
    let mut lease = lease(&pool).await;
    for (polls, heard) in [(0, 0), (1, 3)] {
        for turn in 0..3 {
            let lost = format!("GET lost{turn}");
            let mut call = lease.call(words(&[&lost]), soon());
            for _ in 0..polls {
                assert!(poll_once(Pin::new(&mut call)).await.is_none());
            }
            drop(call);
            settle().await;
        }
        assert_eq!(
            peer.heard(0)
                .iter()
                .filter(|it| it.contains("lost"))
                .count(),
            heard
        );
        assert_eq!(ask(&mut lease, &["GET a", "GET b"]).await, ["a", "b"]);
    }
    drop(lease);
    assert_eq!(state(&pool), (0, 1, 0, 0));
}

/// R5, D1.
#[tokio::test(start_paused = true)]
async fn a_call_ends_with_its_deadline_and_says_what_became_of_it() {
    let (builder, peer) = Peer::start(|_, _, command| {
        let never = command.get(1).is_some_and(|key| key == "never");
        Some(if never { Vec::new() } else { usual(command) })
    });
    let pool = builder.build();
    let mut lease = lease(&pool).await;
    let batch = words(&["GET a", "GET never", "GET b"]);
    // Too late from the start.
    let answer = lease.call(batch.clone(), Instant::now()).await;
    assert_eq!(fates(&answer, 3), "---");
    assert_eq!(peer.heard(0), [""; 0]);
    let begun = Instant::now();
    let answer = lease.call(batch, Instant::now() + SECOND).await;
    assert_eq!(begun.elapsed(), SECOND);
    // The server answers in order, so it has answered one, and the last one it
    // answers instead of the second.
    assert_eq!(fates(&answer, 3), "++?");
    let error = answer.failure.unwrap().error;
    assert!(error.is_timeout(), "{error}");
    // It has its place still. The lease is good, but not to be given back.
    assert!(lease.is_connected());
    drop(lease);
    settle().await;
    assert_eq!(peer.connections(), (1, 0));
}

/// The server takes no more than some bytes: what was not written is not sent, and
/// as part of it was, the connection is closed.
#[tokio::test(start_paused = true)]
async fn what_the_socket_did_not_take_is_not_sent() {
    let batch = ["GET aa", "GET bbbb", "GET c"];
    let lens: Vec<usize> = batch.iter().map(|line| words(&[line]).byte_len()).collect();
    let whole: usize = lens.iter().sum();
    for taken in 1..=whole {
        for by_deadline in [false, true] {
            let (connector, mut streams) = pipes(taken);
            let pool = builder(&Address::new("pipe", 1))
                .connector(connector)
                .build();
            let server = tokio::spawn(async move {
                let mut stream = streams.recv().await.unwrap();
                super::super::server::shake_hands(&mut stream, 3).await;
                stream
            });
            let mut lease = lease(&pool).await;
            let stream = server.await.unwrap();
            let mut call = lease.call(words(&batch), Instant::now() + SECOND);
            assert!(poll_once(Pin::new(&mut call)).await.is_none());
            let mut kept = Some(stream);
            if !by_deadline {
                kept = None;
            }
            let answer = call.await;
            let begun = begun(&lens, taken);
            assert_eq!(fates(&answer, 3), begun, "{taken} bytes");
            assert_eq!(lease.is_connected(), by_deadline && taken == whole);
            // Nothing more of it is written afterwards.
            let later = lease.call(words(&["GET k"]), Instant::now() + SECOND).await;
            if !lease.is_connected() {
                assert_eq!(fates(&later, 1), "-");
                let error = later.failure.unwrap().error;
                assert_eq!(error.is_timeout(), by_deadline, "{error}");
            }
            drop(lease);
            if let Some(mut stream) = kept {
                let mut got = Vec::new();
                stream.read_to_end(&mut got).await.unwrap();
                assert!(got.len() >= taken);
                if taken < whole {
                    assert_eq!(got.len(), taken);
                }
            }
            assert_eq!(state(&pool), (0, 0, 0, 0));
        }
    }
}

/// E6, A5: what comes before anything was written answers nothing, and a peer that
/// has gone is not given anything.
#[tokio::test(start_paused = true)]
async fn a_reply_to_nothing_loses_the_connection() {
    for (said, what) in [
        ("+OK\r\n", "nobody had asked"),
        ("", "closed by the server"),
    ] {
        let (builder, peer) = Peer::usual();
        let pool = builder.build();
        let mut lease = lease(&pool).await;
        ask(&mut lease, &["GET k"]).await;
        peer.say(0, said);
        settle().await;
        let answer = lease.call(words(&["GET k"]), soon()).await;
        assert_eq!(fates(&answer, 1), "-");
        let error = answer.failure.unwrap().error;
        assert!(
            error.is_network() && error.to_string().contains(what),
            "{error}"
        );
        assert!(!lease.is_connected() && lease.greeting().is_none());
        assert_eq!(peer.heard(0).len(), 1);
        // Each later use tells the same.
        let again = lease.next_push().await.unwrap_err();
        assert_eq!(again.to_string(), error.to_string());
        assert_eq!((state(&pool), counts(&pool).lost), ((0, 0, 0, 0), 1));
    }
}

/// A call that is leaked is taken for what it is.
#[tokio::test(start_paused = true)]
async fn a_leaked_call_gives_nobody_its_replies() {
    for polls in [0, 1] {
        let (builder, peer) = Peer::usual();
        let pool = builder.build();
        let mut lease = lease(&pool).await;
        let mut call = lease.call(words(&["GET leaked"]), soon());
        for _ in 0..polls {
            assert!(poll_once(Pin::new(&mut call)).await.is_none());
        }
        std::mem::forget(call);
        let answer = lease.call(words(&["GET k"]), soon()).await;
        assert_eq!(fates(&answer, 1), "-");
        drop(lease);
        settle().await;
        assert_eq!((state(&pool), peer.connections()), ((0, 0, 0, 0), (1, 0)));
    }
}

#[tokio::test(start_paused = true)]
async fn what_would_break_the_framing_is_refused_unsent() {
    let (builder, peer) = Peer::usual();
    let pool = builder.build();
    let mut lease = lease(&pool).await;
    let answer = lease
        .call(words(&["GET k", "CLIENT REPLY OFF"]), soon())
        .await;
    assert_eq!(fates(&answer, 2), "--");
    let error = answer.failure.unwrap().error;
    assert!(error.is_refused(), "{error}");
    let text = error.to_string();
    assert!(
        text.contains("CLIENT REPLY is refused on a leased connection: "),
        "{text}"
    );
    drop(lease);
    assert_eq!((peer.heard(0).len(), state(&pool)), (0, (0, 1, 0, 0)));
}

/// R3: neither side takes anything while it gives.
#[tokio::test(start_paused = true)]
async fn large_transfers_cross_on_a_lease() {
    const LEN: usize = 1 << 20;
    let (connector, mut streams) = pipes(4096);
    tokio::spawn(async move {
        let mut stream = streams.recv().await.unwrap();
        super::super::server::shake_hands(&mut stream, 3).await;
        let reply = format!("${LEN}\r\n{}\r\n+OK\r\n", "r".repeat(LEN));
        let mut got = vec![0; 64];
        let _ = stream.read(&mut got).await.unwrap();
        for piece in reply.as_bytes().chunks(10_000) {
            stream.write_all(piece).await.unwrap();
            let _ = stream.read(&mut vec![0; 10_000]).await.unwrap();
        }
        let _ = stream.read_to_end(&mut got).await;
    });
    let pool = builder(&Address::new("pipe", 1))
        .connector(connector)
        .build();
    let mut lease = lease(&pool).await;
    let mut buffer = CommandBuffer::new();
    buffer.begin_named("GET").key("k");
    buffer.begin_named("SET").key("k").arg(&vec![b'x'; LEN]);
    let answer = lease.call(buffer.freeze(), soon()).await;
    let texts = texts(&answer);
    assert_eq!((texts[0].len(), &texts[1][..]), (LEN, "OK"));
}
