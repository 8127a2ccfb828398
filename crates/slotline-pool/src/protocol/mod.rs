//! The state of one line to a node, as plain data: no IO, no clock, no waking.
//!
//! A batch goes through `Waiting` (the queue is full), `Queued` (its bytes are in
//! the outbox), `Sent` (at least one byte has been written) and `Done`. It keeps
//! its place over a change of connection until a byte of it has been written;
//! from then on it belongs to that connection.

mod cutting;
mod failing;
mod inbox;
mod outbox;
mod own;
mod receiving;
mod room;
mod slots;
#[cfg(test)]
mod tests;
mod writes;

pub(crate) use inbox::Inbox;
pub(crate) use outbox::Chunk;
pub use slots::WhileAway;
pub(crate) use slots::{Loss, Outcome, Written};

use std::collections::VecDeque;
use std::task::Waker;

use slab::Slab;
use slotline_resp::{Commands, Replies};
use tokio::time::Instant;

use crate::error::Error;
use outbox::Outbox;
use slots::{Slot, Stage};
use writes::Writes;

/// How much may be held at once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Commands that hold a place, written or not.
    pub(crate) commands: usize,
    /// Bytes that have not been written.
    pub(crate) bytes: usize,
    /// Whether a request that finds no room fails instead of waiting.
    pub(crate) refuse: bool,
    /// Behind so many writes without an answer, commands are gathered; `None` if each goes
    /// out as soon as it can.
    pub(crate) writes: Option<usize>,
}

/// A request's place, valid until its outcome is taken or it is abandoned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ticket(usize);

#[cfg(test)]
impl Ticket {
    pub(crate) fn made_up(number: usize) -> Ticket {
        Ticket(number)
    }
}

/// A reply came that nobody had asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unsolicited;

#[derive(Debug, Clone, Copy)]
struct Size {
    commands: usize,
    bytes: usize,
}

/// Commands that lie in the byte stream one after another. `slot` is `None` once
/// their request has been answered for; what is written of them then is only
/// read and dropped, and what is not is cut out.
#[derive(Debug, Clone, Copy)]
struct Batch {
    slot: Option<u32>,
    /// Commands without a reply.
    remaining: u32,
    bytes: usize,
}

/// The batches that wait for room, with their commands: they take up no budget.
#[derive(Debug)]
struct Pending {
    slot: u32,
    commands: Commands,
    size: Size,
}

/// A chunk that has been handed out: its number, and its batches.
#[derive(Debug, Clone, Copy)]
struct Hand {
    number: u64,
    batches: usize,
}

/// What the driver and the callers share.
#[derive(Debug)]
pub(crate) struct Protocol {
    bounds: Bounds,
    slots: Slab<Slot>,
    /// All batches in the order of their bytes: those that have been written at
    /// least in part come first.
    batches: VecDeque<Batch>,
    /// How many of them have been written at least in part.
    touched: usize,
    /// How many bytes of the last of those have not been written.
    touched_left: usize,
    /// The chunk that is being written just now, outside the lock.
    hand: Option<Hand>,
    /// How many chunks have been handed out.
    handed_out: u64,
    outbox: Outbox,
    pending: VecDeque<Pending>,
    /// Those among `pending` whose caller has gone.
    pending_dead: usize,
    /// What holds a place now.
    used: Size,
    /// Bytes in the outbox that are to be cut out.
    dead_bytes: usize,
    /// Replies that the connection still has to bring.
    owed: usize,
    writes: Writes,
    /// Outcomes that their callers have not taken yet.
    untaken: usize,
    /// No request's deadline is earlier than this.
    next_deadline: Option<Instant>,
    /// Why what turns out not to have been written is to be given back.
    displaced: Option<Error>,
    /// Who is to be woken once the lock has been let go.
    pub(crate) woken: Vec<Waker>,
    /// Replies given to callers, or dropped for callers who had gone.
    pub(crate) replies: u64,
    /// Pushes that were dropped.
    pub(crate) pushes: u64,
}

