//! Encoded commands, ready to be sent: what the layers hand on.

use std::ops::Range;
use std::sync::Arc;

use smallvec::SmallVec;

use super::body::{Body, Encoded, Entry, Run, Span};
use super::command_ref::CommandRef;
use super::info::{CommandInfo, Flags};
use super::picks::Picks;
use super::session::{session_advice, transaction_advice};
use super::wire::INLINE;

/// A lone small command, in one allocation with its bytes.
pub(crate) struct One {
    pub(crate) bytes: [u8; INLINE],
    pub(crate) len: usize,
    pub(crate) info: &'static CommandInfo,
    pub(crate) keys: SmallVec<[Span; 1]>,
}

/// Encoded commands in the order in which they were added, with the facts about
/// each. Never changed once made, and cheap to clone: what a layer keeps in order
/// to send something again is no copy.
#[derive(Clone)]
pub struct Commands(Repr);

#[derive(Clone)]
enum Repr {
    One(Arc<One>),
    Range(Arc<Body>, Range<usize>),
    Picked(Arc<Body>, Picks),
}

impl Commands {
    pub(crate) fn one(one: One) -> Commands {
        Commands(Repr::One(Arc::new(one)))
    }

    pub(crate) fn many(body: Arc<Body>) -> Commands {
        let all = 0..body.entries.len();
        Commands(Repr::Range(body, all))
    }

    /// How many commands these are.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.0 {
            Repr::One(_) => 1,
            Repr::Range(_, range) => range.len(),
            Repr::Picked(_, picks) => picks.own().len(),
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many bytes they are on the wire.
    #[must_use]
    pub fn byte_len(&self) -> usize {
        match &self.0 {
            Repr::One(one) => one.len,
            Repr::Range(body, range) => body.encoded().len_of(body.range(range.start, range.end)),
            Repr::Picked(body, picks) if body.large.is_empty() => {
                let each = picks.iter().map(|at| body.range(at, at + 1).len());
                each.sum()
            }
            Repr::Picked(..) => self.iter().map(|command| command.byte_len()).sum(),
        }
    }

