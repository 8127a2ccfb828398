use std::sync::Arc;
use std::task::{Context, Poll};

use slotline_resp::{CommandBuffer, Commands, known};
use tokio::time::Instant;
use tower::Service;

use super::choose::Choice;
use super::future::{Asking, Meter, PartUnderWay, Picks, RouteFuture, Sent};
use super::plan::{Destination, Parts, Plan, plan};
use crate::alone::Alone;
use crate::attempt::Attempt;
use crate::cluster::Cluster;
use crate::error::{BoxError, Error};
use crate::node::{Asked, Intent, Part, PartResponse};
use crate::observe::{What, Why};
use crate::request::Request;
use crate::response::Response;
use crate::track::Watched;

/// The service that [`RouteLayer`](super::RouteLayer) makes.
#[derive(Debug, Clone)]
pub struct Route<S> {
    inner: S,
    cluster: Cluster,
    most_lag: Option<u64>,
}

impl<S> Route<S> {
    pub(super) fn new(inner: S, cluster: Cluster, most_lag: Option<u64>) -> Route<S> {
        Route {
            inner,
            cluster,
            most_lag,
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

    #[inline]
    fn call(&mut self, request: Request) -> RouteFuture<S> {
        let turn = self.cluster.turn();
        let commands = request.commands.len();
        let stay = match request.rare().track.as_deref() {
            Some(track) => track.stay_behind(commands),
            None => Vec::new(),
        };
        let wanted = request.read_from.wants(self.most_lag.is_some());
        self.cluster.wants(wanted);
        let snapshot = self.cluster.snapshot();
        let choice = Choice {
            snapshot: &snapshot,
            latencies: self.cluster.latencies(),
            read_from: &request.read_from,
            avoid: &request.rare().avoid,
            turn,
            most_lag: self.most_lag,
        };
        let plan = plan(&request, choice, &stay);
        drop(snapshot);
        let meter = Meter::new(&request, &self.cluster);
        let is_transaction = request.rare().is_transaction;
        let alone = request.alone();
        match plan {
            Plan::Whole(to) => {
                let asked = Asked::new(to.node.clone(), to.intent);
                request.note(0..commands as u32, || to.sent());
                let beside = (alone, Watched::new(request.explained().cloned()));
                let part = part(
                    to,
                    request.commands,
                    is_transaction,
                    request.deadline,
                    beside,
                );
                let future = self.inner.call(part);
                let whole = Sent {
                    asked,
                    commands,
                    is_transaction,
                };
                RouteFuture::whole(whole, future, meter)
            }
            Plan::Parts(parts, failures) => {
                if failures.iter().any(|(_, error)| error.is_no_owner()) {
                    self.cluster.want_refresh();
                }
                let mut response = Response::unset(commands);
                request.note(stay, || What::StayedBehind);
                for (index, error) in failures {
                    if !error.is_timeout() {
                        request.note([index], || What::NotRouted {
                            error: error.to_string(),
                        });
                    }
                    response.fail(index as usize, error);
                }
                // The service that is ready holds what it has reserved for this
                // call: the first part takes it, the others wait for their own.
                let next = self.inner.clone();
                let mut ready = Some(std::mem::replace(&mut self.inner, next));
                let Parts { picks: all, each } = parts;
                let parts = each.into_iter().map(|(to, range)| {
                    let picked = request.commands.pick_shared(&all, range.clone());
                    let asking = match (to.asking, request.rare().is_transaction) {
                        (false, _) => Asking::No,
                        (true, false) => Asking::Each,
                        (true, true) => Asking::Once,
                    };
                    let asked = Asked::new(to.node.clone(), to.intent);
                    let picks = Picks::new(&all, range);
                    request.note(picks.iter(), || to.sent());
                    let bytes = match asking {
                        Asking::No => picked,
                        Asking::Each => with_asking(&picked),
                        // It lasts to the end of the transaction.
                        Asking::Once => picked.behind(&known::ASKING),
                    };
                    let service = ready.take().unwrap_or_else(|| self.inner.clone());
                    let explained = request.explained();
                    let own = explained.map(|track| {
                        let picked: Vec<u32> = picks.iter().collect();
                        Arc::new(track.pick(&picked))
                    });
                    let beside = (alone.clone(), Watched::new(own));
                    let part = part(to, bytes, is_transaction, request.deadline, beside);
                    let call = Attempt::new(service, part, request.deadline);
                    PartUnderWay {
                        call,
                        asked,
                        picks,
                        asking,
                        is_transaction,
                    }
                });
                RouteFuture::parts(parts.collect(), response, meter)
            }
        }
    }
}

impl Destination {
    fn sent(&self) -> What {
        let why = match (self.is_named, self.intent) {
            (true, _) => Why::Redirect,
            (false, Intent::ReadOnly) => Why::ReadPolicy,
            (false, Intent::ReadWrite) => Why::Owner,
        };
        What::Sent {
            node: self.node.clone(),
            intent: self.intent,
            why,
            asking: self.asking,
        }
    }
}

/// What few parts have.
type Beside = (Option<Box<Alone>>, Watched);

#[inline]
fn part(
    to: Destination,
    commands: Commands,
    is_transaction: bool,
    deadline: Instant,
    (alone, watched): Beside,
) -> Part {
    Part {
        node: to.node,
        intent: to.intent,
        commands,
        is_transaction,
        alone,
        deadline,
        while_away: to.while_away,
        watched,
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
