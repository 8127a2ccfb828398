use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;
use rustc_hash::{FxHashMap, FxHashSet};
use slotline_resp::error_code;
use tower::Service;

use super::advice::{Advice, Turned, advice};
use super::layer::Way;
use super::transaction::turned_whole;
use crate::backoff::full_jitter;
use crate::error::{BoxError, Error};
use crate::node::Asked;
use crate::observe::What;
use crate::request::{Request, Target};
use crate::resend::{Again, Decide, Resend, Resending};
use crate::response::{Response, Trouble};

/// The first wait's ceiling, and that of all waits.
const FIRST_WAIT: Duration = Duration::from_millis(4);
const MOST_WAIT: Duration = Duration::from_millis(200);
/// An ASK that may be older is asked for again: it speaks of one moment of a
/// migration, and waits for the slowest part of its batch.
const FRESH_ASK: Duration = Duration::from_millis(100);
/// A node whose connections lose their state again and again is not dialled for
/// that more often than this.
const LOST_SESSIONS: Duration = Duration::from_secs(1);
/// Redirects that a command follows without a pause; more look like a circle.
const HOPS_AT_ONCE: u8 = 3;

pin_project! {
    /// The future of [`Redirect`](super::Redirect). Dropping it drops the call
    /// under way; nothing is sent again after that.
    pub struct RedirectFuture<S>
    where
        S: Service<Request>,
    {
        #[pin]
        inner: Resending<S, Follow>,
    }
}

impl<S: Service<Request>> RedirectFuture<S> {
    pub(super) fn new(inner: Resending<S, Follow>) -> RedirectFuture<S> {
        RedirectFuture { inner }
    }
}

impl<S> Future for RedirectFuture<S>
where
    S: Service<Request, Response = Response> + Clone,
    S::Error: Into<BoxError>,
{
    type Output = Result<Response, Error>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().inner.poll(cx)
    }
}

/// Follows what servers say, command by command.
#[derive(Debug)]
pub(super) struct Follow {
    way: Arc<Way>,
}

/// What was met on the way so far.
#[derive(Debug, Default)]
pub(super) struct Met {
    hops: FxHashMap<u32, u8>,
    /// Commands that met a connection which had lost its state.
    lost_sessions: FxHashSet<u32>,
    waits: u32,
    /// Commands whose ASK was too old to be followed.
    asked_again: FxHashSet<u32>,
}

impl Met {
    /// Where a redirected command goes. Once at the most it goes to its slot's owner
    /// again: where every answer takes long, that is no sign of age.
    fn unless_old(&mut self, index: u32, target: Target, took: Duration) -> Target {
        let is_ask = matches!(target, Target::Named { asking: true, .. });
        match is_ask && took >= FRESH_ASK && self.asked_again.insert(index) {
            true => Target::BySlot,
            false => target,
        }
    }

    /// Counts one redirect of a command; `None` if it was one more than `most`.
    fn hop(&mut self, index: u32, most: u8) -> Option<u8> {
        let hops = self.hops.entry(index).or_default();
        *hops = hops.saturating_add(1);
        (*hops <= most).then_some(*hops)
    }
}

/// Tells whoever listens.
fn turned_away<S: Clone>(
    resend: &Resend<S>,
    index: u32,
    line: &str,
    by: Option<&Asked>,
    target: &Target,
) {
    let code = || error_code(line);
    let by = by.map(|asked| &asked.node);
    let to = match target {
        Target::Named { node, .. } => Some(node),
        _ => None,
    };
    tracing::debug!(code = code(), ?by, ?to, "a command was turned away");
    resend.request.note([index], || What::Turned {
        code: code().to_owned(),
        by: by.cloned(),
        to: to.cloned(),
    });
}

impl Follow {
    pub(super) fn new(way: Arc<Way>) -> Follow {
        Follow { way }
    }

    /// Where the command at `index` goes again, and whether it waits before; `None`
    /// if its error is the caller's.
    fn again<S: Clone>(
        &self,
        met: &mut Met,
        resend: &Resend<S>,
        (index, turned): (u32, Turned<'_>),
    ) -> Option<(Target, bool)> {
        let (line, asked) = (turned.line, turned.asked);
        match advice(turned, &self.way.cluster) {
            Advice::Surface => None,
            Advice::LostSession(asked) => {
                resend.request.note([index], || What::LostSession {
                    node: asked.node.clone(),
                });
                met.lost_sessions.insert(index);
                self.replace(&asked, LOST_SESSIONS);
                Some((Target::BySlot, false))
            }
            Advice::OwnAddress(own) => {
                met.hop(index, self.way.hops)?;
                self.way.cluster.counters().moved.count();
                turned_away(resend, index, line, asked, &Target::BySlot);
                self.replace(&own, MOST_WAIT);
                Some((Target::BySlot, true))
            }
            Advice::Go(target) => {
                let hops = met.hop(index, self.way.hops)?;
                let counters = self.way.cluster.counters();
                if matches!(target, Target::Named { asking: true, .. }) {
                    counters.asked.count();
                } else {
                    counters.moved.count();
                }
                let target = met.unless_old(index, target, resend.took());
                turned_away(resend, index, line, asked, &target);
                Some((target, hops > HOPS_AT_ONCE))
            }
            Advice::WaitThen(target) => {
                self.way.cluster.counters().waited.count();
                turned_away(resend, index, line, asked, &target);
                Some((target, true))
            }
        }
    }

    /// Has the connections of whom was asked replaced, unless they just were.
    fn replace(&self, asked: &Asked, spacing: Duration) {
        let Some(nodes) = &self.way.nodes else {
            return;
        };
        if self.way.cluster.session_lost(&asked.node, spacing) {
            tracing::warn!(node = %asked.node, "a connection is not what it was made to be");
            nodes.quarantine(&asked.node, asked.intent);
        }
    }

    fn turned_one<'a, S: Clone>(
        &self,
        met: &Met,
        resend: &'a Resend<S>,
        index: u32,
        target: Target,
        trouble: Trouble<'a>,
    ) -> Option<Turned<'a>> {
        let Trouble::Error(line, asked) = trouble else {
            return None;
        };
        let nodes = self.way.nodes.as_ref();
        Some(Turned {
            line,
            asked,
            command: resend.commands().get(index as usize)?,
            target,
            read_from: &resend.request.read_from,
            may_have_lost_session: nodes.is_some() && !met.lost_sessions.contains(&index),
        })
    }
}

impl Decide for Follow {
    type Memory = Met;

    fn decide<S: Clone>(&self, met: &mut Met, resend: &Resend<S>) -> Again {
        let mut again = Again::default();
        let mut waits = false;
        if resend.request.rare().is_transaction {
            let turned = turned_whole(resend).map(|whole| Turned {
                line: whole.line,
                asked: whole.asked,
                command: whole.command,
                target: whole.target,
                read_from: &resend.request.read_from,
                may_have_lost_session: false,
            });
            if let Some((target, wait)) =
                turned.and_then(|turned| self.again(met, resend, (0, turned)))
            {
                waits = wait;
                again.commands = resend.whole(&target);
            }
        } else {
            for (index, target, trouble) in resend.troubles() {
                let Some(turned) = self.turned_one(met, resend, index, target, trouble) else {
                    continue;
                };
                if let Some((target, wait)) = self.again(met, resend, (index, turned)) {
                    waits |= wait;
                    again.commands.push((index, target));
                }
            }
        }
        if waits {
            again.wait = full_jitter(self.way.cluster.random(), FIRST_WAIT, MOST_WAIT, met.waits);
            met.waits = met.waits.saturating_add(1);
        }
        again
    }
}
