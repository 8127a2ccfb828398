//! Commands under construction: encoded straight into the bytes that go out.

mod append;
mod insert;
#[cfg(test)]
mod tests;

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

/// More arguments than these no command can be begun with; it is put right later, and
/// nothing overflows meanwhile. Where the count is a constant, it costs nothing.
const MOST: usize = usize::MAX >> 1;

/// Bytes of a command with a key or a number beside its name.
const USUAL: usize = 48;

/// Bytes of a command that is no small one.
const LONG: usize = 512;

/// Commands under construction, one after another in one buffer.
///
/// Each argument corrects its command's count where it has to, so there is
/// nothing to finish. A lone small command takes one heap allocation. An argument
/// of 16 KiB or more that is [`Bytes`](bytes::Bytes) is kept as it is and never
/// copied: a `Vec<u8>` or `String` becomes one by `.into()`, which copies nothing.
///
/// Whatever is called in whatever order, what comes out is whole commands, as many as
/// [`len`](Self::len) says: an argument that comes before the first command belongs to
/// none, and is left out.
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
            self.start(info, args.min(MOST) + words);
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
        self.start(info, args.min(MOST) + words);
        self.count();
        self.bulk(first.as_bytes());
        if let Some(second) = second {
            self.bulk(second.as_bytes());
        }
    }

    /// Adds an argument that is a key: it decides which node the command is for.
    /// Without a command it is left out.
    pub fn key(&mut self, key: &(impl ToArg + ?Sized)) -> &mut CommandBuffer {
        let span = key.with_bytes(|bytes| self.bulk(bytes));
        self.keys.push(span);
        match self.entries.last_mut() {
            Some(entry) => entry.keys_end = self.keys.len(),
            None => self.keys.clear(),
        }
        self
    }

    /// Adds an argument that is no key. Without a command it is left out.
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
        let several = Several {
            declared: std::mem::replace(&mut self.declared, usize::MAX),
            buffer: self,
        };
        args.add_to(&mut Arguments::new(several.buffer, are_keys));
        drop(several);
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
        let only_reads = self.entries.iter().all(|entry| entry.info.is_readonly());
        Commands::many(Arc::new(Body {
            bytes,
            entries: self.entries.into_vec(),
            keys: self.keys.into_vec(),
            large: self.large,
            flags: self.flags,
            only_reads,
        }))
    }

    #[inline]
    fn start(&mut self, info: &'static CommandInfo, declared: usize) {
        self.end_last();
        self.flags = self.flags | info.flags;
        if self.entries.len() == self.entries.capacity() {
            self.grow();
        }
        self.entries.push(Entry {
            info,
            start: self.bytes.len(),
            keys_end: self.keys.len(),
        });
        self.declared = declared;
        self.present = 0;
    }

    /// Makes room for more commands. A batch that has got a second one mostly goes on,
    /// so that its first steps are longer than a doubling.
    #[cold]
    fn grow(&mut self) {
        let have = self.entries.len();
        let more = match have {
            // Beside long arguments it would be memory for nothing.
            _ if self.bytes.len() > have * LONG => have,
            0..=1 => 15,
            2..128 => 7 * have,
            128..512 => 3 * have,
            _ => have,
        };
        self.entries.reserve_exact(more);
        self.keys.reserve(more);
        if more > have {
            self.bytes.reserve(more.saturating_mul(USUAL));
        }
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
            return self.leave_out();
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

    /// What was added so far belongs to no command, since none was begun: on the wire
    /// it would be answered all the same, and every reply behind that be taken for
    /// another's. That it is too many for its command is how it is noticed, so that
    /// nobody else has to look.
    #[cold]
    fn leave_out(&mut self) -> usize {
        self.bytes.clear();
        self.large.clear();
        (self.declared, self.present) = (0, 0);
        0
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

/// Arguments that are being counted together. A user's own [`ToArgs`] may panic: those
/// that it has added by then count as well.
struct Several<'b> {
    buffer: &'b mut CommandBuffer,
    declared: usize,
}

impl Drop for Several<'_> {
    fn drop(&mut self) {
        self.buffer.declared = self.declared;
        if self.buffer.present > self.declared {
            self.buffer.correct_count();
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
