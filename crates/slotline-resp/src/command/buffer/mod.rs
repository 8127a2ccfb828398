//! Commands under construction: encoded straight into the bytes that go out.

mod append;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use smallvec::SmallVec;

use crate::arg::{Arguments, ToArg, ToArgs};
use crate::command::body::{Body, Encoded, Entry, LARGE, Large, Span};
use crate::command::commands::{Commands, One};
use crate::command::head::Head;
use crate::command::info::{CommandInfo, Flags, KeySpec};
use crate::command::lookup::{command_info, subcommand_info};
use crate::command::wire::{Finished, Wire};

/// Bytes of a command with a key or a number beside its name.
const USUAL: usize = 48;

/// Commands under construction, one after another in one buffer.
///
/// Each argument corrects its command's count where it has to, so there is
/// nothing to finish. A lone small command needs no heap allocation. An argument
/// of 16 KiB or more that is [`Bytes`](bytes::Bytes) is kept as it is and never
/// copied: a `Vec<u8>` or `String` becomes one by `.into()`, which copies nothing.
///
/// ```
/// use slotline_resp::{CommandBuffer, known};
///
/// let mut buffer = CommandBuffer::new();
/// buffer.begin(&known::SET, 2).key("k").arg(&5);
/// assert_eq!(buffer.freeze().to_vec(), b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\n5\r\n");
/// ```
#[derive(Default)]
pub struct CommandBuffer {
    bytes: Wire,
    entries: SmallVec<[Entry; 1]>,
    keys: SmallVec<[Span; 1]>,
    large: Vec<Large>,
    flags: Flags,
    /// Arguments of the last command, its name included: how many its header
    /// says, and how many are there.
    declared: usize,
    present: usize,
}

impl Default for Flags {
    fn default() -> Flags {
        Flags::NONE
    }
}

impl CommandBuffer {
    /// An empty buffer.
    #[must_use]
    pub fn new() -> CommandBuffer {
        CommandBuffer::default()
    }

    /// An empty buffer with room for `commands` of a usual size, one key each: for
    /// a batch whose length is known, which then need not grow step by step.
    #[must_use]
    pub fn with_capacity(commands: usize) -> CommandBuffer {
        if commands < 2 {
            // A lone command has its place already.
            return CommandBuffer::new();
        }
        CommandBuffer {
            bytes: Wire::with_capacity(commands.saturating_mul(USUAL)),
            entries: SmallVec::with_capacity(commands),
            keys: SmallVec::with_capacity(commands),
            ..CommandBuffer::default()
        }
    }

    /// Begins a command of the table. `args` is how many arguments will follow
    /// the name; a wrong count is put right, and costs a little.
    #[inline]
    pub fn begin(&mut self, info: &'static CommandInfo, args: usize) -> &mut CommandBuffer {
        if info.head.is_whole() {
            let words = info.head.words();
            self.start(info, args + words);
            self.head(&info.head);
            self.present = words;
            return self;
        }
        let (container, subcommand) = match info.name.split_once(' ') {
            Some((container, subcommand)) => (container, Some(subcommand)),
            None => (info.name, None),
        };
        self.begin_words(info, container, subcommand, args);
        self
    }

    /// Begins a command by its name, in any case. A subcommand may be part of
    /// the name (`CONFIG GET`) or follow as the first argument.
    pub fn begin_named(&mut self, name: &str) -> &mut CommandBuffer {
        let info = command_info(name);
        match name.split_once(' ') {
            Some((container, subcommand)) if info.is_known() => {
                self.begin_words(info, container, Some(subcommand), 0);
            }
            Some((container, subcommand)) => {
                // A container whose subcommand is not in the table.
                let info = subcommand_info(command_info(container), subcommand.as_bytes());
                let known = info.is_known();
                let (first, second) = if known {
                    (container, Some(subcommand))
                } else {
                    (name, None)
                };
                self.begin_words(info, first, second, 0);
            }
            None => self.begin_words(info, name, None, 0),
        }
        self
    }

    fn begin_words(
        &mut self,
        info: &'static CommandInfo,
        first: &str,
        second: Option<&str>,
        args: usize,
    ) {
        let words = 1 + usize::from(second.is_some());
        self.start(info, args + words);
        self.count();
        self.bulk(first.as_bytes());
        if let Some(second) = second {
            self.bulk(second.as_bytes());
        }
    }

