use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use slotline_resp::{CommandBuffer, Commands, known};
use tokio::time::Instant;
use tower::Service;

use super::future::{PartUnderWay, RouteFuture};
use super::plan::{Destination, Plan, Planned, plan};
use crate::attempt::Attempt;
use crate::cluster::Cluster;
use crate::error::{BoxError, Error};
use crate::node::{Asked, Part, PartResponse};
use crate::request::Request;
use crate::response::Response;

/// The service that [`RouteLayer`](super::RouteLayer) makes.
#[derive(Debug, Clone)]
pub struct Route<S> {
    inner: S,
    cluster: Cluster,
    turn: Arc<AtomicUsize>,
}

impl<S> Route<S> {
    pub(crate) fn new(inner: S, cluster: Cluster) -> Route<S> {
        Route {
            inner,
            cluster,
            turn: Arc::default(),
        }
    }
}

impl<S> Service<Request> for Route<S>
where
    S: Service<Part, Response = PartResponse> + Clone,
    S::Error: Into<BoxError>,
    S::Future: Unpin,
{
    type Response = Response;
    type Error = Error;
    type Future = RouteFuture<S>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx).map_err(Error::of_layer)
    }

    fn call(&mut self, request: Request) -> RouteFuture<S> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let plan = plan(&request, &self.cluster.snapshot(), turn);
        let commands = request.commands.len();
        match plan {
            Plan::Whole(to) => {
                let asked = Asked::new(to.node.clone(), to.intent);
                let part = part(to, request.commands, request.deadline);
                let future = self.inner.call(part);
                RouteFuture::whole(asked, commands, future)
            }
            Plan::Parts(parts, failures) => {
                if failures.iter().any(|(_, error)| error.is_no_owner()) {
                    self.cluster.want_refresh();
                }
                let mut response = Response::unset(commands);
                for (index, error) in failures {
                    response.fail(index as usize, error);
                }
                // The service that is ready holds what it has reserved for this
                // call: the first part takes it, the others wait for their own.
                let next = self.inner.clone();
                let mut ready = Some(std::mem::replace(&mut self.inner, next));
                let parts = parts.into_iter().map(|planned| {
                    let Planned { to, picks } = planned;
                    let picked = request.commands.pick(&picks);
                    let asking = to.asking;
                    let asked = Asked::new(to.node.clone(), to.intent);
                    let bytes = if asking { with_asking(&picked) } else { picked };
                    let service = ready.take().unwrap_or_else(|| self.inner.clone());
                    let call =
                        Attempt::new(service, part(to, bytes, request.deadline), request.deadline);
                    PartUnderWay {
                        call,
                        asked,
                        picks,
                        asking,
                    }
                });
                RouteFuture::parts(parts.collect(), response)
            }
        }
    }
}

fn part(to: Destination, commands: Commands, deadline: Instant) -> Part {
    Part {
        node: to.node,
        intent: to.intent,
        commands,
        deadline,
        while_away: to.while_away,
    }
}

/// Each command with an ASKING right before it: in one part, so that nothing
/// comes between them (R4).
fn with_asking(commands: &Commands) -> Commands {
    let mut buffer = CommandBuffer::new();
    for command in commands.iter() {
        buffer.begin(&known::ASKING, 0);
        buffer.append(command);
    }
    buffer.freeze()
}