    /// The command at `index`.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<CommandRef<'_>> {
        match &self.0 {
            Repr::One(one) => (index == 0).then_some(CommandRef {
                info: one.info,
                encoded: Encoded {
                    bytes: one.bytes(),
                    large: &[],
                },
                keys: &one.keys,
                start: 0,
                end: one.len,
            }),
            Repr::Range(body, range) => {
                let index = range.start.checked_add(index)?;
                (index < range.end).then(|| body.get(index)).flatten()
            }
            Repr::Picked(body, picks) => body.get(picks.get(index)?),
        }
    }

    /// Every command, in order.
    pub fn iter(&self) -> impl Iterator<Item = CommandRef<'_>> {
        (0..self.len()).filter_map(|index| self.get(index))
    }

    /// Those in `range`, without copying them. A range that reaches beyond the
    /// end is cut there.
    #[must_use]
    pub fn slice(&self, range: Range<usize>) -> Commands {
        if range.start == 0 && range.end >= self.len() {
            return self.clone();
        }
        let end = range.end.min(self.len());
        let start = range.start.min(end);
        match &self.0 {
            Repr::One(one) => Commands::many(Arc::new(one.to_body())).slice(start..end),
            Repr::Range(body, whole) => Commands(Repr::Range(
                Arc::clone(body),
                whole.start + start..whole.start + end,
            )),
            Repr::Picked(body, picks) => Commands(Repr::Picked(
                Arc::clone(body),
                Picks {
                    start: picks.start + start as u32,
                    end: picks.start + end as u32,
                    ..picks.clone()
                },
            )),
        }
    }

    /// Those at the given indexes, in the order given, without copying them.
    /// Indexes beyond the end are left out.
    #[must_use]
    pub fn pick(&self, indexes: &[u32]) -> Commands {
        if indexes.len() == self.len() && indexes.iter().zip(0..).all(|(at, n)| *at == n) {
            return self.clone();
        }
        let (body, picks): (_, Arc<[u32]>) = match &self.0 {
            Repr::One(one) => {
                let all = indexes.iter().copied().filter(|at| *at == 0);
                (Arc::new(one.to_body()), all.collect())
            }
            Repr::Range(body, range) => {
                let start = range.start as u32;
                let within = indexes.iter().filter(|at| (**at as usize) < range.len());
                (Arc::clone(body), within.map(|at| start + at).collect())
            }
            Repr::Picked(body, picks) => {
                let within = indexes.iter().filter_map(|at| picks.get(*at as usize));
                (Arc::clone(body), within.map(|at| at as u32).collect())
            }
        };
        Commands(Repr::Picked(body, Picks::of(picks)))
    }

    /// The same for the indexes in `range` of a list that several parts share, so
    /// that a part costs no list of its own. A range that reaches beyond the end is
    /// cut there.
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use slotline_resp::{CommandBuffer, known};
    ///
    /// let mut buffer = CommandBuffer::new();
    /// for key in ["a", "b", "c"] {
    ///     buffer.begin(&known::GET, 1).key(key);
    /// }
    /// let commands = buffer.freeze();
    /// let by_node: Arc<[u32]> = [0, 2, 1].into();
    /// let first = commands.pick_shared(&by_node, 0..2);
    /// assert_eq!(first.to_vec(), commands.pick(&[0, 2]).to_vec());
    /// ```
    #[must_use]
    pub fn pick_shared(&self, indexes: &Arc<[u32]>, range: Range<usize>) -> Commands {
        let end = range.end.min(indexes.len());
        let range = range.start.min(end)..end;
        let own = indexes.get(range.clone()).unwrap_or_default();
        match &self.0 {
            Repr::Range(body, whole) if own.iter().all(|at| (*at as usize) < whole.len()) => {
                let picks = Picks {
                    all: Arc::clone(indexes),
                    start: range.start as u32,
                    end: range.end as u32,
                    base: whole.start as u32,
                };
                Commands(Repr::Picked(Arc::clone(body), picks))
            }
            _ => self.pick(own),
        }
    }

    /// Whether all of them only read, as far as is known without looking at each:
    /// false may be wrong where these are a part of others.
    #[must_use]
    pub fn are_known_to_read(&self) -> bool {
        match &self.0 {
            Repr::One(one) => one.info.is_readonly(),
            Repr::Range(body, _) | Repr::Picked(body, _) => body.only_reads,
        }
    }

    /// Calls `with` for the bytes in order, in as few runs as they lie in.
    pub fn for_each_run<'a>(&'a self, mut with: impl FnMut(Run<'a>)) {
        match &self.0 {
            Repr::One(one) => with(Run::Encoded(one.bytes())),
            Repr::Range(body, range) => body
                .encoded()
                .for_each_run(body.range(range.start, range.end), &mut with),
            Repr::Picked(body, picks) => {
                let mut picks = picks.iter().peekable();
                while let Some(first) = picks.next() {
                    let mut end = first + 1;
                    while picks.next_if_eq(&end).is_some() {
                        end += 1;
                    }
                    let range = body.range(first, end);
                    body.encoded().for_each_run(range, &mut with);
                }
            }
        }
    }

    /// A copy of all the bytes, in one piece.
    #[must_use]
    pub fn to_vec(&self) -> Vec<u8> {
        let mut all = Vec::with_capacity(self.byte_len());
        self.for_each_run(|run| all.extend_from_slice(&run));
        all
    }

    /// Those of all of them together; where these are a part of others, those of the
    /// others too.
    #[inline]
    fn flags(&self) -> Flags {
        match &self.0 {
            Repr::One(one) => one.info.flags,
            Repr::Range(body, _) | Repr::Picked(body, _) => body.flags,
        }
    }

    /// Whether one node may not be enough for some of them, without looking at each:
    /// true may be wrong where these are a part of others.
    #[must_use]
    #[inline]
    pub fn may_spread(&self) -> bool {
        self.flags().intersects(Flags::SPREADS)
    }

    /// Whether some of them may hold up their connection, without looking at each: true
    /// may be wrong where these are a part of others.
    #[must_use]
    #[inline]
    pub fn may_block(&self) -> bool {
        self.flags().intersects(Flags::BLOCKING)
    }

    /// The first command that a connection shared by many must refuse, and what
    /// to use instead; see [`session_advice`].
    #[must_use]
    #[inline]
    pub fn refused_when_shared(&self) -> Option<(CommandRef<'_>, &'static str)> {
        if !self.flags().intersects(Flags::SESSION | Flags::BLOCKING) {
            return None;
        }
        self.first_refused()
    }

    fn first_refused(&self) -> Option<(CommandRef<'_>, &'static str)> {
        self.iter().enumerate().find_map(|(at, command)| {
            let asking = command.info.name == "ASKING" && at + 1 < self.len();
            let advice = session_advice(command.info)?;
            (!asking && command.blocks_or_is_session()).then_some((command, advice))
        })
    }

    /// What keeps these from being one whole transaction that a connection shared by
    /// many can carry, and what to do instead: it begins with MULTI, which ASKING may
    /// come before, ends with EXEC, and between them nothing changes the connection.
    /// BLPOP and its kin do not wait there.
    ///
    /// ```
    /// use slotline_resp::{CommandBuffer, known};
    ///
    /// let mut buffer = CommandBuffer::new();
    /// buffer.begin(&known::MULTI, 0).begin(&known::INCR, 1).key("n");
    /// buffer.begin(&known::EXEC, 0);
    /// assert!(buffer.freeze().refused_in_transaction().is_none());
    /// ```
    #[must_use]
    pub fn refused_in_transaction(&self) -> Option<(CommandRef<'_>, &'static str)> {
        let asking = self.get(0).is_some_and(|first| first.info.name == "ASKING");
        let first = usize::from(asking && self.len() > 1);
        let last = self.len().checked_sub(1)?;
        self.iter()
            .enumerate()
            .skip(first)
            .find_map(|(at, command)| {
                let bound = match at {
                    at if at == first => "MULTI",
                    at if at == last => "EXEC",
                    _ => {
                        let advice = transaction_advice(command.info)?;
                        return command.blocks_or_is_session().then_some((command, advice));
                    }
                };
                let is_whole = command.info.name == bound && first < last;
                let advice = "a transaction is whole from its MULTI to its EXEC";
                (!is_whole).then_some((command, advice))
            })
    }
}

