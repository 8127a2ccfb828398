//! Many transactions on one connection, and callers who leave.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use slotline::Client;
use slotline_tests::{calls, reset_counters, server};
use tokio::task::JoinSet;

/// Whether it has ended by the time that its caller loses patience, after so many
/// turns: timers are too coarse.
async fn is_waited_for<F: Future>(waited: F, turns: u64) -> bool {
    let mut waited = pin!(waited);
    for _ in 0..=turns {
        if poll_fn(|cx| Poll::Ready(waited.as_mut().poll(cx).is_ready())).await {
            return true;
        }
        tokio::task::yield_now().await;
    }
    false
}

/// All tasks share one connection; each counts on two counters of its own, and some
/// callers leave at any moment.
///
/// Fails when a transaction is handed to the connection in two batches (in `nodes.rs`,
/// send its halves one after the other): other tasks' commands fall between them, and
/// a caller who leaves takes one half along.
#[tokio::test(flavor = "multi_thread")]
async fn nobodys_commands_fall_into_a_transaction_and_whoever_leaves_breaks_none() {
    let server = server().await;
    let client = Client::connect(server.url()).await.expect("connecting");
    reset_counters(&[server.node().clone()]).await;
    let mut tasks = JoinSet::new();
    for task in 0..32_u64 {
        let client = client.clone();
        tasks.spawn(async move {
            let keys = [format!("x:{task}"), format!("y:{task}")];
            let mut left = 0;
            let mut last = 0;
            for round in 0..200_u64 {
                let plain = client.incr(format!("plain:{task}")).await.expect("INCR");
                assert_eq!(plain, round as i64 + 1);
                let transaction = client.transaction(|t| {
                    t.incr(&keys[0]);
                    t.incr(&keys[1]);
                });
                if (round + task) % 3 == 0 {
                    left += u64::from(!is_waited_for(transaction, round % 8).await);
                    continue;
                }
                let both: (i64, i64) = transaction.await.expect("EXEC").decode_all().expect("two");
                assert_eq!(both.0, both.1);
                assert!(both.0 > last, "{} after {last}", both.0);
                last = both.0;
            }
            left
        });
    }
    let left: u64 = tasks.join_all().await.into_iter().sum();
    for task in 0..32 {
        let both: (i64, i64) = client
            .pipelined(|p| {
                p.get(format!("x:{task}"));
                p.get(format!("y:{task}"));
            })
            .await
            .expect("GET");
        assert_eq!(both.0, both.1);
    }
    let (begun, ended) = (
        calls(server.node(), "multi").await,
        calls(server.node(), "exec").await,
    );
    println!("{begun} transactions, {left} callers left");
    assert!(left > 100 && begun > 4_000);
    assert_eq!(begun, ended);
}
