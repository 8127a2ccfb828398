use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use slotline_topology::{Endpoint, slot_of};
use tokio::time::{Instant, Sleep, sleep_until};
use tower::Service;

use super::layer::Shared;
use crate::error::{BoxError, Error};
use crate::node::{Part, PartResponse, WhileAway};
use crate::observe::What;

type Outcome = Result<PartResponse, Error>;

/// The future of [`Hedge`](super::Hedge). Dropping it drops both questions.
pub struct HedgeFuture<S: Service<Part>> {
    /// `None` once it has ended.
    first: Option<S::Future>,
    watch: Option<Pin<Box<Watch<S>>>>,
}

pin_project_lite::pin_project! {
    /// What a read needs that may be asked of a second replica.
    struct Watch<S: Service<Part>> {
        service: S,
        part: Part,
        shared: Arc<Shared>,
        most_lag: Option<u64>,
        began: Instant,
        second: Option<S::Future>,
        // Who was asked then.
        other: Option<Endpoint>,
        // Whether a second replica was asked, or is never to be.
        is_settled: bool,
        // How the first question ended, while the second is still open.
        failed: Option<Outcome>,
        #[pin]
        timer: Option<Sleep>,
    }
}

impl<S: Service<Part>> HedgeFuture<S> {
    #[inline]
    pub(super) fn plain(first: S::Future) -> HedgeFuture<S> {
        HedgeFuture {
            first: Some(first),
            watch: None,
        }
    }

    pub(super) fn watched(
        first: S::Future,
        service: S,
        part: Part,
        shared: Arc<Shared>,
        most_lag: Option<u64>,
    ) -> HedgeFuture<S> {
        let began = Instant::now();
        let at = shared.wait().map(|wait| began + wait);
        let at = at.filter(|at| *at < part.deadline);
        HedgeFuture {
            first: Some(first),
            watch: Some(Box::pin(Watch {
                service,
                part,
                shared,
                most_lag,
                began,
                second: None,
                other: None,
                is_settled: at.is_none(),
                failed: None,
                timer: at.map(sleep_until),
            })),
        }
    }
}

impl<S> Future for HedgeFuture<S>
where
    S: Service<Part, Response = PartResponse>,
    S::Error: Into<BoxError>,
    S::Future: Unpin,
{
    type Output = Outcome;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome> {
        let this = &mut *self;
        if let Some(first) = &mut this.first
            && let Poll::Ready(outcome) = Pin::new(first).poll(cx)
        {
            this.first = None;
            let outcome = outcome.map_err(Error::of_layer);
            match &mut this.watch {
                None => return Poll::Ready(outcome),
                Some(watch) => {
                    if let Some(outcome) = watch.as_mut().first_ended(outcome) {
                        return Poll::Ready(outcome);
                    }
                }
            }
        }
        match &mut this.watch {
            Some(watch) => watch.as_mut().poll_second(cx),
            None => Poll::Pending,
        }
    }
}

impl<S> Watch<S>
where
    S: Service<Part, Response = PartResponse>,
    S::Error: Into<BoxError>,
    S::Future: Unpin,
{
    /// What to answer now; `None` if the second answer may still be better.
    fn first_ended(self: Pin<&mut Self>, outcome: Outcome) -> Option<Outcome> {
        let this = self.project();
        let is_answered = outcome
            .as_ref()
            .is_ok_and(|answer| answer.failure.is_none());
        if is_answered {
            this.shared.quantile.note(this.began.elapsed());
        } else if this.second.is_some() {
            *this.failed = Some(outcome);
            return None;
        }
        Some(outcome)
    }

    fn poll_second(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome> {
        let mut this = self.project();
        if let Some(timer) = this.timer.as_mut().as_pin_mut()
            && !*this.is_settled
            && timer.poll(cx).is_ready()
        {
            *this.is_settled = true;
            if let Some(node) = other_replica(this.part, this.shared, *this.most_lag)
                && let Poll::Ready(Ok(())) = this.service.poll_ready(cx)
                && this.shared.budget.withdraw()
            {
                let commands = this.part.commands.len();
                this.part
                    .watched
                    .note(commands, || What::Hedged { node: node.clone() });
                *this.other = Some(node.clone());
                let part = Part {
                    node,
                    while_away: WhileAway::Refuse,
                    ..this.part.clone()
                };
                *this.second = Some(this.service.call(part));
            }
        }
        let Some(second) = this.second.as_mut() else {
            return Poll::Pending;
        };
        let Poll::Ready(outcome) = Pin::new(second).poll(cx) else {
            return Poll::Pending;
        };
        *this.second = None;
        let commands = this.part.commands.len();
        match outcome {
            Ok(answer) if is_whole(&answer, commands) => {
                this.shared.won.fetch_add(1, Ordering::Relaxed);
                if let Some(by) = this.other.take() {
                    let watched = &this.part.watched;
                    watched.note(commands, || What::Overtaken { by });
                }
                this.shared.quantile.note(this.began.elapsed());
                Poll::Ready(Ok(answer))
            }
            // It can only help: the first question has the last word.
            _ => this.failed.take().map_or(Poll::Pending, Poll::Ready),
        }
    }
}

fn is_whole(answer: &PartResponse, commands: usize) -> bool {
    let replies = &answer.replies;
    let is_answered = answer.failure.is_none() && replies.len() == commands;
    is_answered && (0..commands).all(|index| !replies.is_error(index))
}

/// Another replica that serves all slots of the part, for all that is known now.
fn other_replica(part: &Part, shared: &Shared, most_lag: Option<u64>) -> Option<Endpoint> {
    let snapshot = shared.cluster.snapshot();
    let topology = snapshot.topology();
    let asked = topology.find(&part.node)?;
    let mut slots = Vec::with_capacity(part.commands.len());
    for command in part.commands.iter() {
        let slot = slot_of(command.keys().next()?);
        if snapshot.is_unsettled(slot) || !command.info().is_readonly() {
            return None;
        }
        slots.push(slot);
    }
    let first = *slots.first()?;
    let primary = topology.primary_of(first);
    let candidates = topology.replicas_of(first);
    let other = candidates.iter().find(|node| {
        let serves = |slot| topology.replicas_of(slot).contains(node);
        let is_fit = snapshot.is_fit(**node, primary, most_lag);
        **node != asked && is_fit && slots.iter().all(|slot| serves(*slot))
    })?;
    topology.endpoint(*other).cloned()
}