    /// Adds an argument that is a key: it decides which node the command is for.
    pub fn key(&mut self, key: &(impl ToArg + ?Sized)) -> &mut CommandBuffer {
        let span = key.with_bytes(|bytes| self.bulk(bytes));
        self.keys.push(span);
        if let Some(entry) = self.entries.last_mut() {
            entry.keys_end = self.keys.len();
        }
        self
    }

    /// Adds an argument that is no key.
    pub fn arg(&mut self, arg: &(impl ToArg + ?Sized)) -> &mut CommandBuffer {
        match arg.as_shared() {
            Some(shared) if shared.len() >= LARGE => self.bulk_shared(shared.clone()),
            _ => {
                let span = arg.with_bytes(|bytes| self.bulk(bytes));
                if self.present == 2 {
                    self.refine_info(span);
                }
            }
        }
        self
    }

    /// Adds several arguments.
    pub fn args(&mut self, args: &(impl ToArgs + ?Sized)) -> &mut CommandBuffer {
        self.several(args, false)
    }

    /// Adds several arguments that are keys.
    pub fn keys(&mut self, keys: &(impl ToArgs + ?Sized)) -> &mut CommandBuffer {
        self.several(keys, true)
    }

    fn several(&mut self, args: &(impl ToArgs + ?Sized), are_keys: bool) -> &mut CommandBuffer {
        // The count is corrected once, when all of them are there.
        let declared = std::mem::replace(&mut self.declared, usize::MAX);
        args.add_to(&mut Arguments::new(self, are_keys));
        self.declared = declared;
        if self.present > declared {
            self.correct_count();
        }
        self
    }

    /// How many commands it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it holds no command.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Ends the construction. Where the caller marked no keys, those that the
    /// command's key specification names are found now.
    #[must_use]
    pub fn freeze(mut self) -> Commands {
        self.end_last();
        self.find_unmarked_keys();
        let bytes = match (self.bytes.finish(), self.entries.as_slice()) {
            (Finished::Inline(bytes, len), [entry]) if self.large.is_empty() => {
                return Commands::one(One {
                    bytes,
                    len,
                    info: entry.info,
                    keys: self.keys,
                });
            }
            (Finished::Inline(bytes, len), _) => bytes.get(..len).unwrap_or_default().to_vec(),
            (Finished::Heap(bytes), _) => bytes,
        };
        Commands::many(Arc::new(Body {
            bytes,
            entries: self.entries.into_vec(),
            keys: self.keys.into_vec(),
            large: self.large,
            flags: self.flags,
        }))
    }

    #[inline]
    fn start(&mut self, info: &'static CommandInfo, declared: usize) {
        self.end_last();
        self.flags = self.flags | info.flags;
        self.entries.push(Entry {
            info,
            start: self.bytes.len(),
            keys_end: self.keys.len(),
        });
        self.declared = declared;
        self.present = 0;
    }

    /// The prepared head with the count put in.
    #[inline]
    fn head(&mut self, head: &Head) {
        if self.declared >= 10 {
            self.count();
            self.bytes.extend(head.name());
            return;
        }
        let digit = b'0' + self.declared as u8;
        // All of the array: its length is known, so that this is a few moves.
        if let Some(to) = self.bytes.room(head.array().len()).first_chunk_mut() {
            *to = *head.array();
            to[1] = digit;
        }
        self.bytes.advance(head.len());
    }

    fn count(&mut self) {
        let mut digits = itoa::Buffer::new();
        self.bytes.extend(b"*");
        self.bytes.extend(digits.format(self.declared).as_bytes());
        self.bytes.extend(b"\r\n");
    }

    /// A command that got fewer arguments than it was begun with.
    #[inline]
    fn end_last(&mut self) {
        if self.present < self.declared {
            self.correct_count();
        }
    }

    /// Appends one argument and corrects the count in the command's header.
    #[inline]
    fn bulk(&mut self, payload: &[u8]) -> Span {
        let span = self.bytes.argument(payload);
        let grown = self.count_one();
        Span {
            start: span.start + grown,
            end: span.end + grown,
        }
    }

    /// The same for an argument that stays where it is.
    fn bulk_shared(&mut self, payload: Bytes) {
        self.bytes.argument_header(payload.len());
        self.large.push(Large {
            at: self.bytes.len(),
            bytes: payload,
        });
        self.bytes.extend(b"\r\n");
        self.count_one();
    }

