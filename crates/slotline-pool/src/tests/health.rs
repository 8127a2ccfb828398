//! Idle connections: asked for a sign of life, and given up without one (E3, E4).

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::server::{pipes, read_commands, shake_hands, usual};
use super::waiting::far;
use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// Answers every command, PING with `pong`, and tells when each PING came.
async fn serve(mut stream: DuplexStream, pong: &str, pings: mpsc::UnboundedSender<Instant>) {
    shake_hands(&mut stream, 3).await;
    loop {
        let command = read_commands(&mut stream, 1).await;
        let answer = if command[0] == ["PING"] {
            let _ = pings.send(Instant::now());
            format!("{pong}\r\n").into_bytes()
        } else {
            usual(&command[0])
        };
        stream.write_all(&answer).await.unwrap();
    }
}

/// What a real server says to PING in a bad state proves its socket as well.
#[tokio::test(start_paused = true)]
async fn any_answer_to_a_ping_proves_the_socket() {
    for pong in [
        "+PONG",
        "-LOADING Redis is loading the dataset in memory",
        "-BUSY Redis is busy running a script.",
        "-MASTERDOWN Link with MASTER is down",
        "-MISCONF Redis is configured to save RDB snapshots",
        "-NOAUTH Authentication required.",
        "-ERR unknown command 'PING'",
        ">2\r\n+message\r\n+only a push\r\n+PONG",
    ] {
        let (connector, mut streams) = pipes(1 << 16);
        let (pings, mut pinged) = mpsc::unbounded_channel();
        let pool = builder(&far())
            .connector(connector)
            .ping_when_idle(5 * SECOND, 2 * SECOND)
            .build();
        let server = tokio::spawn(async move {
            serve(streams.recv().await.unwrap(), pong, pings).await;
        });
        pool.connect().await.unwrap();
        let start = Instant::now();
        for turn in 1..=20 {
            let at = pinged.recv().await.unwrap();
            let late = at - start - turn * 5 * SECOND;
            assert!(late < SECOND / 10, "{pong}: ping {turn} is {late:?} late");
        }
        sleep(SECOND).await;
        assert_eq!(texts(&send(&pool, &["GET a"]).await), ["a"]);
        let statistics = pool.statistics();
        assert_eq!((statistics.dials, statistics.connections_lost), (1, 0));
        assert_eq!((statistics.pings, statistics.in_flight), (20, 0));
        assert_eq!(statistics.commands, statistics.replies);
        server.abort();
    }
}

/// The peer takes everything and says nothing: the ping is given up, a command
/// behind it is told, and the next connection serves.
#[tokio::test(start_paused = true)]
async fn a_ping_without_an_answer_ends_the_connection() {
    let (connector, mut streams) = pipes(1 << 16);
    let pool = builder(&far())
        .connector(connector)
        .ping_when_idle(5 * SECOND, 2 * SECOND)
        .response_timeout(60 * SECOND)
        .build();
    let (pings, _pinged) = mpsc::unbounded_channel();
    let server = tokio::spawn(async move {
        let mut silent = streams.recv().await.unwrap();
        shake_hands(&mut silent, 3).await;
        let seen = read_commands(&mut silent, 2).await;
        assert_eq!(seen, [vec!["PING"], vec!["GET", "a"]]);
        // It is closed by us.
        assert_eq!(silent.read(&mut [0]).await.unwrap(), 0);
        serve(streams.recv().await.unwrap(), "+PONG", pings).await;
    });
    pool.connect().await.unwrap();
    let start = Instant::now();
    sleep(6 * SECOND).await;
    let answer = send(&pool, &["GET a"]).await;
    assert_eq!(fates(&answer, 1), "?");
    let error = answer.failure.unwrap().error;
    assert!(error.is_timeout() && error.is_network(), "{error}");
    assert!(error.to_string().contains("PING"), "{error}");
    let late = start.elapsed() - 7 * SECOND;
    assert!(late < SECOND / 10, "{late:?}");
    assert_eq!(texts(&send(&pool, &["GET b"]).await), ["b"]);
    assert_eq!(pool.statistics().dials, 2);
    server.abort();
}

