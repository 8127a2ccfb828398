//! A set of slots.

use std::fmt;

use crate::slot::Slot;

const WORDS: usize = Slot::COUNT as usize / 64;

/// A set of slots: a bitmap of 2 KiB.
///
/// ```
/// use slotline_topology::{Slot, SlotSet};
///
/// let mut set = SlotSet::new();
/// assert!(set.insert(Slot::of_key(b"foo")));
/// assert!(set.contains(Slot::of_key(b"{foo}bar")));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct SlotSet {
    words: Box<[u64; WORDS]>,
    len: u16,
}

impl SlotSet {
    /// The empty set.
    pub fn new() -> Self {
        Self {
            words: Box::new([0; WORDS]),
            len: 0,
        }
    }

    /// How many slots are in it.
    pub fn len(&self) -> usize {
        usize::from(self.len)
    }

    /// Whether no slot is in it.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether this slot is in it.
    pub fn contains(&self, slot: Slot) -> bool {
        let word = self.words.get(slot.index() / 64).copied().unwrap_or(0);
        word & bit(slot) != 0
    }

    /// Adds a slot; whether it was not in yet.
    pub fn insert(&mut self, slot: Slot) -> bool {
        let new = !self.contains(slot);
        if let Some(word) = self.words.get_mut(slot.index() / 64) {
            *word |= bit(slot);
        }
        self.len += u16::from(new);
        new
    }

    /// Takes a slot out; whether it was in.
    pub fn remove(&mut self, slot: Slot) -> bool {
        let was = self.contains(slot);
        if let Some(word) = self.words.get_mut(slot.index() / 64) {
            *word &= !bit(slot);
        }
        self.len -= u16::from(was);
        was
    }

    /// Adds all slots of another set.
    pub fn union(&mut self, other: &Self) {
        self.extend(other.iter());
    }

    /// The slots in order.
    pub fn iter(&self) -> impl Iterator<Item = Slot> + '_ {
        (0_u16..)
            .step_by(64)
            .zip(self.words.iter())
            .flat_map(|(first, &word)| {
                let mut left = word;
                std::iter::from_fn(move || {
                    let next = (left != 0).then(|| left.trailing_zeros() as u16)?;
                    left &= left - 1;
                    Slot::new(first + next)
                })
            })
    }
}

fn bit(slot: Slot) -> u64 {
    1 << (slot.get() % 64)
}

impl Default for SlotSet {
    fn default() -> Self {
        Self::new()
    }
}

impl Extend<Slot> for SlotSet {
    fn extend<I: IntoIterator<Item = Slot>>(&mut self, slots: I) {
        for slot in slots {
            self.insert(slot);
        }
    }
}

impl FromIterator<Slot> for SlotSet {
    fn from_iter<I: IntoIterator<Item = Slot>>(slots: I) -> Self {
        let mut set = Self::new();
        set.extend(slots);
        set
    }
}

impl fmt::Debug for SlotSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(Slot::get)).finish()
    }
}
