//! A runtime that has no time (G9).

use std::future::poll_fn;
use std::task::Poll;
use std::thread::sleep;
use std::time::Duration;

use slotline_pool::WhileAway;
use slotline_resp::Delivery;
use slotline_tests::{in_time, server};
use tokio::time::Instant;

use crate::setting::{BOTH, builder, meanwhile, send, texts, words};

const SHORT: Duration = Duration::from_millis(100);

/// The only thread is busy for longer than any timeout of the pool's. What the server
/// has answered meanwhile lies in the socket, and counts.
///
/// Fails when a connection that is overdue is given up before it has been read from
/// (in `Driver::poll`, look at the time first).
#[tokio::test]
async fn a_busy_runtime_takes_no_live_connection_for_a_dead_one() {
    let server = server().await;
    for protocol in BOTH {
        let pool = builder(&server, "busy")
            .protocol(protocol)
            .response_timeout(SHORT)
            .ping_when_idle(SHORT, SHORT)
            .build();
        for turn in 0..20 {
            let text = format!("{turn}");
            assert_eq!(
                texts(&in_time(send(&pool, &[format!("ECHO {text}")])).await),
                [text]
            );
            // Once in the middle of a request, once while a PING is under way, or
            // about to be.
            let mut exchange = Box::pin(send(&pool, &["ECHO busy"]));
            if turn % 2 == 0 {
                // Nobody but the task that serves the connection is to run.
                let polled = poll_fn(|cx| Poll::Ready(exchange.as_mut().poll(cx))).await;
                assert!(polled.is_pending());
                // Wakes that task, which has not been told of the answer yet.
                let other = Box::pin(send(&pool, &["ECHO other"]));
                sleep(4 * SHORT);
                assert_eq!(texts(&in_time(other).await), ["other"]);
            } else {
                // A PING is under way, or about to be.
                meanwhile(100).await;
                sleep(4 * SHORT);
            }
            assert_eq!(texts(&in_time(exchange).await), ["busy"]);
        }
        let statistics = pool.statistics();
        assert_eq!((statistics.dials, statistics.connections_lost), (1, 0));
        assert!(statistics.pings > 0);
    }
}

/// What was queued is not written once its deadline has passed, though no timer had
/// its turn.
///
/// Fails when the driver writes what is dead (let `Protocol::is_dead` say no).
#[tokio::test]
async fn what_comes_too_late_to_be_written_is_not_written() {
    let server = server().await;
    let pool = builder(&server, "late").max_in_flight(1).build();
    assert_eq!(texts(&send(&pool, &["ECHO on"]).await), ["on"]);
    let tasks: Vec<_> = (0..10)
        .map(|_| {
            let deadline = Instant::now() + SHORT;
            tokio::spawn(pool.send(words(&["INCR late"]), deadline, WhileAway::Wait))
        })
        .collect();
    // None of them has been polled, or one at most.
    sleep(2 * SHORT);
    for task in tasks {
        let answer = task.await.expect("a task");
        let failure = answer.failure.expect("it is too late");
        assert!(failure.error.is_timeout(), "{}", failure.error);
        assert_eq!(failure.delivery(0), Delivery::NotSent);
    }
    let count: Option<i64> = server.ask(&["GET", "late"]).await.expect("GET");
    assert_eq!(count, None);
}
