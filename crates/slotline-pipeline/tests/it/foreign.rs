//! Layers that are not ours, above, below and between. With two primaries, `k`
//! is on 7000.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use slotline_pipeline::{
    ChunkLayer, Cluster, Error, RedirectLayer, Request, Response, RetryLayer, RouteLayer,
};
use tokio::time::Instant;
use tower::{Layer, Service, ServiceBuilder, ServiceExt, layer::layer_fn};

use crate::fake::Fake;
use crate::rig::{PATIENCE, call, outcomes, request};

fn two_primaries() -> (Fake, Cluster, String) {
    let fake = Fake::new(2, 0);
    let cluster = Cluster::new(fake.topology());
    let other = format!("INCR {}", fake.key(7001, 0));
    (fake, cluster, other)
}

#[tokio::test(start_paused = true)]
async fn a_timeout_between_layers_leaves_it_open_whether_commands_ran() {
    let (fake, cluster, other) = two_primaries();
    fake.set_delay(7000, Duration::from_millis(500));
    let stack = ServiceBuilder::new()
        .layer(RetryLayer::default())
        .timeout(Duration::from_millis(100))
        .layer(RedirectLayer::new(cluster.clone()))
        .layer(RouteLayer::new(cluster))
        .service(fake);
    let response = call(stack, request(&["INCR k", &other])).await.unwrap();
    assert_eq!(outcomes(&response), ["!ambiguous layer"; 2]);
}

