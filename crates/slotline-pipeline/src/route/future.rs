use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use slotline_resp::{CommandInfo, Delivery};
use tower::Service;

use crate::attempt::Attempt;
use crate::error::{BoxError, Error};
use crate::node::{Asked, Part, PartResponse};
use crate::response::Response;

pin_project! {
    /// The future of [`Route`](super::Route). Dropping it drops every part: what
    /// was not written never is, what was keeps its place on its connection.
    #[project = RouteProjection]
    pub struct RouteFuture<S>
    where
        S: Service<Part>,
    {
        #[pin]
        state: State<S>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S>
    where
        S: Service<Part>,
    {
        Whole { asked: Asked, commands: usize, #[pin] future: S::Future },
        Parts { parts: Vec<PartUnderWay<S>>, response: Response },
    }
}

/// One node's part under way.
pub(super) struct PartUnderWay<S: Service<Part>> {
    pub(super) call: Attempt<S, Part>,
    pub(super) asked: Asked,
    pub(super) picks: Vec<u32>,
    /// Each command has an ASKING before it.
    pub(super) asking: bool,
}

impl<S: Service<Part>> RouteFuture<S> {
    pub(super) fn whole(asked: Asked, commands: usize, future: S::Future) -> RouteFuture<S> {
        RouteFuture {
            state: State::Whole {
                asked,
                commands,
                future,
            },
        }
    }

    pub(super) fn parts(parts: Vec<PartUnderWay<S>>, response: Response) -> RouteFuture<S> {
        RouteFuture {
            state: State::Parts { parts, response },
        }
    }
}

impl<S> Future for RouteFuture<S>
where
    S: Service<Part, Response = PartResponse>,
    S::Error: Into<BoxError>,
    S::Future: Unpin,
{
    type Output = Result<Response, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProjection::Whole {
                asked,
                commands,
                future,
            } => {
                let outcome = ready!(future.poll(cx));
                Poll::Ready(Ok(of_part(outcome, asked, *commands)))
            }
            StateProjection::Parts { parts, response } => {
                parts.retain_mut(|part| match part.poll(cx) {
                    Poll::Pending => true,
                    Poll::Ready(outcome) => {
                        part.deliver(outcome, response);
                        false
                    }
                });
                if parts.is_empty() {
                    Poll::Ready(Ok(std::mem::take(response)))
                } else {
                    Poll::Pending
                }
            }
        }
    }
}

impl<S> PartUnderWay<S>
where
    S: Service<Part, Response = PartResponse>,
    S::Error: Into<BoxError>,
    S::Future: Unpin,
{
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<PartResponse, Error>> {
        Pin::new(&mut self.call).poll(cx)
    }

    /// Puts this part's outcomes into their places.
    fn deliver(&self, outcome: Result<PartResponse, Error>, response: &mut Response) {
        if !self.asking {
            let part = of_part(outcome, &self.asked, self.picks.len());
            for (at, index) in self.picks.iter().enumerate() {
                response.take_over(*index as usize, &part, at);
            }
            return;
        }
        let part = of_part(outcome, &self.asked, 2 * self.picks.len());
        for (at, index) in self.picks.iter().enumerate() {
            let (asking, command) = (2 * at, 2 * at + 1);
            // Where ASKING itself failed, its error says more than the redirect
            // that the command then met.
            let refused = part.delivery(command, &CommandInfo::UNKNOWN) == Some(Delivery::Rejected);
            let from = if refused && part.trouble(asking).is_some() {
                asking
            } else {
                command
            };
            response.take_over(*index as usize, &part, from);
        }
    }
}

/// The outcomes of one part, whether its node answered, or in part, or failed.
pub(crate) fn of_part<E: Into<BoxError>>(
    outcome: Result<PartResponse, E>,
    asked: &Asked,
    commands: usize,
) -> Response {
    let PartResponse { replies, failure } = match outcome {
        Ok(answer) => answer,
        Err(error) => return Response::failed(commands, &Error::of_layer(error)),
    };
    let answered = replies.len();
    let mut response = Response::of_asked(replies, Some(asked));
    if answered == commands && failure.is_none() {
        return response;
    }
    let (error, first_unsent) = match failure {
        Some(failure) => (failure.error, failure.first_unsent),
        None => {
            let error = Error::of_layer("a node's service answered too few commands");
            (error, commands)
        }
    };
    let ambiguous = error.with_delivery(Delivery::Ambiguous);
    let not_sent = error.with_delivery(Delivery::NotSent);
    for index in answered..commands {
        let unsent = index >= first_unsent;
        response.push_failure(if unsent {
            not_sent.clone()
        } else {
            ambiguous.clone()
        });
    }
    response
}
