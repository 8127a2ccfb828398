//! Layers above the client that forget about time.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use slotline::{Request, Response};
use tokio::time::{Instant, sleep_until};
use tower::{Layer, Service};

/// Each of so many requests is kept back.
const EACH: u64 = 40;

/// Keeps some outcomes back until after their deadlines, or for ever.
#[derive(Clone, Debug)]
pub(super) struct LateLayer {
    for_ever: bool,
}

impl LateLayer {
    pub(super) fn new(for_ever: bool) -> LateLayer {
        LateLayer { for_ever }
    }
}

impl<S> Layer<S> for LateLayer {
    type Service = Late<S>;

    fn layer(&self, inner: S) -> Late<S> {
        Late {
            inner,
            for_ever: self.for_ever,
            calls: Arc::default(),
        }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Late<S> {
    inner: S,
    for_ever: bool,
    calls: Arc<AtomicU64>,
}

type Waiting<E> = Pin<Box<dyn Future<Output = Result<Response, E>> + Send>>;

impl<S> Service<Request> for Late<S>
where
    S: Service<Request, Response = Response>,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
{
    type Response = Response;
    type Error = S::Error;
    type Future = Waiting<S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Waiting<S::Error> {
        let number = self.calls.fetch_add(1, Ordering::Relaxed);
        let is_late = number % EACH == EACH - 1;
        let deadline = request.deadline();
        let for_ever = self.for_ever;
        let answer = self.inner.call(request);
        Box::pin(async move {
            let answer = answer.await;
            if is_late {
                let until = if for_ever {
                    Instant::now() + Duration::from_secs(86_400)
                } else {
                    deadline + Duration::from_millis(500)
                };
                sleep_until(until).await;
            }
            answer
        })
    }
}