#[tokio::test(start_paused = true)]
async fn a_timeout_around_the_nodes_takes_one_node_only() {
    let (fake, cluster, other) = two_primaries();
    fake.set_delay(7000, Duration::from_millis(500));
    let boxed = layer_fn(|inner: tower::timeout::Timeout<Fake>| {
        tower::util::BoxCloneSyncService::new(inner)
    });
    // A part's future must be Unpin, which boxing makes it.
    let stack = ServiceBuilder::new()
        .layer(RedirectLayer::new(cluster.clone()))
        .layer(RouteLayer::new(cluster))
        .layer(boxed)
        .timeout(Duration::from_millis(100))
        .service(fake);
    let response = call(stack, request(&["INCR k", &other])).await.unwrap();
    assert_eq!(outcomes(&response), ["!ambiguous layer", "1"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_shed_was_not_sent() {
    let (fake, cluster, other) = two_primaries();
    fake.set_delay(7000, Duration::from_millis(10));
    let stack = ServiceBuilder::new()
        .layer(RetryLayer::default())
        .layer(RedirectLayer::new(cluster.clone()))
        .load_shed()
        .concurrency_limit(1)
        .layer(RouteLayer::new(cluster))
        .service(fake.clone());
    let (first, second) = ("INCR k", other.as_str());
    let (first, second) = tokio::join!(
        call(stack.clone(), request(&[first])),
        call(stack, request(&[second, second])),
    );
    assert_eq!(outcomes(&first.unwrap()), ["1"]);
    assert_eq!(outcomes(&second.unwrap()), ["!not sent layer"; 2]);
    assert_eq!(fake.ran("INCR"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_split_does_not_wait_for_its_own_reservation() {
    let (fake, cluster, other) = two_primaries();
    let mut stack = ServiceBuilder::new()
        .layer(ChunkLayer::new().commands(3))
        .concurrency_limit(1)
        .layer(RetryLayer::default())
        .layer(RedirectLayer::new(cluster.clone()))
        .layer(RouteLayer::new(cluster))
        .layer(layer_fn(tower::util::BoxCloneSyncService::new))
        .concurrency_limit(1)
        .service(fake);
    let pieces = ["INCR k", &other, "INCR k", "INCR k", &other];
    let whole = ["GET k", &other.replace("INCR", "GET")];
    let began = Instant::now();
    // The stack itself lives on, and whatever it holds with it.
    for round in 0..3 {
        let (k, other) = (3 * round, 2 * round);
        let counted = [k + 1, other + 1, k + 2, k + 3, other + 2].map(|n| n.to_string());
        let response = stack.ready().await.unwrap().call(request(&pieces)).await;
        assert_eq!(outcomes(&response.unwrap()), counted);
        let response = stack.ready().await.unwrap().call(request(&whole)).await;
        assert_eq!(outcomes(&response.unwrap()), counted[3..]);
    }
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn waiting_for_room_ends_at_the_deadline() {
    let (fake, cluster, _) = two_primaries();
    fake.set_delay(7000, Duration::from_millis(10));
    let mut limited = ServiceBuilder::new()
        .concurrency_limit(1)
        .layer(RouteLayer::new(cluster))
        .service(fake.clone());
    let chunk = ChunkLayer::new().commands(1).in_flight(1);
    let stack = chunk.layer(limited.clone());
    let began = Instant::now();
    let (response, ()) = tokio::join!(call(stack, request(&["INCR k", "INCR k"])), async {
        // Takes the only place once the first piece has left it, and keeps it.
        limited.ready().await.unwrap();
    });
    assert_eq!(outcomes(&response.unwrap()), ["1", "!not sent timeout"]);
    assert!(began.elapsed() <= PATIENCE + Duration::from_millis(1));
    assert_eq!(fake.ran("INCR"), 1);
}

/// A layer of the reader's own: counts requests, and refuses more than a few.
#[derive(Clone)]
struct Few<S> {
    inner: S,
    calls: Arc<AtomicUsize>,
    most: usize,
}

impl<S> Service<Request> for Few<S>
where
    S: Service<Request, Response = Response, Error = Error>,
{
    type Response = Response;
    type Error = Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if self.calls.load(Ordering::Relaxed) >= self.most {
            return Poll::Ready(Err(Error::of_layer("no more today")));
        }
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> S::Future {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.inner.call(request)
    }
}

fn few<S>(calls: &Arc<AtomicUsize>, most: usize) -> impl Layer<S, Service = Few<S>> {
    layer_fn(move |inner| Few {
        inner,
        calls: Arc::clone(calls),
        most,
    })
}

#[tokio::test(start_paused = true)]
async fn a_layer_of_the_readers_own_sees_every_attempt() {
    let (fake, cluster, other) = two_primaries();
    fake.refuse(7000, "INCR", "LOADING for a moment", 4);
    let calls = Arc::default();
    let stack = ServiceBuilder::new()
        .layer(ChunkLayer::new())
        .layer(RetryLayer::default())
        .layer(RedirectLayer::new(cluster.clone()))
        .layer(few(&calls, usize::MAX))
        .layer(RouteLayer::new(cluster))
        .service(fake);
    let response = call(stack, request(&["INCR k", &other])).await.unwrap();
    assert_eq!(outcomes(&response), ["1", "1"]);
    assert_eq!(calls.load(Ordering::Relaxed), 5);
}

#[tokio::test(start_paused = true)]
async fn what_a_layer_never_let_through_was_not_sent() {
    let (fake, cluster, _) = two_primaries();
    let calls = Arc::default();
    let stack = ServiceBuilder::new()
        .layer(ChunkLayer::new().commands(1))
        .layer(few(&calls, 2))
        .layer(RedirectLayer::new(cluster.clone()))
        .layer(RouteLayer::new(cluster))
        .service(fake.clone());
    let response = call(stack, request(&["INCR k", "INCR k", "INCR k"])).await;
    let outcomes = outcomes(&response.unwrap());
    assert_eq!(outcomes, ["1", "2", "!not sent layer"]);
    assert_eq!(fake.ran("INCR"), 2);
}

/// Everything of tower's that waits, refuses, bounds or ends, between every two
/// layers at once; the lowest is boxed, since a part's future must be `Unpin`.
#[tokio::test(start_paused = true)]
async fn towers_own_layers_fit_between_any_two() {
    let (fake, cluster, other) = two_primaries();
    let second = Duration::from_secs(1);
    let lowest = ServiceBuilder::new()
        .load_shed()
        .buffer(8)
        .concurrency_limit(8)
        .timeout(second)
        .service(fake.clone());
    let lowest = tower::util::BoxCloneSyncService::new(lowest);
    let stack = ServiceBuilder::new()
        .load_shed()
        .buffer(8)
        .concurrency_limit(8)
        .timeout(second)
        .layer(ChunkLayer::new().commands(2))
        .load_shed()
        .buffer(8)
        .concurrency_limit(8)
        .timeout(second)
        .layer(RetryLayer::default())
        .load_shed()
        .buffer(8)
        .concurrency_limit(8)
        .timeout(second)
        .layer(RedirectLayer::new(cluster.clone()))
        .load_shed()
        .buffer(8)
        .concurrency_limit(8)
        .timeout(second)
        .layer(RouteLayer::new(cluster))
        .service(lowest);
    fake.move_slot("{k}", 7001);
    let lines = ["INCR {k}", &other, "INCR {k}", "GET {k}", "INCR {k}"];
    for _ in 0..3 {
        let response = call(stack.clone(), request(&lines)).await.unwrap();
        let outcomes = outcomes(&response);
        assert!(
            outcomes
                .iter()
                .all(|outcome| !outcome.starts_with(['!', '-'])),
            "{outcomes:?}"
        );
    }
    assert_eq!(fake.value(7001, "{k}").as_deref(), Some("9"));
    assert!(fake.answered("-MOVED") > 0, "the fault took place");
}
