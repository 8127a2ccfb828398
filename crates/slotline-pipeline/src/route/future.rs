use std::future::Future;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use slotline_resp::{CommandInfo, Delivery};
use tokio::time::Instant;
use tower::Service;

use crate::attempt::Attempt;
use crate::cluster::Cluster;
use crate::error::{BoxError, Error};
use crate::node::{Asked, MOST_MEASURED, Part, PartResponse};
use crate::observe::What;
use crate::request::Request;
use crate::response::Response;
use crate::track::Track;

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
        meter: Option<Meter>,
    }
}

/// Tells how parts ended, to whoever wants to know.
pub(super) struct Meter {
    /// Where it is measured how long nodes take.
    cluster: Option<Cluster>,
    track: Option<Arc<Track>>,
    began: Instant,
}

impl Meter {
    /// `None` if nobody wants to know.
    pub(super) fn new(request: &Request, cluster: &Cluster) -> Option<Meter> {
        let track = request.explained();
        // What blocks tells nothing of its node.
        let measures = request.read_from.measures() && request.alone().is_none();
        (measures || track.is_some()).then(|| Meter {
            cluster: measures.then(|| cluster.clone()),
            track: track.cloned(),
            began: Instant::now(),
        })
    }

    /// Of the commands at `picks` of the request, or all.
    fn note(
        &self,
        asked: &Asked,
        picks: Option<&Picks>,
        commands: usize,
        outcome: &Result<PartResponse, Error>,
    ) {
        if let Some(track) = &self.track {
            let what = || What::Answered {
                node: asked.node.clone(),
                whole: outcome
                    .as_ref()
                    .is_ok_and(|answer| answer.failure.is_none()),
            };
            match picks {
                Some(picks) => track.explain(picks.iter(), what),
                None => track.explain(0..commands as u32, what),
            }
        }
        let Some(cluster) = &self.cluster else {
            return;
        };
        let failure = match outcome {
            Ok(answer) => answer.failure.as_ref().map(|failure| &failure.error),
            Err(error) => Some(error),
        };
        let latencies = cluster.latencies();
        match failure {
            Some(error) if error.is_network() || error.is_timeout() => {
                latencies.note(&asked.node, None);
            }
            None if commands <= MOST_MEASURED => {
                latencies.note(&asked.node, Some(self.began.elapsed()));
            }
            _ => {}
        }
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S>
    where
        S: Service<Part>,
    {
        Whole { sent: Sent, #[pin] future: S::Future },
        Parts { parts: Vec<PartUnderWay<S>>, response: Response },
    }
}

/// One node's part under way.
pub(super) struct PartUnderWay<S: Service<Part>> {
    pub(super) call: Attempt<S, Part>,
    pub(super) asked: Asked,
    pub(super) picks: Picks,
    pub(super) asking: Asking,
    pub(super) is_transaction: bool,
}

/// Which commands of the request a part has: a range of a list that all share.
#[derive(Debug)]
pub(super) struct Picks {
    all: Arc<[u32]>,
    range: Range<usize>,
}

impl Picks {
    pub(super) fn new(all: &Arc<[u32]>, range: Range<usize>) -> Picks {
        let all = Arc::clone(all);
        Picks { all, range }
    }

    fn len(&self) -> usize {
        self.range.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        let own = self.all.get(self.range.clone());
        own.unwrap_or_default().iter().copied()
    }
}

/// Where a part has an ASKING.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asking {
    No,
    /// Before each command.
    Each,
    /// Before the first one, of a transaction.
    Once,
}

/// What was sent to a node.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) asked: Asked,
    pub(crate) commands: usize,
    /// The last is the EXEC of all: without it none of them runs.
    pub(crate) is_transaction: bool,
}

impl<S: Service<Part>> RouteFuture<S> {
    #[inline]
    pub(super) fn whole(sent: Sent, future: S::Future, meter: Option<Meter>) -> RouteFuture<S> {
        RouteFuture {
            meter,
            state: State::Whole { sent, future },
        }
    }

    pub(super) fn parts(
        parts: Vec<PartUnderWay<S>>,
        response: Response,
        meter: Option<Meter>,
    ) -> RouteFuture<S> {
        RouteFuture {
            meter,
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

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let meter = this.meter.as_ref();
        match this.state.project() {
            StateProjection::Whole { sent, future } => {
                let outcome = ready!(future.poll(cx)).map_err(Error::of_layer);
                if let Some(meter) = meter {
                    meter.note(&sent.asked, None, sent.commands, &outcome);
                }
                Poll::Ready(Ok(of_part(outcome, sent)))
            }
            StateProjection::Parts { parts, response } => {
                parts.retain_mut(|part| match part.poll(cx) {
                    Poll::Pending => true,
                    Poll::Ready(outcome) => {
                        if let Some(meter) = meter {
                            let (picks, len) = (Some(&part.picks), part.picks.len());
                            meter.note(&part.asked, picks, len, &outcome);
                        }
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
        let picks = self.picks.len();
        let sent = Sent {
            asked: self.asked.clone(),
            commands: match self.asking {
                Asking::No => picks,
                Asking::Each => 2 * picks,
                Asking::Once => 1 + picks,
            },
            is_transaction: self.is_transaction,
        };
        let part = of_part(outcome, &sent);
        let place: fn(usize) -> (usize, usize) = match self.asking {
            Asking::No => {
                let indexes = self.picks.iter().map(|index| index as usize);
                return response.take_part(indexes, part);
            }
            Asking::Each => |at| (2 * at, 2 * at + 1),
            Asking::Once => |at| (0, at + 1),
        };
        for (at, index) in self.picks.iter().enumerate() {
            let (asking, command) = place(at);
            // Where ASKING itself failed, its error says more than the redirect
            // that the command then met.
            let refused = part.delivery(command, &CommandInfo::UNKNOWN) == Some(Delivery::Rejected);
            let asking_failed = refused && part.trouble(asking).is_some();
            let from = if asking_failed { asking } else { command };
            response.take_over(index as usize, &part, from);
        }
    }
}

/// The outcomes of one part, whether its node answered, or in part, or failed.
#[inline]
pub(crate) fn of_part<E: Into<BoxError>>(
    outcome: Result<PartResponse, E>,
    sent: &Sent,
) -> Response {
    let commands = sent.commands;
    let PartResponse { replies, failure } = match outcome {
        Ok(answer) => answer,
        Err(error) => return Response::failed(commands, &Error::of_layer(error)),
    };
    let answered = replies.len();
    let mut response = Response::of_asked(replies, Some(&sent.asked));
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
    // A server forgets a transaction whose EXEC does not come.
    let first_unsent = if sent.is_transaction && first_unsent < commands {
        0
    } else {
        first_unsent
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
