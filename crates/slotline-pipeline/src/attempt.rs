//! One call of an inner service: waits until it is ready, calls it once.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use slotline_resp::Delivery;
use tokio::time::{Instant, Sleep, sleep_until};
use tower::Service;

use crate::error::{BoxError, Error};

pin_project! {
    /// A call of `S` that is still to be made or under way. Dropping it drops
    /// the call.
    #[project = AttemptProjection]
    pub(crate) enum Attempt<S, R>
    where
        S: Service<R>,
    {
        Waiting {
            service: S,
            request: Option<R>,
            deadline: Instant,
            // Made only where there is no room at once.
            timer: Option<Pin<Box<Sleep>>>,
        },
        Called { #[pin] future: S::Future },
        Done,
    }
}

impl<S: Service<R>, R> Attempt<S, R> {
    /// Calls `service` as soon as it is ready, unless that takes until
    /// `deadline`.
    pub(crate) fn new(service: S, request: R, deadline: Instant) -> Attempt<S, R> {
        Attempt::Waiting {
            service,
            request: Some(request),
            deadline,
            timer: None,
        }
    }

    /// Whether the call was made, or can no longer be.
    pub(crate) fn is_called(&self) -> bool {
        !matches!(self, Attempt::Waiting { .. })
    }
}

impl<S, R> Future for Attempt<S, R>
where
    S: Service<R>,
    S::Error: Into<BoxError>,
{
    type Output = Result<S::Response, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let future = match self.as_mut().project() {
                AttemptProjection::Called { future } => {
                    let outcome = ready!(future.poll(cx));
                    self.set(Attempt::Done);
                    return Poll::Ready(outcome.map_err(Error::of_layer));
                }
                AttemptProjection::Waiting {
                    service,
                    request,
                    deadline,
                    timer,
                } => {
                    let never_called = match service.poll_ready(cx) {
                        Poll::Ready(Ok(())) => None,
                        Poll::Ready(Err(error)) => Some(Error::of_layer(error)),
                        Poll::Pending => {
                            let deadline = *deadline;
                            let timer =
                                timer.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
                            ready!(timer.as_mut().poll(cx));
                            Some(Error::deadline("waiting for room"))
                        }
                    };
                    if let Some(error) = never_called {
                        self.set(Attempt::Done);
                        return Poll::Ready(Err(error.with_delivery(Delivery::NotSent)));
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