impl Protocol {
    pub(crate) fn new(bounds: Bounds) -> Protocol {
        Protocol {
            bounds,
            slots: Slab::new(),
            batches: VecDeque::new(),
            touched: 0,
            touched_left: 0,
            hand: None,
            handed_out: 0,
            outbox: Outbox::default(),
            pending: VecDeque::new(),
            pending_dead: 0,
            used: Size {
                commands: 0,
                bytes: 0,
            },
            dead_bytes: 0,
            owed: 0,
            writes: Writes::default(),
            untaken: 0,
            next_deadline: None,
            displaced: None,
            woken: Vec::new(),
            replies: 0,
            pushes: 0,
        }
    }

    /// Gives commands a place; `None` if there is no room and nobody is to wait.
    pub(crate) fn submit(
        &mut self,
        commands: &Commands,
        deadline: Instant,
        while_away: WhileAway,
    ) -> Option<Ticket> {
        let size = Size {
            commands: commands.len(),
            bytes: commands.byte_len(),
        };
        let fits = self.pending.is_empty() && self.has_room(size);
        if !fits && self.bounds.refuse {
            return None;
        }
        let slot = self.slots.insert(Slot::new(size, deadline, while_away));
        // Slots are as many as requests; there is no memory for 2^32 of them.
        let key = u32::try_from(slot).ok()?;
        if fits {
            self.enqueue(key, commands, size);
        } else {
            self.pending.push_back(Pending {
                slot: key,
                commands: commands.clone(),
                size,
            });
        }
        if self.next_deadline.is_none_or(|next| deadline < next) {
            self.next_deadline = Some(deadline);
        }
        Some(Ticket(slot))
    }

    /// The outcome, if there is one; else `waker` is woken when there is.
    pub(crate) fn poll(&mut self, ticket: Ticket, waker: &Waker) -> Option<Outcome> {
        let Some(slot) = self.slots.get_mut(ticket.0) else {
            return Some(Outcome::default());
        };
        if let Stage::Done(_) = slot.stage {
            self.untaken = self.untaken.saturating_sub(1);
            return Some(self.slots.remove(ticket.0).into_outcome());
        }
        match &mut slot.waker {
            Some(have) if have.will_wake(waker) => {}
            have => *have = Some(waker.clone()),
        }
        None
    }

    /// The caller has gone. What of it has not been written never will be; its
    /// room is free at once (R2).
    pub(crate) fn abandon(&mut self, ticket: Ticket) {
        let Some(slot) = self.slots.get_mut(ticket.0) else {
            return;
        };
        let size = slot.size;
        slot.waker = None;
        match std::mem::replace(&mut slot.stage, Stage::Abandoned) {
            Stage::Done(_) => {
                self.untaken = self.untaken.saturating_sub(1);
                self.slots.remove(ticket.0);
            }
            Stage::Waiting => {
                self.pending_dead += 1;
                if self.pending_dead * 2 > self.pending.len() {
                    self.drop_dead_pending();
                }
                // It may have been the one at the front that nothing had room for.
                self.admit();
            }
            Stage::Queued => {
                self.release(size);
                self.dead_bytes += size.bytes;
                self.admit();
                self.compact_if_worthwhile();
            }
            Stage::Sent => slot.replies = Replies::new(),
            Stage::Abandoned => {}
        }
    }

    /// The next bytes to write, until [`put_back`](Self::put_back). Everything in
    /// them still has a caller and a deadline ahead, if
    /// [`expire`](Self::expire) was called before.
    pub(crate) fn take(&mut self) -> Option<Chunk> {
        if self.hand.is_some() {
            return None;
        }
        while let Some(mut chunk) = self.outbox.pop() {
            if self.dead_bytes > 0 {
                self.compact(&mut chunk, self.touched, self.touched_left);
            }
            if chunk.is_spent() {
                self.touched += chunk.batches;
                self.outbox.recycle(chunk);
                continue;
            }
            self.handed_out += 1;
            chunk.number = self.handed_out;
            self.hand = Some(Hand {
                number: chunk.number,
                batches: chunk.batches,
            });
            return Some(chunk);
        }
        self.drop_finished();
        None
    }

