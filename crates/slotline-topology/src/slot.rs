//! Slots, and the slot of a key.

use std::fmt;

use crc16::{State, XMODEM};

use crate::error::Error;

/// One of the 16,384 hash slots that a cluster's keys are divided into.
///
/// ```
/// use slotline_topology::Slot;
///
/// assert_eq!(Slot::of_key(b"foo").get(), 12182);
/// assert_eq!(Slot::new(16384), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(u16);

impl Slot {
    /// How many slots there are.
    pub const COUNT: u16 = 16_384;

    /// The slot of this number, 0 to 16,383.
    pub const fn new(number: u16) -> Option<Self> {
        if number < Self::COUNT {
            Some(Self(number))
        } else {
            None
        }
    }

    /// The slot of a key; see [`slot_of`].
    pub fn of_key(key: &[u8]) -> Self {
        Self(State::<XMODEM>::calculate(hash_tag(key)) % Self::COUNT)
    }

    /// Its number.
    pub const fn get(self) -> u16 {
        self.0
    }

    /// Its number, for a table.
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// All slots in order.
    pub fn all() -> impl DoubleEndedIterator<Item = Self> + ExactSizeIterator {
        (0..Self::COUNT).map(Self)
    }
}

/// The slot of a key: the CRC16 (XMODEM) of its [hash tag](hash_tag), modulo
/// 16,384 (cluster specification, "Key distribution model").
pub fn slot_of(key: impl AsRef<[u8]>) -> Slot {
    Slot::of_key(key.as_ref())
}

/// The part of a key that decides its slot: what stands between the first `{`
/// and the next `}`, if there are both and something between them; else the
/// whole key (cluster specification, "Hash tags").
///
/// ```
/// use slotline_topology::hash_tag;
///
/// assert_eq!(hash_tag(b"{user1000}.following"), b"user1000");
/// assert_eq!(hash_tag(b"foo{}{bar}"), b"foo{}{bar}");
/// assert_eq!(hash_tag(b"foo{{bar}}zap"), b"{bar");
/// ```
pub fn hash_tag(key: &[u8]) -> &[u8] {
    let tag = || {
        let open = key.iter().position(|&byte| byte == b'{')?;
        let after = key.get(open + 1..)?;
        let close = after.iter().position(|&byte| byte == b'}')?;
        after.get(..close).filter(|tag| !tag.is_empty())
    };
    tag().unwrap_or(key)
}

impl TryFrom<u16> for Slot {
    type Error = Error;

    fn try_from(number: u16) -> Result<Self, Error> {
        Self::new(number).ok_or_else(|| Error::slot(number))
    }
}

impl From<Slot> for u16 {
    fn from(slot: Slot) -> Self {
        slot.0
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
