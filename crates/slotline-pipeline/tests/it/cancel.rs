//! Dropping a request's future, at whatever point, ends the request.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use slotline_pipeline::{ChunkLayer, Cluster, RedirectLayer, RetryLayer, RouteLayer};
use slotline_topology::slot_of;
use tower::{Service, ServiceBuilder, layer::layer_fn};

use crate::fake::{Cut, Fake};
use crate::rig::{call, outcomes, request};

/// Chunks, both nodes, a redirect, a wait, a retry: something to be dropped in
/// the middle of each.
fn eventful() -> (Fake, Cluster, [String; 4]) {
    let fake = Fake::new(2, 0);
    let cluster = Cluster::new(fake.topology());
    let (a, b) = (fake.key(7000, 0), fake.key(7001, 0));
    fake.move_slot(&a, 7001);
    fake.refuse(7001, "SET", "LOADING for a moment", 2);
    fake.cut(
        7000,
        Cut {
            runs: 0,
            answers: 0,
            first_unsent: 0,
        },
    );
    for port in [7000, 7001] {
        fake.set_delay(port, Duration::from_millis(3));
    }
    let lines = [
        format!("INCR {a}"),
        format!("SET {b} 1"),
        format!("INCR {b}"),
        format!("GET {a}"),
    ];
    assert_ne!(slot_of(&a), slot_of(&b));
    (fake, cluster, lines)
}

#[tokio::test(start_paused = true)]
async fn dropping_it_at_any_poll_leaves_nothing_that_runs_later() {
    let mut dropped = 0;
    loop {
        let (fake, cluster, lines) = eventful();
        let lines = lines.each_ref().map(String::as_str);
        let mut stack = ServiceBuilder::new()
            .layer(ChunkLayer::new().commands(2))
            .concurrency_limit(1)
            .layer(RetryLayer::default())
            .layer(RedirectLayer::new(cluster.clone()))
            .layer(RouteLayer::new(cluster))
            .layer(layer_fn(tower::util::BoxCloneSyncService::new))
            .concurrency_limit(1)
            .service(fake.clone());
        std::future::poll_fn(|cx| stack.poll_ready(cx))
            .await
            .unwrap();
        let finished = {
            let mut answer = pin!(stack.call(request(&lines)));
            let mut finished = false;
            for _ in 0..dropped {
                let mut context = Context::from_waker(Waker::noop());
                if let Poll::Ready(answer) = answer.as_mut().poll(&mut context) {
                    assert_eq!(outcomes(&answer.unwrap()), ["1", "OK", "2", "1"]);
                    finished = true;
                    break;
                }
                tokio::time::advance(Duration::from_millis(1)).await;
            }
            finished
        };
        let log = fake.log().len();
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(fake.log().len(), log, "dropped after {dropped} polls");
        // Nor is a place kept that another request would wait for.
        let response = call(stack.clone(), request(&["PING", "PING", "PING"])).await;
        assert_eq!(outcomes(&response.unwrap()), ["PONG"; 3]);
        if finished {
            break;
        }
        dropped += 1;
    }
    assert!(dropped > 15, "there was something to be dropped: {dropped}");
}
