use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;
use rustc_hash::{FxHashMap, FxHashSet};
use tower::Service;

use super::advice::{Advice, Turned, advice};
use super::layer::Way;
use crate::backoff::full_jitter;
use crate::error::{BoxError, Error};
use crate::request::{Request, Target};
use crate::resend::{Again, Decide, Resend, Resending};
use crate::response::{Response, Trouble};

/// The first wait's ceiling, and that of all waits.
const FIRST_WAIT: Duration = Duration::from_millis(4);
const MOST_WAIT: Duration = Duration::from_millis(200);
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

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().inner.poll(cx)
    }
}

/// Follows what servers say, command by command.
#[derive(Debug)]
pub(super) struct Follow {
    way: Way,
    hops: FxHashMap<u32, u8>,
    /// Commands that met a connection which had lost its state.
    lost_sessions: FxHashSet<u32>,
    waits: u32,
}

impl Follow {
    pub(super) fn new(way: Way) -> Follow {
        Follow {
            way,
            hops: FxHashMap::default(),
            lost_sessions: FxHashSet::default(),
            waits: 0,
        }
    }

    /// Counts one redirect of a command; `None` if it was one too many.
    fn hop(&mut self, index: u32) -> Option<u8> {
        let hops = self.hops.entry(index).or_default();
        *hops = hops.saturating_add(1);
        (*hops <= self.way.hops).then_some(*hops)
    }
}

impl Decide for Follow {
    fn decide<S: Clone>(&mut self, resend: &Resend<S>) -> Again {
        let mut again = Again::default();
        let mut waits = false;
        for (index, target, trouble) in resend.troubles() {
            let Trouble::Error(line, asked) = trouble else {
                continue;
            };
            let Some(command) = resend.commands().get(index as usize) else {
                continue;
            };
            let turned = Turned {
                line,
                asked,
                command,
                target,
                read_from: resend.request.read_from,
                may_have_lost_session: self.way.nodes.is_some()
                    && !self.lost_sessions.contains(&index),
            };
            let target = match advice(turned, &self.way.cluster) {
                Advice::Surface => continue,
                Advice::LostSession(asked) => {
                    self.lost_sessions.insert(index);
                    let nodes = self.way.nodes.as_ref();
                    if let Some(nodes) =
                        nodes.filter(|_| self.way.cluster.session_lost(&asked.node))
                    {
                        nodes.quarantine(&asked.node, asked.intent);
                    }
                    Target::BySlot
                }
                Advice::Go(target) => {
                    let Some(hops) = self.hop(index) else {
                        continue;
                    };
                    waits |= hops > HOPS_AT_ONCE;
                    self.way.cluster.redirect_followed();
                    target
                }
                Advice::WaitThen(target) => {
                    waits = true;
                    target
                }
            };
            again.commands.push((index, target));
        }
        if waits {
            again.wait = full_jitter(FIRST_WAIT, MOST_WAIT, self.waits);
            self.waits = self.waits.saturating_add(1);
        }
        again
    }
}
