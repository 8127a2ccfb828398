//! Nodes that cannot be reached or take nobody: told, not stormed (E5).

use std::sync::atomic::Ordering::SeqCst;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::sleep;

use super::server::{pipes, read_commands, script, shake_hands, usual};
use super::waiting::{away_until, far};
use super::*;

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn after_enough_failed_dials_requests_fail_at_once_until_one_succeeds() {
    let (connector, dials) = away_until(12);
    let pool = builder(&far())
        .connector(connector)
        .fail_fast_after(4)
        .build();
    // Those that wait are told when the limit is reached, not before.
    let (first, second) = tokio::join!(send(&pool, &["GET a", "GET b"]), send(&pool, &["GET c"]));
    assert_eq!(dials.load(SeqCst), 4);
    for (answer, count) in [(first, 2), (second, 1)] {
        assert_eq!(fates(&answer, count), "--"[..count]);
        let error = answer.failure.unwrap().error;
        assert!(error.is_handshake() && error.is_network(), "{error}");
        assert_eq!(error.step(), Some("connect"));
    }
    // Whoever comes now is told at once, with the last dial's error.
    let start = Instant::now();
    for _ in 0..10 {
        let mut exchange = std::pin::pin!(send(&pool, &["GET d"]));
        let answer = poll_once(exchange.as_mut()).await.expect("at once");
        assert_eq!(fates(&answer, 1), "-");
        assert!(answer.failure.unwrap().error.is_handshake());
    }
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!(pool.statistics().failed_fast, 10);
    // The keeper goes on by itself, and then nobody is turned away any more.
    sleep(15 * SECOND).await;
    assert_eq!(dials.load(SeqCst), 13);
    assert_eq!(texts(&send(&pool, &["GET e"]).await), ["e"]);
    assert_eq!(pool.statistics().failed_fast, 10);
}

/// It had stopped dialling: what the last dial met is no answer to a request
/// that comes much later.
#[tokio::test(start_paused = true)]
async fn a_pool_that_was_unused_tries_once_before_it_fails_fast_again() {
    for comes_back in [false, true] {
        let (connector, mut streams) = pipes(1 << 16);
        let pool = builder(&far())
            .connector(connector)
            .fail_fast_after(1)
            .build();
        let server = tokio::spawn(async move {
            let start = Instant::now();
            while let Some(mut stream) = streams.recv().await {
                if comes_back && start.elapsed() > 300 * SECOND {
                    shake_hands(&mut stream, 3).await;
                    shake_hands(&mut stream, 1).await;
                    let _ = stream.read(&mut [0]).await;
                }
            }
        });
        assert_eq!(fates(&send(&pool, &["GET a"]).await, 1), "-");
        sleep(600 * SECOND).await;
        let before = pool.statistics();
        let answer = send(&pool, &["GET b"]).await;
        if comes_back {
            assert_eq!(texts(&answer), ["b"]);
        } else {
            assert_eq!(fates(&answer, 1), "-");
        }
        let after = pool.statistics();
        assert_eq!((after.dials, after.failed_fast), (before.dials + 1, 0));
        server.abort();
    }
}

/// How many dials are made in a minute to a node that is away.
async fn dials_in_a_minute(least: Duration, most: Duration) -> usize {
    let (connector, dials) = away_until(usize::MAX);
    let pool = builder(&far())
        .connector(connector)
        .reconnect_pause(least, most)
        .build();
    let deadline = Instant::now() + 60 * SECOND;
    let answer = pool
        .send(words(&["GET k"]), deadline, WhileAway::Wait)
        .await;
    assert!(answer.failure.unwrap().error.is_timeout());
    dials.load(SeqCst)
}

#[tokio::test(start_paused = true)]
async fn the_pauses_between_dials_are_as_set() {
    for (least, most, expected) in [
        // Half the bound on average; the ranges are many standard deviations wide.
        (SECOND, SECOND, 60..240),
        (10 * SECOND, SECOND, 5..40),
        (SECOND / 100, 10 * SECOND, 10..60),
    ] {
        let dials = dials_in_a_minute(least, most).await;
        assert!(
            expected.contains(&dials),
            "{least:?} to {most:?}: {dials} dials"
        );
    }
}

