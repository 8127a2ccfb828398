//! Layers of others, and one of our own, between Slotline's.
//!
//! Run with `cargo run -p slotline-pipeline --example own_layer`. The node is made
//! up: it is loading at first, and slow the second time.

use std::error::Error as StdError;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use slotline_pipeline::{
    ChunkLayer, Cluster, Error, Explain, Part, PartResponse, RedirectLayer, Request, Response,
    RetryLayer, RouteLayer,
};
use slotline_resp::{CommandBuffer, Replies, known};
use slotline_topology::{Endpoint, Topology};
use tokio::time::{Instant, sleep};
use tower::layer::layer_fn;
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};

/// Tells of every attempt how many commands it had and how long it took.
#[derive(Clone)]
struct Stopwatch<S> {
    inner: S,
}

impl<S> Service<Request> for Stopwatch<S>
where
    S: Service<Request, Response = Response>,
    S::Future: Unpin,
{
    type Response = Response;
    type Error = S::Error;
    type Future = Timed<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Timed<S::Future> {
        Timed {
            commands: request.len(),
            began: Instant::now(),
            inner: self.inner.call(request),
        }
    }
}

struct Timed<F> {
    commands: usize,
    began: Instant,
    inner: F,
}

impl<F, E> Future for Timed<F>
where
    F: Future<Output = Result<Response, E>> + Unpin,
{
    type Output = Result<Response, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = ready!(Pin::new(&mut self.inner).poll(cx));
        let troubles = answer.iter().flat_map(Response::troubles).count();
        println!(
            "{} command(s), {troubles} in trouble, {:?}",
            self.commands,
            self.began.elapsed()
        );
        Poll::Ready(answer)
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn StdError>> {
    let made_up = Endpoint::new("made.up", 7000);
    let cluster = Cluster::new(Topology::builder().shard([0..=16383], made_up, []).build());
    let calls = Arc::new(AtomicUsize::new(0));
    let node = service_fn(move |part: Part| {
        let call = calls.fetch_add(1, Ordering::Relaxed);
        Box::pin(async move {
            let reply = match call {
                0 => "-LOADING the dataset\r\n",
                _ => "$5\r\nvalue\r\n",
            };
            if call == 1 {
                sleep(Duration::from_millis(50)).await;
            }
            let mut replies = Replies::new();
            for _ in part.commands.iter() {
                replies.push_segment(reply.into(), [reply.len()]);
            }
            Ok::<_, Error>(PartResponse {
                replies,
                failure: None,
            })
        })
    });

    let client = ServiceBuilder::new()
        .layer(ChunkLayer::new())
        // No more than 16 requests at once, however long each is retried; who comes
        // when they are all in use is refused instead of kept waiting.
        .load_shed()
        .concurrency_limit(16)
        .layer(RetryLayer::default())
        // A queue of its own, worked off by a task of its own.
        .buffer(64)
        // No longer than this for one attempt, with all its redirects.
        .timeout(Duration::from_secs(1))
        .layer(RedirectLayer::new(cluster.clone()))
        // Between Redirect and Route, so that it sees every hop.
        .layer(layer_fn(|inner| Stopwatch { inner }))
        .layer(RouteLayer::new(cluster))
        .service(node);

    let mut commands = CommandBuffer::new();
    commands.begin(&known::GET, 1).key("a");
    commands.begin(&known::GET, 1).key("b");
    let deadline = Instant::now() + Duration::from_secs(5);
    let explain = Explain::new();
    let request = Request::new(commands.freeze(), deadline).explain(&explain);
    let response = client.oneshot(request).await?;
    println!("{explain}");
    for command in 0..response.len() {
        let reply = response.replies().get(response.outcome(command)?);
        println!("{}", reply.ok_or("no reply")?.decode::<String>()?);
    }
    Ok(())
}
