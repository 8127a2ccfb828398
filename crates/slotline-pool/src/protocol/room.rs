//! Room for requests: who gets a place, who waits for one (B1).

use slotline_resp::Commands;

use super::{Batch, Protocol, Size, Stage};

impl Protocol {
    pub(super) fn has_room(&self, size: Size) -> bool {
        let Size { commands, bytes } = self.used;
        // A request larger than the bound goes when there is nothing else (B1).
        let fits =
            |used: usize, more: usize, bound| used == 0 || used.saturating_add(more) <= bound;
        fits(commands, size.commands, self.bounds.commands)
            && fits(bytes, size.bytes, self.bounds.bytes)
    }

    pub(super) fn enqueue(&mut self, slot: u32, commands: &Commands, size: Size) {
        self.outbox.append(commands, size.bytes);
        self.batches.push_back(Batch {
            slot: Some(slot),
            remaining: size.commands as u32,
            bytes: size.bytes,
        });
        self.used.commands += size.commands;
        self.used.bytes += size.bytes;
        if let Some(slot) = self.slots.get_mut(slot as usize) {
            slot.stage = Stage::Queued;
        }
    }

    /// Lets in those who wait for room, in their order.
    pub(super) fn admit(&mut self) {
        while let Some(front) = self.pending.front() {
            let slot = self.slots.get(front.slot as usize);
            let waits = slot.is_some_and(|slot| matches!(slot.stage, Stage::Waiting));
            if waits && !self.has_room(front.size) {
                break;
            }
            let Some(next) = self.pending.pop_front() else {
                break;
            };
            if waits {
                self.enqueue(next.slot, &next.commands, next.size);
            } else {
                self.pending_dead = self.pending_dead.saturating_sub(1);
                self.slots.try_remove(next.slot as usize);
            }
        }
    }

    pub(super) fn drop_dead_pending(&mut self) {
        let slots = &mut self.slots;
        self.pending.retain(|pending| {
            let key = pending.slot as usize;
            let dead = slots.get(key).is_none_or(|slot| slot.is_abandoned());
            if dead {
                slots.try_remove(key);
            }
            !dead
        });
        self.pending_dead = 0;
    }

    pub(super) fn release(&mut self, size: Size) {
        self.used.commands = self.used.commands.saturating_sub(size.commands);
        self.used.bytes = self.used.bytes.saturating_sub(size.bytes);
    }
}
