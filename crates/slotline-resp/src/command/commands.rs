//! Encoded commands, ready to be sent: what the layers hand on.

use std::ops::Range;
use std::sync::Arc;

use smallvec::SmallVec;

use super::buffer::INLINE;
use super::info::{CommandInfo, Flags};
use super::session::session_advice;

/// Where a piece of the bytes begins and ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// One command of a body. Its keys begin where those of the one before end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) info: &'static CommandInfo,
    pub(crate) start: usize,
    pub(crate) keys_end: usize,
}

/// A lone small command, without a heap allocation.
#[derive(Debug)]
pub(crate) struct One {
    pub(crate) bytes: SmallVec<[u8; INLINE]>,
    pub(crate) info: &'static CommandInfo,
    pub(crate) keys: SmallVec<[Span; 1]>,
}

/// Several commands, one after another.
#[derive(Debug)]
pub(crate) struct Body {
    pub(crate) bytes: Vec<u8>,
    pub(crate) entries: Vec<Entry>,
    pub(crate) keys: Vec<Span>,
    pub(crate) flags: Flags,
}

/// Encoded commands in the order in which they were added, with the facts about
/// each. Never changed once made, and cheap to clone: what a layer keeps in order
/// to send something again is no copy.
#[derive(Clone)]
pub struct Commands(Repr);

enum Repr {
    One(One),
    Range(Arc<Body>, Range<usize>),
    Picked(Arc<Body>, Arc<[u32]>),
}

impl Clone for Repr {
    fn clone(&self) -> Repr {
        match self {
            Repr::One(one) => Repr::One(One {
                // `from_slice` copies; `clone` would go byte by byte.
                bytes: SmallVec::from_slice(&one.bytes),
                info: one.info,
                keys: SmallVec::from_slice(&one.keys),
            }),
            Repr::Range(body, range) => Repr::Range(Arc::clone(body), range.clone()),
            Repr::Picked(body, picks) => Repr::Picked(Arc::clone(body), Arc::clone(picks)),
        }
    }
}

impl Commands {
    pub(crate) fn one(one: One) -> Commands {
        Commands(Repr::One(one))
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
            Repr::Picked(_, picks) => picks.len(),
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
        let mut len = 0;
        self.for_each_run(|run| len += run.len());
        len
    }

    /// The command at `index`.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<CommandRef<'_>> {
        match &self.0 {
            Repr::One(one) => (index == 0).then_some(CommandRef {
                info: one.info,
                bytes: &one.bytes,
                keys: &one.keys,
                all: &one.bytes,
                start: 0,
            }),
            Repr::Range(body, range) => {
                let index = range.start.checked_add(index)?;
                (index < range.end).then(|| body.get(index)).flatten()
            }
            Repr::Picked(body, picks) => body.get(*picks.get(index)? as usize),
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
                picks.get(start..end).unwrap_or_default().into(),
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
                (Arc::clone(body), within.copied().collect())
            }
        };
        Commands(Repr::Picked(body, picks))
    }

    /// Calls `with` for the bytes in order, in as few runs as they lie in.
    pub fn for_each_run(&self, mut with: impl FnMut(&[u8])) {
        match &self.0 {
            Repr::One(one) => with(&one.bytes),
            Repr::Range(body, range) => with(body.bytes_of(range.start, range.end)),
            Repr::Picked(body, picks) => {
                let mut picks = picks.iter().map(|at| *at as usize).peekable();
                while let Some(first) = picks.next() {
                    let mut end = first + 1;
                    while picks.next_if_eq(&end).is_some() {
                        end += 1;
                    }
                    with(body.bytes_of(first, end));
                }
            }
        }
    }

    /// The first command that a connection shared by many must refuse, and what
    /// to use instead; see [`session_advice`].
    #[must_use]
    pub fn refused_when_shared(&self) -> Option<(CommandRef<'_>, &'static str)> {
        let flags = match &self.0 {
            Repr::One(one) => one.info.flags,
            Repr::Range(body, _) | Repr::Picked(body, _) => body.flags,
        };
        if !flags.intersects(Flags::SESSION | Flags::BLOCKING) {
            return None;
        }
        self.iter().enumerate().find_map(|(at, command)| {
            let asking = command.info.name == "ASKING" && at + 1 < self.len();
            let advice = session_advice(command.info)?;
            (!asking && command.blocks_or_is_session()).then_some((command, advice))
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
    fn to_body(&self) -> Body {
        Body {
            bytes: self.bytes.to_vec(),
            entries: vec![Entry {
                info: self.info,
                start: 0,
                keys_end: self.keys.len(),
            }],
            keys: self.keys.to_vec(),
            flags: self.info.flags,
        }
    }
}

impl Body {
    fn start_of(&self, index: usize) -> usize {
        let entry = self.entries.get(index);
        entry.map_or(self.bytes.len(), |entry| entry.start)
    }

    fn bytes_of(&self, start: usize, end: usize) -> &[u8] {
        let span = self.start_of(start)..self.start_of(end);
        self.bytes.get(span).unwrap_or_default()
    }

    fn get(&self, index: usize) -> Option<CommandRef<'_>> {
        let entry = self.entries.get(index)?;
        let keys_start = match index.checked_sub(1) {
            Some(before) => self.entries.get(before)?.keys_end,
            None => 0,
        };
        Some(CommandRef {
            info: entry.info,
            bytes: self.bytes_of(index, index + 1),
            keys: self.keys.get(keys_start..entry.keys_end)?,
            all: &self.bytes,
            start: entry.start,
        })
    }
}

/// One command of [`Commands`].
#[derive(Clone, Copy)]
pub struct CommandRef<'a> {
    info: &'static CommandInfo,
    bytes: &'a [u8],
    keys: &'a [Span],
    /// What the keys' places refer to, and where in it the command begins.
    all: &'a [u8],
    start: usize,
}

