use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use pin_project_lite::pin_project;
use tokio::time::Sleep;
use tower::Service;

use super::{Decide, Resend};
use crate::attempt::Attempt;
use crate::error::{BoxError, Error};
use crate::request::Request;
use crate::response::Response;

pin_project! {
    /// Calls a service once, and again with what `D` decides, until nothing is
    /// left to go again.
    pub(crate) struct Resending<S, D>
    where
        S: Service<Request>,
    {
        #[pin]
        state: State<S>,
        resend: Resend<S>,
        decide: D,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S>
    where
        S: Service<Request>,
    {
        First { #[pin] future: S::Future },
        Again { #[pin] attempt: Attempt<S, Request> },
        Waiting { #[pin] sleep: Sleep },
    }
}

impl<S: Service<Request> + Clone, D> Resending<S, D> {
    /// Calls `service`, which is ready.
    pub(crate) fn new(service: &mut S, request: Request, decide: D) -> Resending<S, D> {
        let first = service.call(request.clone());
        Resending {
            state: State::First { future: first },
            resend: Resend::new(service.clone(), request),
            decide,
        }
    }
}

impl<S, D> Future for Resending<S, D>
where
    S: Service<Request, Response = Response> + Clone,
    S::Error: Into<BoxError>,
    D: Decide,
{
    type Output = Result<Response, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let (mut state, resend, decide) = (this.state, this.resend, this.decide);
        loop {
            let outcome = match state.as_mut().project() {
                StateProjection::First { future } => {
                    ready!(future.poll(cx)).map_err(Error::of_layer)
                }
                StateProjection::Again { attempt } => ready!(attempt.poll(cx)),
                StateProjection::Waiting { sleep } => {
                    ready!(sleep.poll(cx));
                    // Timers can be late; then what there is is the last word.
                    if resend.time_left().is_zero() {
                        return Poll::Ready(Ok(resend.take_response()));
                    }
                    let attempt = resend.attempt();
                    state.set(State::Again { attempt });
                    continue;
                }
            };
            resend.merge(outcome);
            let again = decide.decide(resend);
            match resend.plan(again) {
                None => return Poll::Ready(Ok(resend.take_response())),
                Some(Duration::ZERO) => {
                    let attempt = resend.attempt();
                    state.set(State::Again { attempt });
                }
                Some(wait) => {
                    let sleep = tokio::time::sleep(wait);
                    state.set(State::Waiting { sleep });
                }
            }
        }
    }
}
