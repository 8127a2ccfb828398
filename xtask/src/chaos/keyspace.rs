//! Keys in the slots of a given shard, each with a number that no other has.

use std::sync::atomic::{AtomicU32, Ordering};

use slotline::{Slot, slot_of};

use super::history::{Key, Sort};

/// How many shards the hurt cluster has.
pub(super) const SHARDS: usize = 3;
/// The shard of the cluster that nothing is done to.
pub(super) const CONTROL: usize = SHARDS;

/// A key with its name.
#[derive(Clone, Debug)]
pub(super) struct Named {
    pub(super) key: Key,
    pub(super) name: String,
}

pub(super) struct Keyspace {
    /// Which shard each slot is of when nothing is being done.
    shards: Vec<usize>,
    next: AtomicU32,
}

impl Keyspace {
    /// `slots`: those of each shard.
    pub(super) fn new(slots: &[Vec<u16>]) -> Self {
        let mut shards = vec![0; usize::from(Slot::COUNT)];
        for (shard, slots) in slots.iter().enumerate() {
            for slot in slots {
                shards[usize::from(*slot)] = shard;
            }
        }
        Self {
            shards,
            next: AtomicU32::new(1),
        }
    }

    /// A key that nobody has used. In the control cluster any slot will do.
    pub(super) fn make(&self, sort: Sort, shard: usize) -> Named {
        let mut key = Key {
            number: self.next.fetch_add(1, Ordering::Relaxed),
            sort,
            shard,
            slot: 0,
        };
        let names = (0..).map(|salt| key.name(salt));
        let name = self.first_in(shard, names);
        key.slot = slot_of(&name).get();
        Named { key, name }
    }

    /// The first of `names` that lies in that shard.
    pub(super) fn first_in(&self, shard: usize, mut names: impl Iterator<Item = String>) -> String {
        let is_there =
            |name: &String| shard == CONTROL || self.shards[slot_of(name).index()] == shard;
        names.find(is_there).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_lie_in_their_shard_and_no_number_comes_twice() {
        let slots = [0..5_000, 5_000..11_000, 11_000..16_384].map(|range| range.collect());
        let keyspace = Keyspace::new(&slots);
        let mut numbers = Vec::new();
        for (shard, slots) in slots.iter().enumerate() {
            for _ in 0..20 {
                let made = keyspace.make(Sort::List, shard);
                assert!(slots.contains(&made.key.slot));
                assert_eq!(slot_of(&made.name).get(), made.key.slot);
                numbers.push(made.key.number);
            }
        }
        numbers.dedup();
        assert_eq!(numbers.len(), SHARDS * 20);
    }
}
