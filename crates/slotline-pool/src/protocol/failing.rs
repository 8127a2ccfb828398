//! The ways in which requests end without all their replies.

use tokio::time::Instant;

use super::{Loss, Protocol, WhileAway, Written};
use crate::error::{Error, Waiting};

impl Protocol {
    /// Ends the requests whose deadline has passed. One that has not been
    /// written never will be (R5); one that has keeps its place (R2).
    #[inline]
    pub(crate) fn expire(&mut self, now: Instant, error: impl FnMut(Waiting) -> Error) {
        if self.next_deadline.is_some_and(|next| next <= now) {
            self.expire_overdue(now, error);
        }
    }

    fn expire_overdue(&mut self, now: Instant, mut error: impl FnMut(Waiting) -> Error) {
        let mut next: Option<Instant> = None;
        let mut over = |deadline: Instant| {
            if deadline > now {
                next = Some(next.map_or(deadline, |next| next.min(deadline)));
            }
            deadline <= now
        };
        for index in 0..self.batches.len() {
            let Some(deadline) = self.deadline_of(index) else {
                continue;
            };
            if !over(deadline) {
                continue;
            }
            if index < self.touched + self.in_hand() {
                // Its bytes, as far as any are left, will still be written.
                let error = error(Waiting::Reply);
                self.fail_batch(index, error, Written::Everything);
            } else {
                self.fail_batch(index, error(Waiting::Connection), Written::Nothing);
            }
        }
        let mut pending = std::mem::take(&mut self.pending);
        pending.retain(|waiting| {
            let key = waiting.slot as usize;
            let slot = self.slots.get(key).filter(|slot| !slot.is_abandoned());
            let expired = slot.is_some_and(|slot| over(slot.deadline));
            if expired {
                self.finish(key, Some(unsent(error(Waiting::Room))));
            }
            !expired
        });
        self.pending = pending;
        self.next_deadline = next;
        self.admit();
        self.compact_if_worthwhile();
    }

    /// The connection is gone. What was written of it is lost; what was not
    /// waits for the next one (E6).
    pub(crate) fn lost(&mut self, error: &Error) {
        // What a caller is writing this very moment may arrive.
        if let Some(hand) = self.hand.take() {
            self.touch_all(hand.batches);
        }
        for index in 0..self.touched {
            let last = index + 1 == self.touched;
            let bytes = self.batches.get(index).map_or(0, |batch| batch.bytes);
            let written = match self.touched_left {
                left if last && left > 0 => Written::Bytes(bytes - left),
                _ => Written::Everything,
            };
            if let Some(batch) = self.batches.get(index) {
                let gone = batch.remaining as usize;
                self.used.commands = self.used.commands.saturating_sub(gone);
            }
            self.fail_batch(index, error.clone(), written);
            self.forget_abandoned(index);
        }
        self.batches.drain(..self.touched);
        if let Some(chunk) = self.outbox.front_mut().filter(|_| self.touched_left > 0) {
            chunk.advance(self.touched_left);
        }
        self.touched = 0;
        self.touched_left = 0;
        self.owed = 0;
        self.forget_writes();
        self.admit();
    }

    /// Fails what has not been written: all of it, or only that which would not
    /// wait. What is being written this very moment is left alone, and given
    /// back afterwards if none of it was written and `all` was asked for.
    pub(crate) fn fail_unwritten(&mut self, only: Option<WhileAway>, error: &Error) {
        let first = self.touched + self.in_hand();
        for index in first..self.batches.len() {
            if self
                .while_away_of(index)
                .is_some_and(|it| only.is_none_or(|only| it == only))
            {
                self.fail_batch(index, error.clone(), Written::Nothing);
            }
        }
        let mut pending = std::mem::take(&mut self.pending);
        pending.retain(|waiting| {
            let key = waiting.slot as usize;
            let slot = self.slots.get(key).filter(|slot| !slot.is_abandoned());
            let meant = slot.is_some_and(|slot| only.is_none_or(|only| slot.while_away == only));
            if meant {
                self.finish(key, Some(unsent(error.clone())));
            }
            !meant
        });
        self.pending = pending;
        self.admit();
        self.compact_if_worthwhile();
    }

    /// Gives everything back of which no byte has been written (B3).
    pub(crate) fn give_back(&mut self, error: &Error) {
        self.displaced = self.hand.is_some().then(|| error.clone());
        self.fail_unwritten(None, error);
    }

    /// Ends every request; what is being written this very moment may arrive.
    pub(crate) fn fail_all(&mut self, error: &Error) {
        self.lost(error);
        self.fail_unwritten(None, error);
        // What is left belongs to callers who have gone.
        for index in 0..self.batches.len() {
            self.forget_abandoned(index);
        }
        self.drop_dead_pending();
        self.batches.clear();
        self.outbox.clear();
        self.used = super::Size {
            commands: 0,
            bytes: 0,
        };
        self.dead_bytes = 0;
        self.next_deadline = None;
        self.displaced = None;
    }

    /// Counts the next batches as written.
    fn touch_all(&mut self, batches: usize) {
        for _ in 0..batches {
            self.touch();
        }
        self.touched_left = 0;
    }

    fn deadline_of(&self, index: usize) -> Option<Instant> {
        self.live_slot(index).map(|slot| slot.deadline)
    }

    fn while_away_of(&self, index: usize) -> Option<WhileAway> {
        self.live_slot(index).map(|slot| slot.while_away)
    }

    fn live_slot(&self, index: usize) -> Option<&super::Slot> {
        let key = self.batches.get(index)?.slot?;
        let slot = self.slots.get(key as usize)?;
        (!slot.is_abandoned()).then_some(slot)
    }

    /// Ends the request of a batch. The batch stays where it is, as nobody's.
    fn fail_batch(&mut self, index: usize, error: Error, written: Written) {
        if self.live_slot(index).is_none() {
            return;
        }
        let Some(batch) = self.batches.get_mut(index) else {
            return;
        };
        let (key, bytes) = (batch.slot.take(), batch.bytes);
        let Some(key) = key.map(|key| key as usize) else {
            return;
        };
        if let Some(slot) = self.slots.get(key).filter(|_| index >= self.touched) {
            self.release(slot.size);
            self.dead_bytes += bytes;
        }
        self.finish(key, Some(Loss { error, written }));
    }

    fn forget_abandoned(&mut self, index: usize) {
        let slot = self
            .batches
            .get_mut(index)
            .and_then(|batch| batch.slot.take());
        if let Some(key) = slot {
            self.slots.try_remove(key as usize);
        }
    }
}

fn unsent(error: Error) -> Loss {
    Loss {
        error,
        written: Written::Nothing,
    }
}
