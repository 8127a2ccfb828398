//! The data of one node.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use slotline_topology::slot_of;

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Text(Bytes),
    /// Fields in the order in which they were added, as small hashes have them.
    Hash(Vec<(Bytes, Bytes)>),
}

/// A value and the number of the write that made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) value: Value,
    pub(crate) version: u64,
}

/// Keys and values; remembers what was changed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Keyspace {
    entries: BTreeMap<Bytes, Entry>,
    changed: BTreeSet<Bytes>,
    writes: u64,
}

impl Keyspace {
    pub(crate) fn get(&self, key: &[u8]) -> Option<&Value> {
        self.entries.get(key).map(|entry| &entry.value)
    }

    pub(crate) fn contains(&self, key: &[u8]) -> bool {
        self.entries.contains_key(key)
    }

    /// Which write made the value; 0 if there is none.
    pub(crate) fn version(&self, key: &[u8]) -> u64 {
        self.entries.get(key).map_or(0, |entry| entry.version)
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn in_slot(&self, slot: u16) -> impl Iterator<Item = &Bytes> {
        let keys = self.entries.keys();
        keys.filter(move |key| slot_of(key).get() == slot)
    }

    /// The slots that it has keys of, in order.
    pub(crate) fn slots(&self) -> BTreeSet<u16> {
        self.entries.keys().map(|key| slot_of(key).get()).collect()
    }

    pub(crate) fn set(&mut self, key: &Bytes, value: Value) {
        self.writes += 1;
        let version = self.writes;
        let entry = Entry { value, version };
        self.entries.insert(owned(key), entry);
        self.changed.insert(owned(key));
    }

    /// Whether it was there.
    pub(crate) fn remove(&mut self, key: &Bytes) -> bool {
        let was_there = self.entries.remove(key).is_some();
        if was_there {
            self.changed.insert(owned(key));
        }
        was_there
    }

    pub(crate) fn clear(&mut self) {
        let all = std::mem::take(&mut self.entries);
        self.changed.extend(all.into_keys());
    }

    /// What commands have changed since the last time.
    pub(crate) fn take_changed(&mut self) -> BTreeSet<Bytes> {
        std::mem::take(&mut self.changed)
    }

    pub(crate) fn value(&self, key: &[u8]) -> Option<Value> {
        self.get(key).cloned()
    }

    /// What a primary says a key is now; no change of this node's own.
    pub(crate) fn copy(&mut self, key: &Bytes, value: Option<Value>) {
        match value {
            Some(value) => {
                self.writes += 1;
                let version = self.writes;
                self.entries.insert(key.clone(), Entry { value, version });
            }
            None => {
                self.entries.remove(key);
            }
        }
    }

    /// Becomes a copy of another node's data.
    pub(crate) fn resync(&mut self, from: &Keyspace) {
        self.entries.clone_from(&from.entries);
        self.writes = from.writes;
        self.changed.clear();
    }
}

/// A copy that does not hold on to what the key was read into.
fn owned(key: &Bytes) -> Bytes {
    Bytes::copy_from_slice(key)
}
