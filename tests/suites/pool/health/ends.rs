//! Pools that end: dropped at any moment (G7), or drained.

use std::time::Duration;

use slotline_testkit::Node;
use slotline_tests::{connections_of, in_time, server, until};
use tokio::runtime::Handle;
use tokio::time::Instant;

use crate::setting::{Dice, admin, builder, late, send, texts};

async fn is_left_alone(node: &Node, name: &str) {
    until("every connection is closed", async || {
        connections_of(node, name).await.is_empty()
    })
    .await;
}

/// Fails when a dropped line does not close (`Drop for Line`): connections and tasks
/// stay.
#[tokio::test(flavor = "multi_thread")]
async fn a_pool_that_is_dropped_at_any_moment_leaves_nothing() {
    let server = server().await;
    let metrics = Handle::current().metrics();
    let mut dice = Dice(0x5eed);
    // Once first, so that whatever is made once is there.
    drop(builder(&server, "dropped").build().connect().await);
    is_left_alone(&server, "dropped").await;
    let tasks_before = metrics.num_alive_tasks();
    let (mut most, mut resolved, mut in_vain) = (0, 0, 0);
    for turn in 0..1000 {
        let pool = builder(&server, "dropped").connections(2).build();
        let asked = dice.roll(8);
        let mut exchanges: Vec<_> = (0..asked)
            .map(|n| send(&pool, &[format!("ECHO {turn}:{n}")]))
            .collect();
        // Some leave before their pool does.
        exchanges.truncate(dice.roll(9) as usize);
        match dice.roll(4) {
            0 => {}
            1 => tokio::task::yield_now().await,
            _ => tokio::time::sleep(Duration::from_micros(dice.roll(3000))).await,
        }
        most = most.max(metrics.num_alive_tasks());
        drop(pool);
        for exchange in exchanges {
            let answer = in_time(exchange).await;
            match answer.failure {
                None => resolved += 1,
                Some(failure) => {
                    assert!(failure.error.is_closed(), "{}", failure.error);
                    in_vain += 1;
                }
            }
        }
    }
    println!("{resolved} answered, {in_vain} in vain");
    assert!(resolved > 100 && in_vain > 100, "{resolved}, {in_vain}");
    assert!(most > tasks_before);
    is_left_alone(&server, "dropped").await;
    until("no task is left", async || {
        metrics.num_alive_tasks() <= tasks_before
    })
    .await;
}

/// Everything that was accepted has run once and is answered; nothing comes later.
///
/// Fails when a drain closes at once (in `State::has_closed`): what was accepted comes
/// to nothing.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_accepted_before_a_drain_is_answered() {
    let server = server().await;
    let pool = builder(&server, "drained")
        .connections(2)
        .max_in_flight(50)
        .build();
    let all: Vec<_> = (0..1000)
        .map(|_| tokio::spawn(send(&pool, &["INCR n"])))
        .collect();
    let drained = pool.clone();
    let drained = tokio::spawn(async move { drained.drain(late()).await });
    let mut accepted = 1000;
    loop {
        let Some(failure) = send(&pool, &["INCR n"]).await.failure else {
            accepted += 1;
            continue;
        };
        assert!(failure.error.is_closed(), "{}", failure.error);
        break;
    }
    drained.await.expect("it is drained");
    is_left_alone(&server, "drained").await;
    for exchange in all {
        let answer = exchange.await.expect("a task");
        assert_eq!(answer.replies.len(), 1, "{:?}", answer.failure);
    }
    let count: usize = server.ask(&["GET", "n"]).await.expect("GET");
    assert_eq!(count, accepted);
}

/// A server that does not answer in time: what has been written is in doubt, the rest
/// was not sent, and all of it is told by the deadline.
///
/// Fails when a drain has no deadline (in `State::has_closed` and `Line::drained`).
#[tokio::test]
async fn a_drain_ends_by_its_deadline() {
    let server = server().await;
    let pool = builder(&server, "drained").max_in_flight(1).build();
    assert_eq!(texts(&send(&pool, &["INCR n"]).await), ["1"]);
    admin(&server, "CLIENT PAUSE 3000 WRITE").await;
    let under_way = tokio::spawn(send(&pool, &["INCR n"]));
    let waiting = tokio::spawn(send(&pool, &["INCR n"]));
    until("one is written", async || pool.statistics().waiting == 1).await;
    in_time(pool.drain(Instant::now() + Duration::from_millis(300))).await;
    for (exchange, first_unsent) in [(under_way, 1), (waiting, 0)] {
        let failure = exchange.await.expect("a task").failure.expect("no answer");
        assert!(failure.error.is_closed());
        assert_eq!(failure.first_unsent, first_unsent);
    }
    is_left_alone(&server, "drained").await;
    admin(&server, "CLIENT UNPAUSE").await;
    let count: i64 = server.ask(&["GET", "n"]).await.expect("GET");
    assert!(count <= 2, "what was not sent has run");
}