const FULL: &str = "ERR max number of clients reached";
const DENIED: &str = "DENIED Redis is running in protected mode because";

/// A server that takes nobody says so without being asked, and closes: it is a
/// dial that failed, whether our HELLO was written before or not.
#[tokio::test(start_paused = true)]
async fn an_unsolicited_refusal_is_a_failed_dial() {
    for line in [FULL, DENIED] {
        // Before anything of ours was written; in the middle; after all of it.
        for read in [0, 1, 1 << 16] {
            let (connector, mut streams) = pipes(if read == 1 { 8 } else { 1 << 16 });
            let pool = builder(&far()).connector(connector).build();
            let server = tokio::spawn(async move {
                let mut turned_away = 0;
                while let Some(mut stream) = streams.recv().await {
                    if read > 0 {
                        let got = stream.read(&mut vec![0; read]).await.unwrap();
                        assert!(got > 0);
                    }
                    stream
                        .write_all(format!("-{line}\r\n").as_bytes())
                        .await
                        .unwrap();
                    turned_away += 1;
                    if turned_away == 3 {
                        break;
                    }
                }
            });
            let error = pool.connect().await.unwrap_err();
            let shown = format!("{error}, after {read} bytes");
            assert_eq!(error.step(), Some("HELLO"), "{shown}");
            assert_eq!(error.code(), line.split(' ').next(), "{shown}");
            assert!(shown.contains(line), "{shown}");
            // Waiting may help against the first, not against the second.
            assert_eq!(error.is_network(), line == FULL, "{shown}");
            let statistics = pool.statistics();
            assert_eq!(
                (
                    statistics.dials,
                    statistics.failed_dials,
                    statistics.connections_lost
                ),
                (1, 1, 0),
                "{shown}"
            );
            server.abort();
        }
    }
}

/// The same over TCP, where a close with bytes unread resets the connection; and
/// in the end there is room.
#[tokio::test]
async fn a_full_server_is_waited_for() {
    for reads in [false, true] {
        let address = script(move |index, mut stream| async move {
            if index < 6 {
                if reads {
                    read_commands(&mut stream, 1).await;
                }
                let _ = stream.write_all(format!("-{FULL}\r\n").as_bytes()).await;
                return;
            }
            loop {
                let command = read_commands(&mut stream, 1).await;
                let answer = usual(&command[0]);
                stream.write_all(&answer).await.unwrap();
            }
        })
        .await;
        let pool = builder(&address).build();
        let error = pool.connect().await.unwrap_err();
        assert!(error.to_string().contains(FULL), "{error}");
        assert_eq!(texts(&send(&pool, &["GET k"]).await), ["k"]);
        let statistics = pool.statistics();
        assert_eq!((statistics.dials, statistics.failed_dials), (7, 6));
    }
}

/// Found by the simulation: the second look at the connection before must not make
/// the pool forget the deadlines of those who wait for the next.
#[tokio::test(start_paused = true)]
async fn a_deadline_is_kept_while_a_connection_that_fell_silent_is_replaced() {
    let (connector, mut streams) = pipes(64);
    let pool = builder(&far())
        .connector(connector)
        .response_timeout(3 * SECOND)
        .build();
    let server = tokio::spawn(async move {
        let mut silent = streams.recv().await.unwrap();
        shake_hands(&mut silent, 3).await;
        // The next stays silent from the beginning.
        let next = streams.recv().await.unwrap();
        std::future::pending::<()>().await;
        drop((silent, next));
    });
    pool.connect().await.unwrap();
    let answer = send(&pool, &["GET a"]).await;
    assert_eq!(fates(&answer, 1), "?");

    let start = Instant::now();
    let deadline = start + SECOND;
    let answer = pool
        .send(words(&["GET b"]), deadline, WhileAway::Wait)
        .await;
    assert_eq!(fates(&answer, 1), "-");
    assert!(answer.failure.unwrap().error.is_timeout());
    let late = start.elapsed() - SECOND;
    assert!(late < Duration::from_millis(100), "{late:?}");
    server.abort();
}