/// R5: what is asked after a connection was given up for its silence keeps its
/// deadline, though the next dial hangs. Fails if the look that was taken at the
/// silent one is still due.
#[tokio::test(start_paused = true)]
async fn a_deadline_is_kept_while_the_dial_behind_a_silent_connection_hangs() {
    let (connector, mut streams) = pipes(1 << 16);
    let pool = builder(&far())
        .connector(connector)
        .response_timeout(2 * SECOND)
        .connect_timeout(60 * SECOND)
        .build();
    let server = tokio::spawn(async move {
        let mut silent = streams.recv().await.unwrap();
        shake_hands(&mut silent, 3).await;
        let _never_greeted = streams.recv().await.unwrap();
        std::future::pending::<()>().await;
    });
    pool.connect().await.unwrap();
    assert_eq!(fates(&send(&pool, &["GET a"]).await, 1), "?");
    for _ in 0..3 {
        let start = Instant::now();
        let sent = pool.send(words(&["GET b"]), start + SECOND, WhileAway::Wait);
        assert_eq!(fates(&sent.await, 1), "-");
        let late = start.elapsed() - SECOND;
        assert!(late < SECOND / 10, "{late:?}");
    }
    server.abort();
}

/// Nobody waits: the connection is replaced all the same, so that the next
/// command finds a good one.
#[tokio::test(start_paused = true)]
async fn a_dead_connection_is_replaced_before_anyone_needs_it() {
    let (connector, mut streams) = pipes(1 << 16);
    let pool = builder(&far()).connector(connector).build();
    let (pings, _pinged) = mpsc::unbounded_channel();
    let server = tokio::spawn(async move {
        let mut silent = streams.recv().await.unwrap();
        shake_hands(&mut silent, 3).await;
        serve(streams.recv().await.unwrap(), "+PONG", pings).await;
        drop(silent);
    });
    pool.connect().await.unwrap();
    sleep(28 * SECOND).await;
    let statistics = pool.statistics();
    assert_eq!((statistics.dials, statistics.connections_lost), (2, 1));
    assert!(statistics.connected);
    assert_eq!(texts(&send(&pool, &["GET a"]).await), ["a"]);
    server.abort();
}

/// A ping is no use: a pool that nobody uses pings on, and lets the connection
/// go for good once it is lost.
#[tokio::test(start_paused = true)]
async fn pings_do_not_keep_an_unused_pool_dialling() {
    let (connector, mut streams) = pipes(1 << 16);
    let pool = builder(&far()).connector(connector).build();
    let (pings, mut pinged) = mpsc::unbounded_channel();
    let server = tokio::spawn(async move {
        let stream = streams.recv().await.unwrap();
        tokio::select! {
            () = serve(stream, "+PONG", pings) => {}
            () = sleep(100 * SECOND) => {}
        }
        // Closed now; nobody is to come again before the pool is used.
        assert!(
            tokio::time::timeout(500 * SECOND, streams.recv())
                .await
                .is_err(),
            "it dialled again"
        );
        let (pings, _pinged) = mpsc::unbounded_channel();
        serve(streams.recv().await.unwrap(), "+PONG", pings).await;
    });
    pool.connect().await.unwrap();
    sleep(80 * SECOND).await;
    assert_eq!(pool.statistics().pings, 5, "one every 15 s");
    assert!(pool.statistics().connected);
    sleep(530 * SECOND).await;
    let statistics = pool.statistics();
    assert_eq!((statistics.dials, statistics.connected), (1, false));
    assert_eq!(texts(&send(&pool, &["GET a"]).await), ["a"]);
    while pinged.try_recv().is_ok() {}
    server.abort();
}

