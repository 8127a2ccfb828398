use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use slotline_topology::Endpoint;
use tower::Service;

use super::future::{Sent, of_part};
use crate::error::{BoxError, Error};
use crate::node::{Asked, Intent, Part, PartResponse, WhileAway};
use crate::observe::{What, Why};
use crate::request::Request;
use crate::response::Response;
use crate::track::{Track, Watched};

/// Sends every command of a request to one node, whatever its slot: for commands
/// that are about a node, as CONFIG or INFO are. Takes the place of
/// [`Route`](super::Route).
#[derive(Debug, Clone)]
pub struct Pinned<S> {
    inner: S,
    node: Endpoint,
    intent: Intent,
}

impl<S> Pinned<S> {
    /// Everything goes to `node`, on connections for `intent`.
    pub fn new(inner: S, node: Endpoint, intent: Intent) -> Pinned<S> {
        Pinned {
            inner,
            node,
            intent,
        }
    }

    /// The node.
    pub fn node(&self) -> &Endpoint {
        &self.node
    }
}

impl<S> Service<Request> for Pinned<S>
where
    S: Service<Part, Response = PartResponse>,
    S::Error: Into<BoxError>,
{
    type Response = Response;
    type Error = Error;
    type Future = PinnedFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx).map_err(Error::of_layer)
    }

    fn call(&mut self, request: Request) -> PinnedFuture<S::Future> {
        let commands = request.len();
        let is_transaction = request.rare().is_transaction;
        let alone = request.alone();
        request.note(0..commands as u32, || What::Sent {
            node: self.node.clone(),
            intent: self.intent,
            why: Why::Pinned,
            asking: false,
        });
        let future = self.inner.call(Part {
            node: self.node.clone(),
            intent: self.intent,
            commands: request.commands,
            is_transaction,
            alone,
            deadline: request.deadline,
            while_away: WhileAway::Wait,
            watched: Watched::default(),
        });
        PinnedFuture {
            sent: Sent {
                asked: Asked::new(self.node.clone(), self.intent),
                commands,
                is_transaction,
            },
            track: request.rare.and_then(|rare| rare.track),
            future,
        }
    }
}

pin_project! {
    /// The future of [`Pinned`].
    #[derive(Debug)]
    pub struct PinnedFuture<F> {
        sent: Sent,
        track: Option<Arc<Track>>,
        #[pin]
        future: F,
    }
}

impl<F, E> Future for PinnedFuture<F>
where
    F: Future<Output = Result<PartResponse, E>>,
    E: Into<BoxError>,
{
    type Output = Result<Response, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let outcome = ready!(this.future.poll(cx));
        if let Some(track) = this.track {
            let answer = outcome.as_ref().ok();
            track.explain(0..this.sent.commands as u32, || What::Answered {
                node: this.sent.asked.node.clone(),
                whole: answer.is_some_and(|answer| answer.failure.is_none()),
            });
        }
        Poll::Ready(Ok(of_part(outcome, this.sent)))
    }
}
