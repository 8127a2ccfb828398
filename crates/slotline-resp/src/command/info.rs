//! The static facts about a command: what it touches and where it may run.

use super::head::Head;

/// What the server's own command table says of a command, as a set of flags.
///
/// Source: the flags in the answer to
/// [`COMMAND`](https://redis.io/docs/latest/commands/command/).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Flags(u32);

impl Flags {
    /// No flag at all.
    pub const NONE: Flags = Flags(0);
    /// Only reads, and may run on a replica. A command that does not write is
    /// not for that reason `READONLY`: PUBLISH and EVAL have neither flag.
    pub const READONLY: Flags = Flags(1);
    /// May change data.
    pub const WRITE: Flags = Flags(1 << 1);
    /// May hold its connection until data arrives or a time has passed.
    pub const BLOCKING: Flags = Flags(1 << 2);
    /// Administration.
    pub const ADMIN: Flags = Flags(1 << 3);
    /// Publish and subscribe.
    pub const PUBSUB: Flags = Flags(1 << 4);
    /// Runs code that was given by the caller: an error may stem from that code.
    pub const SCRIPT: Flags = Flags(1 << 5);
    /// Where the keys are depends on the arguments.
    pub const MOVABLE_KEYS: Flags = Flags(1 << 6);
    /// Changes what its connection is, so a connection that is shared refuses it.
    pub const SESSION: Flags = Flags(1 << 7);
    /// Has subcommands: the first argument belongs to the name.
    pub const CONTAINER: Flags = Flags(1 << 8);
    /// One node may not be enough for it: its request policy is not the default one,
    /// or nothing is known about it. [`CommandInfo::new`] sees to it.
    pub const SPREADS: Flags = Flags(1 << 9);
    /// A write that says what there is to be: without a condition it may run twice. See
    /// [`CommandRef::is_idempotent`](crate::CommandRef::is_idempotent).
    pub const IDEMPOTENT: Flags = Flags(1 << 10);

    /// Both sets together.
    #[must_use]
    pub const fn union(self, other: Flags) -> Flags {
        Flags(self.0 | other.0)
    }

    /// Whether every flag of `other` is in this set.
    #[must_use]
    pub const fn contains(self, other: Flags) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether any flag of `other` is in this set.
    #[must_use]
    pub const fn intersects(self, other: Flags) -> bool {
        self.0 & other.0 != 0
    }
}

impl std::ops::BitOr for Flags {
    type Output = Flags;
    fn bitor(self, other: Flags) -> Flags {
        self.union(other)
    }
}

impl std::fmt::Debug for Flags {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        const NAMES: [(Flags, &str); 11] = [
            (Flags::READONLY, "readonly"),
            (Flags::WRITE, "write"),
            (Flags::BLOCKING, "blocking"),
            (Flags::ADMIN, "admin"),
            (Flags::PUBSUB, "pubsub"),
            (Flags::SCRIPT, "script"),
            (Flags::MOVABLE_KEYS, "movablekeys"),
            (Flags::SESSION, "session"),
            (Flags::CONTAINER, "container"),
            (Flags::SPREADS, "spreads"),
            (Flags::IDEMPOTENT, "idempotent"),
        ];
        let set = NAMES.iter().filter(|(flag, _)| self.contains(*flag));
        f.debug_set().entries(set.map(|(_, name)| name)).finish()
    }
}

/// Where a command's keys are among its arguments (the name is argument 0).
///
/// Source: [key specifications](https://redis.io/docs/latest/develop/reference/key-specs/).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeySpec {
    /// It has no keys.
    None,
    /// From `first` to `last` in steps of `step`; a negative `last` counts from
    /// the end, -1 being the last argument.
    Range {
        /// The first key's position.
        first: u16,
        /// The last key's position, from the end if negative.
        last: i16,
        /// The distance from one key to the next, at least 1.
        step: u16,
    },
    /// A number at position `count_at` says how many keys follow it: the first directly,
    /// the others in steps of `step` (2 where each is followed by its value, as MSETEX has
    /// them).
    Counted {
        /// The position of the number.
        count_at: u16,
        /// The distance from one key to the next, at least 1.
        step: u16,
    },
    /// As [`Counted`](Self::Counted) in steps of 1, and before all of them the key at
    /// position 1, which the result goes to (ZUNIONSTORE and its kin).
    CountedInto {
        /// The position of the number.
        count_at: u16,
    },
    /// The first half of what stands behind the word STREAMS, which is looked for
    /// from position `from` on (XREAD, XREADGROUP).
    Streams {
        /// The first position where the word may stand.
        from: u16,
    },
    /// The key at position 1, the one behind the last STORE from position `from` on,
    /// and the one behind the last STOREDIST (SORT, GEORADIUS, GEORADIUSBYMEMBER).
    Stored {
        /// The first position where the word may stand.
        from: u16,
    },
    /// The key at position 3; if that is empty, those behind the word KEYS
    /// (MIGRATE).
    Migrated,
    /// Anything else, as of a command that is not known: whoever sends it says
    /// which arguments are keys.
    Unknown,
}

