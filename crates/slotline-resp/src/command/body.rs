//! The bytes of encoded commands, and the facts about each.

use std::fmt;
use std::ops::{Deref, Range};

use bytes::Bytes;

use super::info::{CommandInfo, Flags};
use crate::arg::ToArg;

/// An argument of at least so many bytes is kept as it is, where it is `Bytes`:
/// to write it from where it lies is then cheaper than to copy it.
pub(crate) const LARGE: usize = 16 << 10;

/// Where an argument lies: a range of the bytes, or one of the large arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl Span {
    /// The large argument at `index`.
    pub(crate) fn large(index: usize) -> Span {
        Span {
            start: index,
            end: usize::MAX,
        }
    }

    pub(crate) fn as_large(self) -> Option<usize> {
        (self.end == usize::MAX).then_some(self.start)
    }
}

/// A large argument, and the place in the bytes where it belongs.
#[derive(Clone)]
pub(crate) struct Large {
    pub(crate) at: usize,
    pub(crate) bytes: Bytes,
}

/// One command of a body. Its keys begin where those of the one before end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) info: &'static CommandInfo,
    pub(crate) start: usize,
    pub(crate) keys_end: usize,
}

/// Several commands, one after another.
pub(crate) struct Body {
    pub(crate) bytes: Vec<u8>,
    pub(crate) entries: Vec<Entry>,
    pub(crate) keys: Vec<Span>,
    pub(crate) large: Vec<Large>,
    pub(crate) flags: Flags,
    pub(crate) only_reads: bool,
}

/// A stretch of what goes out, to be written or copied in its turn.
///
/// It derefs to the bytes, for whoever does not mind the difference.
#[derive(Clone, Copy)]
pub enum Run<'a> {
    /// Bytes that were encoded into a buffer.
    Encoded(&'a [u8]),
    /// A large argument, in the memory in which the caller gave it.
    Shared(&'a Bytes),
}

impl Deref for Run<'_> {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        match self {
            Run::Encoded(bytes) => bytes,
            Run::Shared(bytes) => bytes,
        }
    }
}

impl ToArg for Run<'_> {
    fn with_bytes<R>(&self, take: impl FnOnce(&[u8]) -> R) -> R {
        take(self)
    }

    fn as_shared(&self) -> Option<&Bytes> {
        match self {
            Run::Encoded(_) => None,
            Run::Shared(bytes) => Some(bytes),
        }
    }
}

impl fmt::Debug for Run<'_> {
    /// How many bytes, not what they are: keys and values are the user's.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self {
            Run::Encoded(_) => "Encoded",
            Run::Shared(_) => "Shared",
        };
        f.debug_struct(kind).field("len", &self.len()).finish()
    }
}

/// Encoded bytes with the large arguments that belong in between.
#[derive(Clone, Copy)]
pub(crate) struct Encoded<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) large: &'a [Large],
}

impl<'a> Encoded<'a> {
    /// The argument at `span`.
    pub(crate) fn get(self, span: Span) -> Option<&'a [u8]> {
        match span.as_large() {
            Some(index) => self.large.get(index).map(|large| &*large.bytes),
            None => self.bytes.get(span.start..span.end),
        }
    }

    /// The same, as it is kept.
    pub(crate) fn run(self, span: Span) -> Option<Run<'a>> {
        match span.as_large() {
            Some(index) => self.large.get(index).map(|large| Run::Shared(&large.bytes)),
            None => self.bytes.get(span.start..span.end).map(Run::Encoded),
        }
    }

    /// The large arguments that belong into `range`, and the index of the first.
    pub(crate) fn large_in(self, range: &Range<usize>) -> (usize, &'a [Large]) {
        let from = self.large.partition_point(|large| large.at < range.start);
        let to = self.large.partition_point(|large| large.at < range.end);
        (from, self.large.get(from..to).unwrap_or_default())
    }

    pub(crate) fn len_of(self, range: Range<usize>) -> usize {
        let large = self.large_in(&range).1.iter();
        range.len() + large.map(|large| large.bytes.len()).sum::<usize>()
    }

    pub(crate) fn for_each_run(self, range: Range<usize>, with: &mut impl FnMut(Run<'a>)) {
        let encoded = |from: usize, to: usize, with: &mut dyn FnMut(Run<'a>)| {
            let bytes = self.bytes.get(from..to).unwrap_or_default();
            if !bytes.is_empty() {
                with(Run::Encoded(bytes));
            }
        };
        let mut at = range.start;
        for large in self.large_in(&range).1 {
            encoded(at, large.at, with);
            with(Run::Shared(&large.bytes));
            at = large.at;
        }
        encoded(at, range.end, with);
    }
}

impl Body {
    pub(crate) fn encoded(&self) -> Encoded<'_> {
        Encoded {
            bytes: &self.bytes,
            large: &self.large,
        }
    }

    fn start_of(&self, index: usize) -> usize {
        let entry = self.entries.get(index);
        entry.map_or(self.bytes.len(), |entry| entry.start)
    }

    /// Where the commands from `start` up to `end` lie.
    pub(crate) fn range(&self, start: usize, end: usize) -> Range<usize> {
        self.start_of(start)..self.start_of(end)
    }

    /// The keys of the command at `index`.
    pub(crate) fn keys_of(&self, index: usize) -> Option<&[Span]> {
        let entry = self.entries.get(index)?;
        let start = match index.checked_sub(1) {
            Some(before) => self.entries.get(before)?.keys_end,
            None => 0,
        };
        self.keys.get(start..entry.keys_end)
    }
}

