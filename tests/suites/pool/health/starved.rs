//! A runtime that has no time (G9).

use std::future::poll_fn;
use std::task::Poll;
use std::thread::sleep;
use std::time::Duration;

use slotline_pool::{Pool, WhileAway};
use slotline_resp::Delivery;
use slotline_testkit::FaultProxy;
use slotline_tests::{in_time, server, until};
use tokio::runtime::Runtime;
use tokio::time::Instant;

use crate::setting::{BOTH, builder, send, texts, words};

const SHORT: Duration = Duration::from_millis(100);
/// So long that a machine which has much to do is no dead connection.
const LONG: Duration = Duration::from_secs(1);

/// The only thread is busy for longer than any timeout of the pool's. What the server
/// has answered meanwhile lies in the socket, and counts.
///
/// Fails when a connection that seems dead is not looked at again (in
/// `Driver::take_over`, lose it at the first look).
#[tokio::test]
async fn a_busy_runtime_takes_no_live_connection_for_a_dead_one() {
    let server = server().await;
    // Its own threads have time.
    let elsewhere = Runtime::new().expect("a runtime");
    let proxy = elsewhere.spawn(FaultProxy::before(server.address()));
    let proxy = in_time(proxy).await.expect("a task").expect("a proxy");
    // So that there is a time in which an answer is on its way.
    proxy.to_client().delay(LONG / 4);
    for protocol in BOTH {
        let pool = Pool::builder(proxy.address().into())
            .protocol(protocol)
            .response_timeout(LONG)
            .ping_when_idle(LONG, LONG)
            .build();
        for turn in 0..2 {
            assert_eq!(texts(&in_time(send(&pool, &["ECHO on"])).await), ["on"]);
            // Once in the middle of a request, once while a PING is under way.
            let first = if turn % 2 == 0 {
                let mut first = Box::pin(send(&pool, &["ECHO first"]));
                let polled = poll_fn(|cx| Poll::Ready(first.as_mut().poll(cx))).await;
                assert!(polled.is_pending());
                Some(first)
            } else {
                let before = pool.statistics().pings;
                until("it is pinged", async || pool.statistics().pings > before).await;
                None
            };
            // Wakes the task that serves the connection, which has not been told of
            // the answer yet when it runs.
            let second = send(&pool, &["ECHO second"]);
            sleep(2 * LONG);
            if let Some(first) = first {
                assert_eq!(texts(&in_time(first).await), ["first"]);
            }
            assert_eq!(texts(&in_time(second).await), ["second"]);
        }
        let statistics = pool.statistics();
        assert_eq!((statistics.dials, statistics.connections_lost), (1, 0));
    }
    drop(proxy);
    elsewhere.shutdown_background();
}

/// What was queued is not written once its deadline has passed, though no timer had
/// its turn.
///
/// Fails when the time is not looked at before what waits is let in (in
/// `Driver::take_over`, leave out `expire`).
#[tokio::test]
async fn what_comes_too_late_to_be_written_is_not_written() {
    let server = server().await;
    let pool = builder(&server, "late").max_in_flight(1).build();
    assert_eq!(texts(&send(&pool, &["ECHO on"]).await), ["on"]);
    // It holds the one place until its answer has been seen.
    let first = send(&pool, &["ECHO first"]);
    let late: Vec<_> = (0..10)
        .map(|_| {
            let deadline = Instant::now() + SHORT;
            pool.send(words(&["INCR late"]), deadline, WhileAway::Wait)
        })
        .collect();
    sleep(2 * SHORT);
    assert_eq!(texts(&in_time(first).await), ["first"]);
    for exchange in late {
        let answer = in_time(exchange).await;
        let failure = answer.failure.expect("it is too late");
        assert!(failure.error.is_timeout(), "{}", failure.error);
        assert_eq!(failure.delivery(0), Delivery::NotSent);
    }
    let count: Option<i64> = server.ask(&["GET", "late"]).await.expect("GET");
    assert_eq!(count, None);
}
