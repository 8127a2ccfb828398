//! The keys that all tasks share.

/// Two to a shard of the fake cluster, each a slot of its own.
const TAGS: [&str; 6] = ["a", "b", "c", "d", "f", "g"];

/// What a counter begins with: far from the others, so that a reply that strays
/// from one to another shows.
const APART: i64 = 1_000_000;

/// A key, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    /// A register: SET and GET; the second number tells the two of a slot apart.
    Register(u8, u8),
    /// A counter: INCR.
    Counter(u8),
    /// A log: APPEND and GET.
    Log(u8),
    /// A hash: HSET and HGET.
    Hash(u8),
    /// A log that only transactions append to, and always to both of a slot: the
    /// second number tells the two apart.
    Twin(u8, u8),
}

impl Key {
    /// How many slots there are keys of.
    pub(crate) const SLOTS: u64 = TAGS.len() as u64;

    fn slot(self) -> u8 {
        match self {
            Key::Register(slot, _)
            | Key::Counter(slot)
            | Key::Log(slot)
            | Key::Hash(slot)
            | Key::Twin(slot, _) => slot,
        }
    }

    /// The key as the cluster knows it.
    #[must_use]
    pub fn name(self) -> String {
        let tag = TAGS.get(usize::from(self.slot())).unwrap_or(&"a");
        match self {
            Key::Register(_, number) => format!("{{{tag}}}register{number}"),
            Key::Counter(_) => format!("{{{tag}}}counter"),
            Key::Log(_) => format!("{{{tag}}}log"),
            Key::Hash(_) => format!("{{{tag}}}hash"),
            Key::Twin(_, number) => format!("{{{tag}}}twin{number}"),
        }
    }

    /// What a counter begins with.
    #[must_use]
    pub fn base(self) -> i64 {
        (i64::from(self.slot()) + 1) * APART
    }

    /// Both twins of a slot.
    #[must_use]
    pub fn twins(slot: u8) -> [Key; 2] {
        [Key::Twin(slot, 0), Key::Twin(slot, 1)]
    }

    /// A key that nobody ever sets, of the slot of another one: it says whose command
    /// it is in, where a command has no values to say so.
    #[must_use]
    pub fn mark(self, token: &str) -> String {
        let tag = TAGS.get(usize::from(self.slot())).unwrap_or(&"a");
        format!("{{{tag}}}mark{token}")
    }

    /// A register of every slot.
    pub(crate) fn registers(number: u8) -> impl Iterator<Item = Key> {
        Key::slots().map(move |slot| Key::Register(slot, number))
    }

    /// All slots.
    pub(crate) fn slots() -> impl Iterator<Item = u8> {
        0..u8::try_from(Key::SLOTS).unwrap_or(u8::MAX)
    }

    /// All counters and logs.
    pub(crate) fn counted() -> impl Iterator<Item = Key> {
        Key::slots().flat_map(|slot| {
            let [one, other] = Key::twins(slot);
            [Key::Counter(slot), Key::Log(slot), one, other]
        })
    }
}
