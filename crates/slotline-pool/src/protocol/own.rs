//! The pool's own commands among those of its callers.

use slotline_resp::Commands;
use tokio::time::Instant;

use super::{Batch, Protocol, Size, Slot, Stage, Ticket, WhileAway};

impl Protocol {
    /// Whether every request has come to its end, and nothing is to come any more.
    pub(crate) fn is_settled(&self) -> bool {
        let nobody_waits = self.pending.len() == self.pending_dead;
        self.hand.is_none() && self.owed == 0 && self.used.commands == 0 && nobody_waits
    }

    /// Whether nothing is on its way: neither written without an answer nor being
    /// written.
    pub(crate) fn is_quiet(&self) -> bool {
        self.hand.is_none() && self.touched_left == 0 && self.owed == 0
    }

    /// Lets go of memory that many requests have needed, of which none is left.
    pub(crate) fn rest(&mut self) {
        self.drop_finished();
        self.outbox.rest();
        self.batches.shrink_to_fit();
        self.pending.shrink_to_fit();
        self.woken.shrink_to_fit();
        self.slots.shrink_to_fit();
    }

    /// Gives a batch of the pool's own a place before everything that has not been
    /// written, in a write of its own; `None` if something is on its way.
    ///
    /// It goes beside the bounds, being one at a time and short, and its reply
    /// waits under its ticket. Whoever submits it abandons it when the connection
    /// is lost: it belongs to no other.
    pub(crate) fn submit_own(&mut self, commands: &Commands, deadline: Instant) -> Option<Ticket> {
        if !self.is_quiet() {
            return None;
        }
        self.drop_finished();
        let size = Size {
            commands: commands.len(),
            bytes: commands.byte_len(),
        };
        let mut slot = Slot::new(size, deadline, WhileAway::Wait);
        slot.stage = Stage::Queued;
        let key = self.slots.insert(slot);
        self.outbox.prepend(commands);
        self.batches.push_front(Batch {
            slot: u32::try_from(key).ok(),
            remaining: size.commands as u32,
            bytes: size.bytes,
        });
        self.used.commands += size.commands;
        self.used.bytes += size.bytes;
        Some(Ticket(key))
    }

    /// The outcome of a batch of the pool's own, if there is one.
    pub(crate) fn take_own(&mut self, ticket: Ticket) -> Option<super::Outcome> {
        self.poll(ticket, std::task::Waker::noop())
    }
}