/// How a command that is not bound to one slot spreads over a cluster.
///
/// Source: [command tips](https://redis.io/docs/latest/develop/reference/command-tips/),
/// `request_policy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RequestPolicy {
    /// With keys: the owner of their slot. Without: any one node answers for all.
    Default,
    /// Every node, replicas included.
    AllNodes,
    /// Every primary.
    AllShards,
    /// Split by slot, each part to its owner.
    MultiShard,
    /// A way of its own, such as SCAN's.
    Special,
}

/// How the answers of several nodes become one.
///
/// Source: [command tips](https://redis.io/docs/latest/develop/reference/command-tips/),
/// `response_policy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResponsePolicy {
    /// Nothing said: arrays concatenate, or follow the order of the keys.
    Default,
    /// One success is enough.
    OneSucceeded,
    /// Any error is the answer.
    AllSucceeded,
    /// The numbers' sum.
    AggSum,
    /// The least number.
    AggMin,
    /// The greatest number.
    AggMax,
    /// The logical and, element by element.
    AggLogicalAnd,
    /// The logical or, element by element.
    AggLogicalOr,
    /// A way of its own.
    Special,
}

/// The static facts about one command. Commands carry it by `&'static`
/// reference, so that a name is looked up at most once.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CommandInfo {
    /// The name in upper case; a subcommand's with its container's before it, as
    /// in `CONFIG GET`. Empty for a command that is not in the table.
    pub name: &'static str,
    /// What it does.
    pub flags: Flags,
    /// Where its keys are.
    pub keys: KeySpec,
    /// Where it goes in a cluster.
    pub request: RequestPolicy,
    /// How several nodes' answers become one.
    pub response: ResponsePolicy,
    /// How it begins on the wire.
    pub(crate) head: Head,
}

impl CommandInfo {
    /// What is assumed of a command that is not in the table, a module's for
    /// instance: that it may write, and that it is for whoever sends it to say
    /// which arguments are keys.
    pub const UNKNOWN: CommandInfo = CommandInfo::new(
        "",
        Flags::WRITE,
        KeySpec::Unknown,
        RequestPolicy::Default,
        ResponsePolicy::Default,
    );

    /// The facts about a command that no table has, for a `static`.
    ///
    /// ```
    /// use slotline_resp::{CommandBuffer, CommandInfo, Flags, KeySpec, RequestPolicy, ResponsePolicy};
    ///
    /// static FETCH: CommandInfo = CommandInfo::new(
    ///     "MOD.FETCH",
    ///     Flags::READONLY,
    ///     KeySpec::Range { first: 1, last: 1, step: 1 },
    ///     RequestPolicy::Default,
    ///     ResponsePolicy::Default,
    /// );
    /// let mut buffer = CommandBuffer::new();
    /// buffer.begin(&FETCH, 1).key("k");
    /// assert_eq!(buffer.freeze().to_vec(), b"*2\r\n$9\r\nMOD.FETCH\r\n$1\r\nk\r\n");
    /// ```
    #[must_use]
    pub const fn new(
        name: &'static str,
        flags: Flags,
        keys: KeySpec,
        request: RequestPolicy,
        response: ResponsePolicy,
    ) -> CommandInfo {
        let is_settled =
            matches!(request, RequestPolicy::Default) && !matches!(keys, KeySpec::Unknown);
        CommandInfo {
            name,
            flags: match is_settled {
                true => flags,
                false => flags.union(Flags::SPREADS),
            },
            keys,
            request,
            response,
            head: Head::of(name),
        }
    }

    /// Whether it may run on a replica, and twice without harm.
    #[must_use]
    pub const fn is_readonly(&self) -> bool {
        self.flags.contains(Flags::READONLY)
    }

    /// Whether it is in the table.
    #[must_use]
    pub const fn is_known(&self) -> bool {
        !self.name.is_empty()
    }
}