    /// One argument more; tells by how many bytes that moved it on.
    #[inline]
    fn count_one(&mut self) -> usize {
        self.present += 1;
        if self.present > self.declared {
            return self.correct_count();
        }
        0
    }

    /// Writes the true count into the last command's header; tells by how many
    /// bytes everything behind it moved on (at the 10th argument, the 100th …).
    fn correct_count(&mut self) -> usize {
        let Some(entry) = self.entries.last() else {
            return 0;
        };
        let digits_at = entry.start + 1;
        let first_key = match self.entries.len() {
            0 | 1 => 0,
            n => self.entries.get(n - 2).map_or(0, |before| before.keys_end),
        };
        let old = itoa::Buffer::new().format(self.declared).len();
        let mut new = itoa::Buffer::new();
        let new = new.format(self.present).as_bytes();
        let grown = new.len().saturating_sub(old);
        let shrunk = old.saturating_sub(new.len());
        self.bytes.replace(digits_at, old, new);
        if grown + shrunk > 0 {
            let marked = self.keys.iter_mut().skip(first_key);
            for key in marked.filter(|key| key.as_large().is_none()) {
                key.start = key.start + grown - shrunk;
                key.end = key.end + grown - shrunk;
            }
            let later = self.large.iter_mut().rev();
            for large in later.take_while(|large| large.at > digits_at) {
                large.at = large.at + grown - shrunk;
            }
        }
        self.declared = self.present;
        grown
    }

    /// The first argument of a container is part of its name.
    fn refine_info(&mut self, argument: Span) {
        let Some(entry) = self.entries.last_mut() else {
            return;
        };
        if entry.info.flags.contains(Flags::CONTAINER)
            && let Some(subcommand) = self.bytes.get(argument.start, argument.end)
        {
            entry.info = subcommand_info(entry.info, subcommand);
            self.flags = self.flags | entry.info.flags;
        }
    }

    fn find_unmarked_keys(&mut self) {
        let mut keys_before = 0;
        let unmarked = self.entries.iter().any(|entry| {
            let none_marked = entry.keys_end == keys_before;
            keys_before = entry.keys_end;
            none_marked && !matches!(entry.info.keys, KeySpec::None | KeySpec::Unknown)
        });
        if unmarked {
            let encoded = Encoded {
                bytes: self.bytes.as_slice(),
                large: &self.large,
            };
            self.keys = crate::command::keys::find(encoded, &mut self.entries, &self.keys);
        }
    }
}

impl fmt::Debug for CommandBuffer {
    /// How many commands and bytes: keys and values are the user's.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let large = self.large.iter().map(|large| large.bytes.len());
        f.debug_struct("CommandBuffer")
            .field("commands", &self.len())
            .field("bytes", &(self.bytes.len() + large.sum::<usize>()))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::table as known;

    fn text(buffer: &mut CommandBuffer) -> String {
        String::from_utf8_lossy(buffer.bytes.as_slice()).replace("\r\n", " ")
    }

    #[test]
    fn a_command_is_an_array_of_bulk_strings() {
        let mut buffer = CommandBuffer::new();
        buffer.begin(&known::GET, 1).key("k");
        assert_eq!(text(&mut buffer), "*2 $3 GET $1 k ");
        let mut buffer = CommandBuffer::new();
        buffer.begin_named("client reply").arg("ON");
        assert_eq!(text(&mut buffer), "*3 $6 client $5 reply $2 ON ");
    }

    #[test]
    fn the_count_is_right_after_every_argument() {
        let mut buffer = CommandBuffer::new();
        buffer.begin(&known::GET, 1).key("before");
        buffer.begin(&known::MGET, 0);
        for args in 1..=1000 {
            buffer.key(&args);
            let bytes = buffer.bytes.as_slice().to_vec();
            let second = bytes.get(25..).unwrap_or_default();
            let header = format!("*{}\r\n$4\r\nMGET\r\n$1\r\n1\r\n", args + 1);
            assert!(second.starts_with(header.as_bytes()), "{args} arguments");
        }
        let commands = buffer.freeze();
        let mget = commands.get(1).unwrap();
        let keys: Vec<_> = mget.keys().map(|key| key.to_vec()).collect();
        let expected: Vec<_> = (1..=1000).map(|n| n.to_string().into_bytes()).collect();
        assert_eq!(keys, expected);
    }