/// Walks over the arguments of one command that we encoded ourselves.
#[derive(Clone)]
pub(crate) struct Arguments<'a> {
    encoded: Encoded<'a>,
    at: usize,
    left: usize,
}

impl<'a> Arguments<'a> {
    pub(crate) fn new(encoded: Encoded<'a>, start: usize) -> Arguments<'a> {
        let mut arguments = Arguments {
            encoded,
            at: start,
            left: 0,
        };
        arguments.left = arguments.header(b'*').unwrap_or(0);
        arguments
    }

    pub(crate) fn left(&self) -> usize {
        self.left
    }

    /// Where the argument at `index` begins, with its length; the end if there is none.
    pub(crate) fn offset_of(&self, index: usize) -> usize {
        let mut arguments = self.clone();
        if let Some(before) = index.checked_sub(1) {
            arguments.nth(before);
        }
        arguments.at
    }

    fn header(&mut self, kind: u8) -> Option<usize> {
        let ahead = self.encoded.bytes.get(self.at..)?;
        let line = ahead.strip_prefix(&[kind])?;
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
        if len >= LARGE {
            let (index, found) = self.encoded.large_in(&(start..start + 1));
            if !found.is_empty() {
                self.at += 2;
                return Some(Span::large(index));
            }
        }
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
    use crate::command::{CommandBuffer, Commands, known};

    fn large(byte: u8) -> Bytes {
        vec![byte; LARGE].into()
    }

    /// `SET a <large>`, `GET b`, `MSET c <large> d <large> e 1`.
    fn three() -> Commands {
        let mut buffer = CommandBuffer::new();
        buffer.begin(&known::SET, 2).key("a").arg(&large(b'1'));
        buffer.begin(&known::GET, 1).key("b");
        buffer.begin(&known::MSET, 0).key("c").arg(&large(b'2'));
        buffer.key("d").arg(&large(b'3')).key("e").arg(&1);
        // Ten arguments and more: everything behind the count moves.
        for n in 0..4 {
            buffer.key(&n).arg(&n);
        }
        buffer.freeze()
    }

    fn shared(commands: &Commands) -> Vec<u8> {
        let mut found = Vec::new();
        commands.for_each_run(|run| {
            if let Run::Shared(bytes) = run {
                found.push(bytes[0]);
            }
        });
        found
    }

    /// What the same commands are without an argument that is kept apart.
    fn copied(commands: &Commands) -> Vec<u8> {
        let mut buffer = CommandBuffer::new();
        for command in commands.iter() {
            buffer.begin_named(command.name());
            for arg in command.args().skip(1) {
                buffer.arg(arg);
            }
        }
        buffer.freeze().to_vec()
    }

    #[test]
    fn a_large_argument_goes_out_from_where_it_lies() {
        let all = three();
        assert_eq!(shared(&all), b"123");
        all.for_each_run(|run| {
            let shown = format!("{run:?}");
            assert!(
                shown.ends_with(&format!(" {{ len: {} }}", run.len())),
                "{shown}"
            );
        });
        assert_eq!(all.to_vec(), copied(&all));
        let given = large(b'x');
        let mut buffer = CommandBuffer::new();
        buffer.begin(&known::SET, 2).key("k").arg(&given);
        let mut runs = Vec::new();
        buffer.freeze().for_each_run(|run| runs.push(run.as_ptr()));
        assert!(runs.contains(&given.as_ptr()));
    }

    #[test]
    fn parts_take_their_large_arguments_with_them() {
        let all = three();
        for (part, expected) in [
            (all.slice(0..1), &b"1"[..]),
            (all.slice(1..2), b""),
            (all.slice(1..3), b"23"),
            (all.pick(&[2, 0]), b"231"),
            (all.pick(&[0, 2]), b"123"),
        ] {
            assert_eq!(shared(&part), expected);
            assert_eq!(part.to_vec(), copied(&part));
            assert_eq!(part.byte_len(), part.to_vec().len());
        }
        let lens = all.iter().map(|command| command.byte_len());
        assert_eq!(lens.sum::<usize>(), all.byte_len());
        let keys: Vec<&[u8]> = all.iter().flat_map(|command| command.keys()).collect();
        assert_eq!(keys.concat(), b"abcde0123");
    }

    #[test]
    fn a_copy_of_a_command_shares_its_large_arguments() {
        let all = three();
        let mut copy = CommandBuffer::new();
        copy.begin(&known::ASKING, 0);
        copy.append(all.get(2).unwrap()).append(all.get(0).unwrap());
        let copy = copy.freeze();
        assert_eq!(shared(&copy), b"231");
        assert_eq!(copy.slice(1..3).to_vec(), all.pick(&[2, 0]).to_vec());
        assert!(copy.get(1).unwrap().keys().eq(all.get(2).unwrap().keys()));
    }

    #[test]
    fn a_large_key_that_nobody_marked_is_found() {
        let mut buffer = CommandBuffer::new();
        buffer.begin_named("GET").arg("small");
        buffer
            .begin_named("MGET")
            .arg("a")
            .arg(&large(b'k'))
            .arg("b");
        let all = buffer.freeze();
        let keys: Vec<&[u8]> = all.get(1).unwrap().keys().collect();
        assert_eq!(keys, [b"a", &large(b'k')[..], b"b"]);
        let mut copy = CommandBuffer::new();
        copy.begin(&known::SET, 2).key("x").arg(&large(b'z'));
        copy.append(all.get(1).unwrap());
        let copy = copy.freeze();
        assert!(copy.get(1).unwrap().keys().eq(keys));
    }
}
