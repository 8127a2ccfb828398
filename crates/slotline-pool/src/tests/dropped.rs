//! Every public future is polled any number of times and dropped: nothing stays
//! behind, and nobody's reply is shifted (A8, R2).

use super::server::{Server, usual};
use super::*;
use crate::EventKind;

/// Polls a future so many times, with a turn for everybody else in between, and
/// drops it; whether it had come to its end.
async fn dropped_after<F: Future>(times: usize, future: F) -> bool {
    let mut future = std::pin::pin!(future);
    for _ in 0..times {
        if poll_once(future.as_mut()).await.is_some() {
            return true;
        }
        tokio::task::yield_now().await;
    }
    false
}

/// Drops what `make` makes after 0, 1, 2 … polls until it comes to its end. After
/// each the pool must answer somebody else, and hold nothing.
async fn every_time<F: Future>(pool: &Pool, mut make: impl FnMut() -> F) -> usize {
    for times in 0.. {
        let is_done = dropped_after(times, make()).await;
        let text = format!("after{times}");
        let answer = send(pool, &[&format!("ECHO {text}")]).await;
        assert_eq!(texts(&answer), [text]);
        let held = pool.statistics();
        assert_eq!((held.in_flight, held.queued_bytes, held.waiting), (0, 0, 0));
        if is_done {
            return times;
        }
    }
    0
}

#[tokio::test]
async fn an_exchange_can_be_dropped_after_any_poll() {
    let server = Server::start(|_, command| Some(usual(command))).await;
    let pool = builder(&server.address).build();
    // With a dial under way, on a connection, and behind somebody else's batch.
    let lines = ["GET a", "ECHO b", "GET c"];
    let while_dialling = every_time(&pool, || {
        pool.quarantine();
        send(&pool, &lines)
    });
    let polls = while_dialling.await;
    assert!(polls > 3, "{polls} polls while dialling");
    let polls = every_time(&pool, || send(&pool, &lines)).await;
    assert!(polls > 1, "{polls} polls on a connection");
    let behind = every_time(&pool, || async {
        let others = send(&pool, &["GET x", "GET y"]);
        let own = send(&pool, &lines).await;
        assert_eq!(texts(&own), ["a", "b", "c"]);
        assert_eq!(texts(&others.await), ["x", "y"]);
    });
    assert!(behind.await > 1);
}

#[tokio::test]
async fn an_exchange_that_waits_for_room_can_be_dropped_after_any_poll() {
    let server = Server::start(|_, command| Some(usual(command))).await;
    let pool = builder(&server.address).max_in_flight(2).build();
    let polls = every_time(&pool, || async {
        let first = send(&pool, &["GET a", "GET b"]);
        let second = send(&pool, &["GET c", "GET d"]);
        let third = send(&pool, &["GET e"]);
        assert_eq!(texts(&third.await), ["e"]);
        assert_eq!(texts(&second.await), ["c", "d"]);
        assert_eq!(texts(&first.await), ["a", "b"]);
    });
    assert!(polls.await > 2);
}

#[tokio::test]
async fn connect_can_be_dropped_after_any_poll() {
    let server = Server::start(|_, command| Some(usual(command))).await;
    let pool = builder(&server.address).build();
    let polls = every_time(&pool, || {
        pool.quarantine();
        async {
            // The quarantined connection ends first.
            while pool.statistics().connected {
                tokio::task::yield_now().await;
            }
            pool.connect().await.unwrap();
        }
    });
    let polls = polls.await;
    assert!(polls > 3, "{polls} polls");
    let statistics = pool.statistics();
    assert_eq!(statistics.failed_dials, 0);
    assert_eq!(server.dials() as u64, statistics.dials);
}

/// A wait for an event is dropped after 0, 1, 2 … polls, and another takes its place:
/// each event is told once, in its order.
#[tokio::test]
async fn waiting_for_an_event_can_be_dropped_after_any_poll() {
    let server = Server::start(|_, command| Some(usual(command))).await;
    let pool = builder(&server.address).build();
    pool.connect().await.unwrap();
    let mut events = pool.events();
    for times in 0..5 {
        assert!(!dropped_after(times, events.next()).await);
        pool.quarantine();
        let mut kinds = Vec::new();
        while kinds.last().is_none_or(|last| *last != "connected") {
            for polls in 0..3 {
                let mut waiting = std::pin::pin!(events.next());
                for _ in 0..polls {
                    if let Some(event) = poll_once(waiting.as_mut()).await {
                        kinds.push(match event.unwrap().unwrap().kind {
                            EventKind::Quarantined => "quarantined",
                            EventKind::Lost(_) => "lost",
                            EventKind::Dialling { .. } => "dialling",
                            EventKind::Connected(_) => "connected",
                            other => panic!("{other}"),
                        });
                        break;
                    }
                    tokio::task::yield_now().await;
                }
            }
        }
        assert_eq!(kinds, ["quarantined", "lost", "dialling", "connected"]);
    }
}
