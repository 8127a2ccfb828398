//! Cutting out what nobody waits for any more, as long as no byte of it has been
//! written (R2, R5). It happens when bytes are taken, or when they pile up.

use super::{Batch, Chunk, Protocol};

/// Less than this is left lying until it is met.
const WORTHWHILE: usize = 64 << 10;

impl Protocol {
    pub(super) fn is_dead(&self, batch: &Batch) -> bool {
        let slot = batch.slot.and_then(|slot| self.slots.get(slot as usize));
        slot.is_none_or(|slot| slot.is_abandoned())
    }

    /// Whether a chunk is being written.
    pub(crate) fn is_in_hand(&self) -> bool {
        self.hand.is_some()
    }

    /// How many batches are in the chunk that is being written.
    pub(super) fn in_hand(&self) -> usize {
        self.hand.map_or(0, |hand| hand.batches)
    }

    /// Cuts the batches out of `chunk` that nobody waits for. Its own begin at
    /// index `first`, after the `before` bytes that are left of the one before.
    pub(super) fn compact(&mut self, chunk: &mut Chunk, first: usize, before: usize) {
        let own = first..first + chunk.batches;
        let lens: Vec<(usize, bool)> = own
            .clone()
            .filter_map(|index| self.batches.get(index))
            .map(|batch| (batch.bytes, !self.is_dead(batch)))
            .collect();
        if lens.iter().all(|(_, stays)| *stays) {
            return;
        }
        for (index, (bytes, stays)) in own.zip(&lens) {
            if *stays {
                continue;
            }
            // The entry stays, empty, so that those behind it keep their places.
            if let Some(batch) = self.batches.get_mut(index) {
                batch.remaining = 0;
                batch.bytes = 0;
                if let Some(slot) = batch.slot.take() {
                    self.slots.try_remove(slot as usize);
                }
            }
            self.dead_bytes = self.dead_bytes.saturating_sub(*bytes);
        }
        chunk.cut(before, lens.into_iter());
    }

    /// Cuts out everywhere once half of what is held is nobody's, so that a node
    /// that takes nothing for long does not make memory grow.
    pub(super) fn compact_if_worthwhile(&mut self) {
        if self.dead_bytes < WORTHWHILE || self.dead_bytes < self.used.bytes {
            return;
        }
        let mut outbox = std::mem::take(&mut self.outbox);
        let settled = self.touched + self.in_hand();
        let mut first = settled;
        let in_front = self.hand.is_none();
        let mut before = if in_front { self.touched_left } else { 0 };
        outbox.retain(|chunk| {
            let own = chunk.batches;
            self.compact(chunk, first, before);
            let live = self.batches.iter().skip(first).take(own);
            chunk.batches = live.filter(|batch| batch.bytes > 0).count();
            first += own;
            before = 0;
            !chunk.is_spent()
        });
        self.outbox = outbox;
        let mut index = 0;
        self.batches.retain(|batch| {
            index += 1;
            index <= settled || batch.bytes > 0
        });
    }
}
