use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;
use rustc_hash::{FxHashMap, FxHashSet};
use tower::Service;

use super::advice::{Advice, advice};
use crate::backoff::full_jitter;
use crate::cluster::Cluster;
use crate::error::{BoxError, Error};
use crate::request::{Request, Target};
use crate::resend::{Again, Decide, Resend, Resending};
use crate::response::{Response, Trouble};

/// The first wait's ceiling, and that of all waits.
const FIRST_WAIT: Duration = Duration::from_millis(4);
const MOST_WAIT: Duration = Duration::from_millis(200);
/// An ASK that may be older is asked for again: it speaks of one moment of a
/// migration, and waits for the slowest part of its batch.
const FRESH_ASK: Duration = Duration::from_millis(100);
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
    cluster: Cluster,
    most_hops: u8,
    hops: FxHashMap<u32, u8>,
    waits: u32,
    /// Commands whose ASK was too old to be followed.
    asked_again: FxHashSet<u32>,
}

impl Follow {
    pub(super) fn new(cluster: Cluster, most_hops: u8) -> Follow {
        Follow {
            cluster,
            most_hops,
            hops: FxHashMap::default(),
            waits: 0,
            asked_again: FxHashSet::default(),
        }
    }

    /// Where a redirected command goes. Once at the most it goes to its slot's owner
    /// again: where every answer takes long, that is no sign of age.
    fn unless_old(&mut self, index: u32, target: Target, took: Duration) -> Target {
        let is_ask = matches!(target, Target::Named { asking: true, .. });
        match is_ask && took >= FRESH_ASK && self.asked_again.insert(index) {
            true => Target::BySlot,
            false => target,
        }
    }

    /// Counts one redirect of a command; `None` if it was one too many.
    fn hop(&mut self, index: u32) -> Option<u8> {
        let hops = self.hops.entry(index).or_default();
        *hops = hops.saturating_add(1);
        (*hops <= self.most_hops).then_some(*hops)
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
            let read_from = resend.request.read_from;
            let target = match advice(line, asked, command, target, read_from, &self.cluster) {
                Advice::Surface => continue,
                Advice::Go(target) => {
                    let Some(hops) = self.hop(index) else {
                        continue;
                    };
                    waits |= hops > HOPS_AT_ONCE;
                    self.cluster.redirect_followed();
                    self.unless_old(index, target, resend.took())
                }
                Advice::WaitThen(target) => {
                    waits = true;
                    target
                }
            };
            again.commands.push((index, target));
        }
        if waits {
            again.wait = full_jitter(self.cluster.random(), FIRST_WAIT, MOST_WAIT, self.waits);
            self.waits = self.waits.saturating_add(1);
        }
        again
    }
}
