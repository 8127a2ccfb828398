//! One call of an inner service: waits until it is ready, calls it once.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tower::Service;

pin_project! {
    /// A call of `S` that is still to be made or under way. Dropping it drops
    /// the call.
    #[project = AttemptProjection]
    pub(crate) enum Attempt<S, R>
    where
        S: Service<R>,
    {
        Waiting { service: S, request: Option<R> },
        Called { #[pin] future: S::Future },
        Done,
    }
}

impl<S: Service<R>, R> Attempt<S, R> {
    pub(crate) fn new(service: S, request: R) -> Attempt<S, R> {
        Attempt::Waiting {
            service,
            request: Some(request),
        }
    }
}

impl<S: Service<R>, R> Future for Attempt<S, R> {
    type Output = Result<S::Response, S::Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let future = match self.as_mut().project() {
                AttemptProjection::Called { future } => {
                    let outcome = ready!(future.poll(cx));
                    self.set(Attempt::Done);
                    return Poll::Ready(outcome);
                }
                AttemptProjection::Waiting { service, request } => {
                    if let Err(error) = ready!(service.poll_ready(cx)) {
                        self.set(Attempt::Done);
                        return Poll::Ready(Err(error));
                    }
                    let Some(request) = request.take() else {
                        return Poll::Pending;
                    };
                    service.call(request)
                }
                // Polled after its end: as with any future, nothing more comes.
                AttemptProjection::Done => return Poll::Pending,
            };
            self.set(Attempt::Called { future });
        }
    }
}