    #[test]
    fn a_command_that_got_too_few_arguments_is_still_a_command() {
        let mut buffer = CommandBuffer::new();
        buffer.begin(&known::MGET, 99).key("a");
        buffer.begin_named("no such thing").arg("b");
        let commands = buffer.freeze();
        let sent: Vec<Vec<u8>> = commands.iter().map(|c| c.to_vec()).collect();
        assert_eq!(sent[0], b"*2\r\n$4\r\nMGET\r\n$1\r\na\r\n");
        assert_eq!(sent[1], b"*2\r\n$13\r\nno such thing\r\n$1\r\nb\r\n");
        assert_eq!(commands.get(0).unwrap().keys().next(), Some(&b"a"[..]));
    }

    #[test]
    fn a_copy_of_a_command_keeps_its_keys() {
        let mut all = CommandBuffer::new();
        all.begin(&known::GET, 1).key("other");
        all.begin(&known::MGET, 2).key("a").key("b");
        let all = all.freeze();
        let mut copy = CommandBuffer::new();
        copy.begin(&known::ASKING, 0);
        copy.append(all.get(1).unwrap());
        let copy = copy.freeze();
        let keys: Vec<&[u8]> = copy.iter().flat_map(|command| command.keys()).collect();
        assert_eq!(keys, [b"a", b"b"]);
        assert_eq!(copy.get(1).unwrap().to_vec(), all.get(1).unwrap().to_vec());
    }

    #[test]
    fn a_subcommand_given_as_an_argument_is_recognised() {
        let mut buffer = CommandBuffer::new();
        buffer.begin_named("CLIENT").arg("reply").arg("OFF");
        assert_eq!(buffer.freeze().get(0).unwrap().info(), &known::CLIENT_REPLY);
    }

    #[test]
    fn keys_that_nobody_marked_are_found_by_the_key_specification() {
        let mut buffer = CommandBuffer::new();
        buffer.begin_named("MGET").arg("a").arg("b");
        buffer.begin_named("PING");
        buffer.begin_named("GET").arg("c");
        let commands = buffer.freeze();
        let keys: Vec<Vec<&[u8]>> = commands.iter().map(|c| c.keys().collect()).collect();
        assert_eq!(keys, [vec![&b"a"[..], b"b"], vec![], vec![b"c"]]);
    }

    #[test]
    fn debug_shows_how_much_it_is_and_not_what() {
        let mut buffer = CommandBuffer::new();
        let large = Bytes::from(vec![b'x'; LARGE]);
        buffer.begin(&known::SET, 2).key("k").arg(&large);
        let bytes = buffer.bytes.len() + LARGE;
        let expected = format!("CommandBuffer {{ commands: 1, bytes: {bytes} }}");
        assert_eq!(format!("{buffer:?}"), expected);
    }

    #[test]
    fn any_argument_type_is_length_prefixed() {
        let mut buffer = CommandBuffer::new();
        buffer
            .begin_named("X")
            .arg(&-7i64)
            .arg(&1.5f64)
            .arg("a\r\nb")
            .args(&[("f", 1), ("g", 2)])
            .args(&None::<&str>);
        assert_eq!(
            buffer.freeze().to_vec(),
            b"*8\r\n$1\r\nX\r\n$2\r\n-7\r\n$3\r\n1.5\r\n$4\r\na\r\nb\r\n\
              $1\r\nf\r\n$1\r\n1\r\n$1\r\ng\r\n$1\r\n2\r\n"
        );
    }

    #[test]
    fn a_count_that_is_known_costs_no_correction() {
        for args in [8, 9, 10, 99, 100] {
            let keys: Vec<String> = (0..args).map(|n| format!("key{n}")).collect();
            let mut one_by_one = CommandBuffer::new();
            one_by_one.begin(&known::MGET, args);
            for key in &keys {
                one_by_one.key(key);
            }
            let mut at_once = CommandBuffer::new();
            at_once.begin(&known::MGET, 0).keys(&keys);
            let (one_by_one, at_once) = (one_by_one.freeze(), at_once.freeze());
            assert_eq!(one_by_one.to_vec(), at_once.to_vec());
            let found = at_once.get(0).unwrap();
            assert!(found.keys().eq(keys.iter().map(|key| key.as_bytes())));
        }
    }
}