    /// Gives back what [`take`](Self::take) gave, `written` bytes of which have
    /// been written. Tells how many commands these bytes began.
    pub(crate) fn put_back(&mut self, mut chunk: Chunk, written: usize) -> usize {
        if self.hand.is_none_or(|hand| hand.number != chunk.number) {
            // Everything was failed meanwhile; these bytes are nobody's.
            return 0;
        }
        let owed = self.owed;
        self.hand = None;
        chunk.advance(written);
        let mut left = written;
        loop {
            let step = left.min(self.touched_left);
            self.touched_left -= step;
            left -= step;
            if self.touched_left > 0 || chunk.batches == 0 {
                break;
            }
            let next = self.batches.get(self.touched).map(|batch| batch.bytes);
            if left == 0 && next != Some(0) {
                break;
            }
            self.touch();
            chunk.batches -= 1;
        }
        if chunk.is_spent() {
            self.outbox.recycle(chunk);
        } else {
            self.outbox.put_back(chunk);
        }
        let begun = self.owed.saturating_sub(owed);
        self.count_write(begun);
        self.drop_finished();
        if let Some(error) = self.displaced.take() {
            self.fail_unwritten(None, &error);
        }
        self.admit();
        begun
    }

    /// Whether there is something to write that nobody is writing.
    pub(crate) fn has_unwritten(&self) -> bool {
        self.hand.is_none() && !self.outbox.is_empty()
    }

    /// Whether nothing is on its way, and nobody was woken who may be about to
    /// send more: then whoever sends something may as well write it.
    pub(crate) fn is_idle(&self) -> bool {
        self.hand.is_none() && self.owed == 0 && self.touched_left == 0 && self.untaken == 0
    }

    /// Replies that the connection still has to bring.
    pub(crate) fn owed(&self) -> usize {
        self.owed
    }

    /// Whether the oldest request without a reply has not been written to its end.
    pub(crate) fn is_first_unfinished(&self) -> bool {
        self.touched == 1 && self.touched_left > 0
    }

    /// Whether a request has been written in part: its end must follow.
    pub(crate) fn is_amid_request(&self) -> bool {
        self.touched_left > 0
    }

    /// Whether callers have been woken who have not run yet: what they send next
    /// could go out in the same write.
    pub(crate) fn is_filling(&self) -> bool {
        self.untaken > 0
    }

    /// No deadline passes before this.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.next_deadline
    }

    /// Whether a request waits that a new connection could serve.
    pub(crate) fn wants_connection(&self) -> bool {
        let mut unwritten = self.batches.iter().skip(self.touched);
        unwritten.any(|batch| !self.is_dead(batch)) || self.pending.len() > self.pending_dead
    }

    /// Commands that hold a place, bytes that have not been written, requests
    /// that wait for room.
    pub(crate) fn load(&self) -> (usize, usize, usize) {
        let waiting = self.pending.len() - self.pending_dead;
        (self.used.commands, self.used.bytes, waiting)
    }

    /// Commands that hold a place.
    pub(crate) fn in_flight(&self) -> usize {
        self.used.commands
    }

    /// The first byte of the next batch has been written: from now on it keeps
    /// its place, whatever becomes of its caller (R2).
    fn touch(&mut self) {
        let Some(batch) = self.batches.get(self.touched) else {
            return;
        };
        self.touched += 1;
        self.touched_left = batch.bytes;
        self.owed += batch.remaining as usize;
        let slot = batch
            .slot
            .and_then(|slot| self.slots.get_mut(slot as usize));
        match slot {
            Some(slot) if !slot.is_abandoned() => {
                slot.stage = Stage::Sent;
                self.used.bytes = self.used.bytes.saturating_sub(batch.bytes);
            }
            _ => {
                // Its caller left while it was being written: its room had been
                // given up, and its place in the bytes is its own again.
                self.dead_bytes = self.dead_bytes.saturating_sub(batch.bytes);
                self.used.commands += batch.remaining as usize;
            }
        }
    }

    /// Drops batches at the front that nothing is to come for.
    fn drop_finished(&mut self) {
        while let Some(front) = self.batches.front() {
            if self.touched == 0 || front.remaining > 0 {
                break;
            }
            self.batches.pop_front();
            self.touched -= 1;
        }
    }

    /// Ends a request: its caller finds the outcome, or has gone.
    fn finish(&mut self, key: usize, loss: Option<Loss>) {
        let Some(slot) = self.slots.get_mut(key) else {
            return;
        };
        if slot.is_abandoned() {
            self.slots.remove(key);
        } else {
            slot.stage = Stage::Done(loss);
            self.untaken += 1;
            self.woken.extend(slot.waker.take());
        }
    }
}