impl std::fmt::Debug for Commands {
    /// The names alone: keys and values are the user's.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = self.iter().map(|command| command.name());
        f.debug_list().entries(names).finish()
    }
}

impl One {
    fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    fn to_body(&self) -> Body {
        Body {
            bytes: self.bytes().to_vec(),
            entries: vec![Entry {
                info: self.info,
                start: 0,
                keys_end: self.keys.len(),
            }],
            keys: self.keys.to_vec(),
            large: Vec::new(),
            flags: self.info.flags,
            only_reads: self.info.is_readonly(),
        }
    }
}

impl Body {
    fn get(&self, index: usize) -> Option<CommandRef<'_>> {
        let range = self.range(index, index + 1);
        Some(CommandRef {
            info: self.entries.get(index)?.info,
            encoded: self.encoded(),
            keys: self.keys_of(index)?,
            start: range.start,
            end: range.end,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{CommandBuffer, table as known};

    fn gets(keys: &[&str]) -> Commands {
        let mut buffer = CommandBuffer::new();
        for key in keys {
            buffer.begin(&known::GET, 1).key(*key);
        }
        buffer.freeze()
    }

    fn keys(commands: &Commands) -> Vec<String> {
        let keys = commands.iter().flat_map(|command| command.keys());
        keys.map(|key| String::from_utf8_lossy(key).into_owned())
            .collect()
    }

    #[test]
    fn parts_of_parts_are_what_they_say() {
        for names in [&["a"][..], &["a", "b", "c", "d", "e"]] {
            let all = gets(names);
            assert_eq!(keys(&all), names);
            assert_eq!(keys(&all.slice(0..99)), names);
            assert_eq!(keys(&all.pick(&[0])), names[..1]);
            assert!(all.slice(9..99).is_empty());
            assert!(all.pick(&[]).is_empty() && all.pick(&[77]).is_empty());
        }
        let all = gets(&["a", "b", "c", "d", "e"]);
        assert_eq!(keys(&all.slice(1..4).slice(1..3)), ["c", "d"]);
        assert_eq!(keys(&all.slice(1..4).pick(&[0, 2])), ["b", "d"]);
        assert_eq!(keys(&all.pick(&[0, 1, 3, 4]).slice(1..3)), ["b", "d"]);
        assert_eq!(keys(&all.pick(&[0, 1, 3, 4]).pick(&[3, 0])), ["e", "a"]);
        let shared: Arc<[u32]> = [2, 0, 9, 1, 3].into();
        let some = all.slice(1..5);
        assert_eq!(keys(&all.pick_shared(&shared, 3..5)), ["b", "d"]);
        assert_eq!(keys(&some.pick_shared(&shared, 0..2)), ["d", "b"]);
        assert_eq!(keys(&some.pick_shared(&shared, 1..4)), ["b", "c"]);
        assert_eq!(keys(&some.pick_shared(&shared, 3..99)), ["c", "e"]);
        let picked = some.pick_shared(&shared, 3..5);
        assert_eq!(keys(&picked.pick_shared(&shared, 1..4)), ["c", "e"]);
        assert_eq!(keys(&picked.slice(1..2)), ["e"]);
        assert_eq!(keys(&picked.pick(&[1, 0])), ["e", "c"]);
        assert!(all.pick_shared(&shared, 7..9).is_empty());
        assert_eq!(keys(&gets(&["a"]).pick_shared(&shared, 1..2)), ["a"]);
        let picked = all.pick(&[0, 1, 3]);
        assert_eq!(picked.to_vec(), gets(&["a", "b", "d"]).to_vec());
        assert_eq!(picked.byte_len(), picked.to_vec().len());
    }

    #[test]
    fn what_changes_a_shared_connection_is_refused() {
        let refused = |name: &str, args: &[&str]| {
            let mut buffer = CommandBuffer::new();
            buffer.begin_named("GET").key("k");
            buffer.begin_named(name);
            for arg in args {
                buffer.arg(*arg);
            }
            buffer.freeze().refused_when_shared().is_some()
        };
        assert!(refused("client", &["reply", "off"]));
        assert!(!refused("client", &["list"]));
        assert!(refused("ASKING", &[]), "nothing follows it");
        assert!(!refused("SET", &["k", "BLOCK"]));
        assert!(refused("BLPOP", &["k", "0"]));
        assert!(refused("XREAD", &["BLOCK", "0", "STREAMS", "k", "0"]));
        assert!(!refused("XREAD", &["STREAMS", "BLOCK", "0"]));
    }

    #[test]
    fn a_transaction_is_whole_and_has_nothing_in_it_that_does_not_belong() {
        let check = |lines: &[&str], expected: Option<&str>| {
            let mut buffer = CommandBuffer::new();
            for line in lines {
                let mut words = line.split(' ');
                buffer.begin_named(words.next().unwrap());
                words.for_each(|word| {
                    buffer.arg(word);
                });
            }
            let commands = buffer.freeze();
            let refused = commands.refused_in_transaction();
            assert_eq!(refused.map(|(command, _)| command.name()), expected);
        };
        check(&["MULTI", "INCR n", "EXEC"], None);
        check(&["ASKING", "MULTI", "INCR n", "EXEC"], None);
        check(&["multi", "XREAD STREAMS s 0", "exec"], None);
        check(&["MULTI", "BLPOP k 0", "EXEC"], None);
        check(&["MULTI", "XREAD BLOCK 0 STREAMS s 0", "EXEC"], None);
        check(&[], None);
        for within in [
            "MULTI",
            "EXEC",
            "DISCARD",
            "WATCH k",
            "UNWATCH",
            "ASKING",
            "SELECT 1",
            "SUBSCRIBE c",
            "WAIT 1 0",
            "CLIENT REPLY OFF",
        ] {
            let mut name = within.split(' ').next().unwrap();
            if name == "CLIENT" {
                name = "CLIENT REPLY";
            }
            check(&["MULTI", "INCR n", within, "EXEC"], Some(name));
        }
        for (part, expected) in [
            (&["MULTI"][..], "MULTI"),
            (&["EXEC"], "EXEC"),
            (&["ASKING"], "ASKING"),
            (&["ASKING", "MULTI"], "MULTI"),
            (&["INCR n", "EXEC"], "INCR"),
            (&["MULTI", "INCR n"], "INCR"),
        ] {
            check(part, Some(expected));
        }
    }

    #[test]
    fn debug_shows_names_only() {
        let shown = format!("{:?}", gets(&["secret", "other"]));
        assert_eq!(shown, r#"["GET", "GET"]"#);
    }
}