/// A ping that has not been written when its connection is lost is not written
/// on the next, and is no reason to dial.
#[tokio::test(start_paused = true)]
async fn a_ping_belongs_to_its_connection() {
    for used in [false, true] {
        // The pipe takes no byte of the ping.
        let (connector, mut streams) = pipes(1);
        let pool = builder(&far())
            .connector(connector)
            .ping_when_idle(40 * SECOND, 5 * SECOND)
            .build();
        let server = tokio::spawn(async move {
            let mut first = streams.recv().await.unwrap();
            shake_hands(&mut first, 3).await;
            // The first byte of something is in the pipe, and nobody reads it.
            sleep(42 * SECOND).await;
            drop(first);
            let mut second = streams.recv().await.unwrap();
            shake_hands(&mut second, 3).await;
            let first = read_commands(&mut second, 1).await;
            second.write_all(&usual(&first[0])).await.unwrap();
            let _ = second.read(&mut [0]).await;
            first
        });
        pool.connect().await.unwrap();
        sleep(41 * SECOND).await;
        assert_eq!(pool.statistics().pings, 1);
        let later = used.then(|| send(&pool, &["GET a"]));
        sleep(20 * SECOND).await;
        if let Some(later) = later {
            assert_eq!(texts(&later.await), ["a"]);
            pool.close();
            assert_eq!(server.await.unwrap(), [["GET", "a"]]);
        } else {
            assert_eq!(pool.statistics().dials, 1);
            server.abort();
        }
        let statistics = pool.statistics();
        assert_eq!((statistics.in_flight, statistics.queued_bytes), (0, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn who_wants_no_pings_gets_none() {
    let (connector, mut streams) = pipes(1 << 16);
    let pool = builder(&far()).connector(connector).never_ping().build();
    let (pings, mut pinged) = mpsc::unbounded_channel();
    let server = tokio::spawn(async move {
        serve(streams.recv().await.unwrap(), "+PONG", pings).await;
    });
    pool.connect().await.unwrap();
    sleep(1000 * SECOND).await;
    assert!(pinged.try_recv().is_err());
    assert_eq!(pool.statistics().pings, 0);
    assert_eq!(texts(&send(&pool, &["GET a"]).await), ["a"]);
    server.abort();
}

/// It takes a place of its own, whatever the bounds are and whoever waits.
#[tokio::test(start_paused = true)]
async fn a_ping_goes_beside_the_bounds() {
    let (connector, mut streams) = pipes(1 << 16);
    let pool = builder(&far())
        .connector(connector)
        .max_in_flight(1)
        .max_queued_bytes(1)
        .refuse_when_full()
        .build();
    let (pings, mut pinged) = mpsc::unbounded_channel();
    let server = tokio::spawn(async move {
        serve(streams.recv().await.unwrap(), "+PONG", pings).await;
    });
    for _ in 0..3 {
        assert_eq!(texts(&send(&pool, &["GET a"]).await), ["a"]);
        pinged.recv().await.unwrap();
        sleep(SECOND).await;
    }
    assert_eq!(pool.statistics().connections_lost, 0);
    server.abort();
}

/// Nothing is given up yet, but whoever asks is told that the node may be dead.
///
/// Fails when silence is told only once the connection is given up for it (let
/// `State::is_suspect` say no).
#[tokio::test(start_paused = true)]
async fn a_node_that_owes_a_reply_is_suspect_long_before_it_is_given_up() {
    let (connector, mut streams) = pipes(1 << 16);
    let pool = builder(&far())
        .connector(connector)
        .response_timeout(10 * SECOND)
        .build();
    let (answer, asked) = tokio::sync::oneshot::channel::<()>();
    let server = tokio::spawn(async move {
        let mut stream = streams.recv().await.unwrap();
        shake_hands(&mut stream, 3).await;
        let command = read_commands(&mut stream, 1).await;
        asked.await.unwrap();
        stream.write_all(&usual(&command[0])).await.unwrap();
        read_commands(&mut stream, 2).await
    });
    pool.connect().await.unwrap();
    sleep(5 * SECOND).await;
    assert!(pool.is_reachable(), "it owes nothing");
    let exchange = send(&pool, &["GET a"]);
    sleep(SECOND / 4).await;
    assert!(pool.is_reachable(), "it has time");
    sleep(SECOND / 2).await;
    assert!(!pool.is_reachable());
    answer.send(()).unwrap();
    assert_eq!(texts(&exchange.await), ["a"]);
    assert!(pool.is_reachable());
    assert_eq!(pool.statistics().connections_lost, 0);
    server.abort();
}
