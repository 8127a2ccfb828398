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
        D: Decide,
    {
        #[pin]
        state: State<S>,
        decide: D,
        // Made only where the first call did not simply go well.
        again: Option<Box<Going<S, D::Memory>>>,
    }
}

/// A request in trouble, and what is remembered of it.
struct Going<S, M> {
    resend: Resend<S>,
    memory: M,
}

pin_project! {
    #[project = StateProjection]
    enum State<S>
    where
        S: Service<Request>,
    {
        First { #[pin] future: S::Future, kept: Option<(S, Request)> },
        Again { #[pin] attempt: Attempt<S, Request> },
        Waiting { #[pin] sleep: Sleep },
    }
}

impl<S: Service<Request> + Clone, D: Decide> Resending<S, D> {
    /// Calls `service`, which is ready.
    #[inline]
    pub(crate) fn new(service: &mut S, request: Request, decide: D) -> Resending<S, D> {
        Resending {
            state: State::First {
                future: service.call(request.clone()),
                kept: Some((service.clone(), request)),
            },
            decide,
            again: None,
        }
    }
}

/// Whether nothing is left to be decided or noted.
fn has_gone_well(outcome: &Result<Response, Error>, request: &Request) -> bool {
    let track = request.rare().track.as_deref();
    let is_piece = track.is_some_and(|track| track.piece.is_some());
    let is_whole =
        |response: &Response| response.is_untroubled() && response.len() == request.len();
    !is_piece && outcome.as_ref().is_ok_and(is_whole)
}

impl<S, D> Future for Resending<S, D>
where
    S: Service<Request, Response = Response> + Clone,
    S::Error: Into<BoxError>,
    D: Decide,
{
    type Output = Result<Response, Error>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let (mut state, decide, again) = (this.state, this.decide, this.again);
        loop {
            let outcome = match state.as_mut().project() {
                StateProjection::First { future, kept } => {
                    let outcome = ready!(future.poll(cx)).map_err(Error::of_layer);
                    if let Some((service, request)) = kept.take() {
                        if has_gone_well(&outcome, &request) {
                            return Poll::Ready(outcome);
                        }
                        *again = Some(Box::new(Going {
                            resend: Resend::new(service, request),
                            memory: D::Memory::default(),
                        }));
                    }
                    Some(outcome)
                }
                StateProjection::Again { attempt } => Some(ready!(attempt.poll(cx))),
                StateProjection::Waiting { sleep } => {
                    ready!(sleep.poll(cx));
                    None
                }
            };
            // Polled after its end: as with any future, nothing more comes.
            let Some(going) = again.as_deref_mut() else {
                return Poll::Pending;
            };
            let resend = &mut going.resend;
            let wait = match outcome {
                Some(outcome) => {
                    resend.merge(outcome);
                    let decided = decide.decide(&mut going.memory, resend);
                    resend.plan(decided)
                }
                // Timers can be late; then what there is is the last word.
                None => (!resend.time_left().is_zero()).then_some(Duration::ZERO),
            };
            match wait {
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
