//! One consumer of a group: what it has pending, what others have left, what is new.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use slotline_commands::StreamId;
use slotline_resp::{FromReplyOwned, known};
use tokio::time::Instant;

use super::Fields;
use super::group::Settings;
use super::membership::{Entry, Membership};
use super::place::{Place, Turn, turn};
use super::read::Pending;
use crate::error::{Error, Result};

/// A consumer of a group: see [`ConsumerGroup`](super::ConsumerGroup).
///
/// First it hands out what is pending under its name from an earlier time, then, at once
/// and from time to time, what others were handed out too long ago, then what is new. It
/// follows its stream through resharding and failover, and makes a group again that is
/// gone.
///
/// It is a [`Stream`] as well, which is `None` when nothing came for as long as
/// [`block`](super::ConsumerGroup::block) says, and goes on after that. Nothing is spawned,
/// and nothing goes on while it is not polled, but for what the server was asked already.
///
/// Dropping it is safe, and ends everything: what blocks loses its connection. What was read
/// and not handed out, like what was handed out and not acknowledged, stays pending. It comes
/// again when a consumer of this name begins, or to any once it was idle for
/// [`claim_idle`](super::ConsumerGroup::claim_idle).
#[must_use = "nothing is read unless it is polled"]
pub struct Consumer<T = Fields> {
    membership: Arc<Membership>,
    settings: Settings,
    place: Place,
    step: Option<Pin<Box<dyn Future<Output = Turn<T>> + Send>>>,
    queue: VecDeque<Pending<T>>,
    /// When what is in the queue came.
    received: Instant,
    /// When it is to say that nothing came.
    until: Option<Instant>,
}

impl<T: FromReplyOwned + Send + 'static> Consumer<T> {
    pub(super) fn new(membership: Arc<Membership>, settings: Settings) -> Consumer<T> {
        let now = Instant::now();
        Consumer {
            membership,
            place: Place::beginning(settings.claim_idle.map(|_| now)),
            settings,
            step: None,
            queue: VecDeque::new(),
            received: now,
            until: None,
        }
    }

    /// The next entry; `None` when nothing came for as long as
    /// [`block`](super::ConsumerGroup::block) says, and then it can be asked again. An entry
    /// that was deleted while it was pending is acknowledged and left out.
    ///
    /// # Errors
    /// What does not pass within the client's timeout, or not by itself; or this entry is
    /// no `T`. The next call goes on: an answer that was lost is asked for again.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn next(&mut self) -> Result<Option<Entry<T>>> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx))
            .await
            .transpose()
    }

    /// As many entries as are there, at least one and at most a
    /// [batch](super::ConsumerGroup::batch); none when nothing came, as of
    /// [`next`](Consumer::next).
    ///
    /// # Errors
    /// As of [`next`](Consumer::next), where that is the first.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn next_batch(&mut self) -> Result<Vec<Entry<T>>> {
        let mut batch: Vec<Entry<T>> = self.next().await?.into_iter().collect();
        while let Some(Pending::There(_, Ok(_))) = self.queue.front() {
            let entry = self.queue.pop_front().and_then(|it| self.hand_out(it));
            batch.extend(entry.transpose()?);
        }
        Ok(batch)
    }

    /// Acknowledges entries with one [XACK](https://redis.io/docs/latest/commands/xack/);
    /// how many of them were still pending. As [`Entry::ack`] else.
    ///
    /// # Errors
    /// As of [`Entry::ack`].
    ///
    /// # Cancel safety
    /// As of [`Entry::ack`].
    pub async fn ack(&self, ids: &[StreamId]) -> Result<u64> {
        self.membership.ack(ids).await
    }

    /// Ends it: what blocks loses its connection, and what was read and not handed out is
    /// left for others to claim at once, but for an answer that is on its way. What was
    /// acknowledged was so before. The consumer's name stays in the group, since what is
    /// pending belongs to it.
    ///
    /// # Errors
    /// Nothing could be left to others: as if it had been dropped.
    ///
    /// # Cancel safety
    /// As if it had been dropped.
    pub async fn stop(mut self) -> Result<()> {
        self.step = None;
        let Some(idle) = self.settings.claim_idle else {
            return Ok(());
        };
        // Later it may be another's already, and must not be taken away.
        if self.queue.is_empty() || self.received.elapsed() > idle / 2 {
            return Ok(());
        }
        let ids: Vec<StreamId> = self.queue.iter().map(Pending::id).collect();
        self.membership.give_back(&ids, idle).await
    }

    fn hand_out(&self, pending: Pending<T>) -> Option<Result<Entry<T>>> {
        let Pending::There(id, fields) = pending else {
            return None;
        };
        let info = &known::XREADGROUP;
        Some(match fields {
            Ok(fields) => Ok(Entry::new(id, fields, &self.membership)),
            Err(error) => Err(Error::reply(error, info).of_command(info.name)),
        })
    }

    fn deadline(&mut self) -> Option<Instant> {
        let block = self.settings.block?;
        self.until = self.until.or_else(|| Instant::now().checked_add(block));
        self.until
    }
}

impl<T> Unpin for Consumer<T> {}

impl<T: FromReplyOwned + Send + 'static> Stream for Consumer<T> {
    type Item = Result<Entry<T>>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            if let Some(pending) = this.queue.pop_front() {
                this.until = None;
                match this.hand_out(pending) {
                    Some(entry) => return Poll::Ready(Some(entry)),
                    None => continue,
                }
            }
            let until = this.deadline();
            let step = this.step.get_or_insert_with(|| {
                let membership = Arc::clone(&this.membership);
                let settings = this.settings.clone();
                Box::pin(turn(membership, settings, this.place.clone(), until))
            });
            let turn = ready!(step.as_mut().poll(cx));
            this.step = None;
            this.place = turn.place;
            match turn.read {
                Err(error) => {
                    this.until = None;
                    return Poll::Ready(Some(Err(error)));
                }
                Ok(read) => {
                    this.queue.extend(read);
                    this.received = Instant::now();
                    let is_late = until.is_some_and(|until| this.received >= until);
                    if turn.is_last && is_late && this.queue.is_empty() {
                        this.until = None;
                        return Poll::Ready(None);
                    }
                }
            }
        }
    }
}

impl<T> fmt::Debug for Consumer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer")
            .field("settings", &self.settings)
            .field("read_ahead", &self.queue.len())
            .finish_non_exhaustive()
    }
}