impl<'a> CommandRef<'a> {
    /// The static facts about it.
    #[must_use]
    pub fn info(&self) -> &'static CommandInfo {
        self.info
    }

    /// Its bytes on the wire.
    #[must_use]
    pub fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Its keys, in order.
    pub fn keys(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let all = self.all;
        self.keys
            .iter()
            .filter_map(move |key| all.get(key.start..key.end))
    }

    /// Its name; as it was written, if it is not in the table.
    #[must_use]
    pub fn name(&self) -> &'a str {
        if self.info.is_known() {
            return self.info.name;
        }
        let written = self.args().next();
        written.map_or("", |name| std::str::from_utf8(name).unwrap_or("?"))
    }

    /// Its arguments as they are on the wire, the name first.
    pub fn args(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let bytes = self.bytes;
        Arguments::new(bytes, 0).filter_map(move |span| bytes.get(span.start..span.end))
    }

    /// Where its keys lie once its bytes are copied to begin at `start`.
    pub(crate) fn key_spans_from(&self, start: usize) -> impl Iterator<Item = Span> + use<'a> {
        let own = self.start;
        self.keys.iter().map(move |key| Span {
            start: key.start - own + start,
            end: key.end - own + start,
        })
    }

    /// XREAD and XREADGROUP block only where an argument says so.
    fn blocks_or_is_session(&self) -> bool {
        if self.info.flags.contains(Flags::SESSION) || !self.info.name.starts_with("XREAD") {
            return true;
        }
        self.args()
            .skip(1)
            .take_while(|arg| !arg.eq_ignore_ascii_case(b"STREAMS"))
            .any(|arg| arg.eq_ignore_ascii_case(b"BLOCK"))
    }
}

impl std::fmt::Debug for CommandRef<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// Walks over the arguments of one command that we encoded ourselves.
#[derive(Clone)]
pub(crate) struct Arguments<'a> {
    bytes: &'a [u8],
    at: usize,
    left: usize,
}

impl<'a> Arguments<'a> {
    pub(crate) fn new(bytes: &'a [u8], start: usize) -> Arguments<'a> {
        let mut arguments = Arguments {
            bytes,
            at: start,
            left: 0,
        };
        arguments.left = arguments.header(b'*').unwrap_or(0);
        arguments
    }

    pub(crate) fn left(&self) -> usize {
        self.left
    }

    fn header(&mut self, kind: u8) -> Option<usize> {
        let line = self.bytes.get(self.at..)?.strip_prefix(&[kind])?;
        let end = line.iter().position(|byte| *byte == b'\r')?;
        self.at += 1 + end + 2;
        std::str::from_utf8(line.get(..end)?).ok()?.parse().ok()
    }
}

impl Iterator for Arguments<'_> {
    type Item = Span;

    fn next(&mut self) -> Option<Span> {
        self.left = self.left.checked_sub(1)?;
        let len = self.header(b'$')?;
        let start = self.at;
        self.at += len + 2;
        Some(Span {
            start,
            end: start + len,
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

    fn bytes(commands: &Commands) -> Vec<u8> {
        let mut all = Vec::new();
        commands.for_each_run(|run| all.extend_from_slice(run));
        all
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
        let picked = all.pick(&[0, 1, 3]);
        assert_eq!(bytes(&picked), bytes(&gets(&["a", "b", "d"])));
        assert_eq!(picked.byte_len(), bytes(&picked).len());
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
    }

    #[test]
    fn debug_shows_names_only() {
        let shown = format!("{:?}", gets(&["secret", "other"]));
        assert_eq!(shown, r#"["GET", "GET"]"#);
    }
}
