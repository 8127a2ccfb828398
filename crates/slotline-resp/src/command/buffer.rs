//! Commands under construction: encoded straight into the bytes that go out.

use std::sync::Arc;

use smallvec::SmallVec;

use super::commands::{Body, CommandRef, Commands, Entry, One, Span};
use super::info::{CommandInfo, Flags, KeySpec};
use super::lookup::{command_info, subcommand_info};
use crate::arg::{Arguments, ToArg, ToArgs};
use crate::server::ReceivedCommand;

/// Bytes that a lone command may have before it needs the heap.
pub(crate) const INLINE: usize = 128;

/// Commands under construction, one after another in one buffer.
///
/// Each argument corrects its command's count where it has to, so there is
/// nothing to finish. A lone small command needs no
/// heap allocation.
///
/// ```
/// use slotline_resp::{CommandBuffer, known};
///
/// let mut buffer = CommandBuffer::new();
/// buffer.begin(&known::SET, 2).key("k").arg(&5);
/// assert_eq!(buffer.as_bytes(), b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\n5\r\n");
/// ```
#[derive(Debug, Default)]
pub struct CommandBuffer {
    bytes: SmallVec<[u8; INLINE]>,
    entries: SmallVec<[Entry; 1]>,
    keys: SmallVec<[Span; 1]>,
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

    /// Begins a command of the table. `args` is how many arguments will follow
    /// the name; a wrong count is put right, and costs a little.
    pub fn begin(&mut self, info: &'static CommandInfo, args: usize) -> &mut CommandBuffer {
        self.start(info, args);
        match info.name.split_once(' ') {
            None => self.bulk(info.name.as_bytes()),
            Some((container, subcommand)) => {
                self.bulk(container.as_bytes());
                self.bulk(subcommand.as_bytes())
            }
        };
        self
    }

    /// Begins a command by its name, in any case. A subcommand may be part of
    /// the name (`CONFIG GET`) or follow as the first argument.
    pub fn begin_named(&mut self, name: &str) -> &mut CommandBuffer {
        let mut info = command_info(name);
        let split = name.split_once(' ');
        if let (Some((container, subcommand)), false) = (split, info.is_known()) {
            // A container whose subcommand is not in the table.
            info = subcommand_info(command_info(container), subcommand.as_bytes());
        }
        self.start(info, usize::from(split.is_some()));
        match split {
            Some((container, subcommand)) if info.is_known() => {
                self.bulk(container.as_bytes());
                self.bulk(subcommand.as_bytes());
            }
            _ => {
                self.bulk(name.as_bytes());
            }
        }
        self
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
        let span = arg.with_bytes(|bytes| self.bulk(bytes));
        if self.present == 2 {
            self.refine_info(span);
        }
        self
    }

    /// Adds several arguments.
    pub fn args(&mut self, args: &(impl ToArgs + ?Sized)) -> &mut CommandBuffer {
        args.add_to(&mut Arguments::new(self, false));
        self
    }

    /// Adds several arguments that are keys.
    pub fn keys(&mut self, keys: &(impl ToArgs + ?Sized)) -> &mut CommandBuffer {
        keys.add_to(&mut Arguments::new(self, true));
        self
    }

    /// Adds a copy of an encoded command.
    pub fn append(&mut self, command: CommandRef<'_>) -> &mut CommandBuffer {
        self.end_last();
        let keys = command.key_spans_from(self.bytes.len());
        self.keys.extend(keys);
        self.entries.push(Entry {
            info: command.info(),
            start: self.bytes.len(),
            keys_end: self.keys.len(),
        });
        self.bytes.extend_from_slice(command.as_bytes());
        self.flags = self.flags | command.info().flags;
        self.declared = 0;
        self.present = 0;
        self
    }

    /// Adds a copy of a command that was received, an inline one as an array,
    /// which is the only form that others can rely on. Its keys are found by its
    /// key specification.
    ///
    /// ```
    /// use bytes::BytesMut;
    /// use slotline_resp::{CommandBuffer, CommandDecoder, Limits};
    ///
    /// let mut bytes = BytesMut::from("get k\r\n");
    /// let command = CommandDecoder::new(Limits::default()).decode(&mut bytes)?;
    /// let mut buffer = CommandBuffer::new();
    /// buffer.append_received(&command.expect("a whole line"));
    /// assert_eq!(buffer.as_bytes(), b"*2\r\n$3\r\nget\r\n$1\r\nk\r\n");
    /// # Ok::<(), slotline_resp::Error>(())
    /// ```
    pub fn append_received(&mut self, command: &ReceivedCommand) -> &mut CommandBuffer {
        self.open(command.info(), command.len());
        if command.is_inline() {
            self.bytes.push(b'*');
            self.number(self.declared);
            for arg in command.args() {
                self.bulk(arg);
            }
        } else {
            self.bytes.extend_from_slice(command.as_bytes());
            self.present = self.declared;
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

    /// All bytes so far.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Ends the construction. Where the caller marked no keys, those that the
    /// command's key specification names are found now.
    #[must_use]
    pub fn freeze(mut self) -> Commands {
        self.end_last();
        self.find_unmarked_keys();
        if let ([entry], false) = (self.entries.as_slice(), self.bytes.spilled()) {
            return Commands::one(One {
                bytes: self.bytes,
                info: entry.info,
                keys: self.keys,
            });
        }
        Commands::many(Arc::new(Body {
            bytes: self.bytes.into_vec(),
            entries: self.entries.into_vec(),
            keys: self.keys.into_vec(),
            flags: self.flags,
        }))
    }

    fn start(&mut self, info: &'static CommandInfo, args: usize) {
        let name_args = 1 + usize::from(info.name.contains(' '));
        self.open(info, args + name_args);
        self.bytes.push(b'*');
        self.number(self.declared);
    }

    /// Begins a command of so many arguments, its name included, before any of
    /// its bytes is there.
    fn open(&mut self, info: &'static CommandInfo, declared: usize) {
        self.end_last();
        self.declared = declared;
        self.present = 0;
        self.flags = self.flags | info.flags;
        self.entries.push(Entry {
            info,
            start: self.bytes.len(),
            keys_end: self.keys.len(),
        });
    }

    /// A command that got fewer arguments than it was begun with.
    fn end_last(&mut self) {
        if self.present < self.declared {
            self.correct_count();
        }
    }

    /// Appends one argument and corrects the count in the command's header.
    fn bulk(&mut self, payload: &[u8]) -> Span {
        self.bytes.push(b'$');
        self.number(payload.len());
        let start = self.bytes.len();
        self.bytes.extend_from_slice(payload);
        let end = self.bytes.len();
        self.bytes.extend_from_slice(b"\r\n");
        self.present += 1;
        if self.present > self.declared {
            let grown = self.correct_count();
            return Span {
                start: start + grown,
                end: end + grown,
            };
        }
        Span { start, end }
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
        if grown + shrunk > 0 {
            let zeros = std::iter::repeat_n(b'0', grown);
            self.bytes.insert_many(digits_at, zeros);
            self.bytes.drain(digits_at..digits_at + shrunk);
            for key in self.keys.iter_mut().skip(first_key) {
                key.start = key.start + grown - shrunk;
                key.end = key.end + grown - shrunk;
            }
        }
        if let Some(digits) = self.bytes.get_mut(digits_at..digits_at + new.len()) {
            digits.copy_from_slice(new);
        }
        self.declared = self.present;
        grown
    }

    fn number(&mut self, number: usize) {
        let mut digits = itoa::Buffer::new();
        self.bytes
            .extend_from_slice(digits.format(number).as_bytes());
        self.bytes.extend_from_slice(b"\r\n");
    }

    /// The first argument of a container is part of its name.
    fn refine_info(&mut self, argument: Span) {
        let Some(entry) = self.entries.last_mut() else {
            return;
        };
        if entry.info.flags.contains(Flags::CONTAINER)
            && let Some(subcommand) = self.bytes.get(argument.start..argument.end)
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
            self.keys = super::keys::find(&self.bytes, &mut self.entries, &self.keys);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::table as known;

    fn text(buffer: &CommandBuffer) -> String {
        String::from_utf8_lossy(buffer.as_bytes()).replace("\r\n", " ")
    }

    #[test]
    fn a_command_is_an_array_of_bulk_strings() {
        let mut buffer = CommandBuffer::new();
        buffer.begin(&known::GET, 1).key("k");
        assert_eq!(text(&buffer), "*2 $3 GET $1 k ");
        let mut buffer = CommandBuffer::new();
        buffer.begin_named("client reply").arg("ON");
        assert_eq!(text(&buffer), "*3 $6 client $5 reply $2 ON ");
    }

    #[test]
    fn the_count_is_right_after_every_argument() {
        let mut buffer = CommandBuffer::new();
        buffer.begin(&known::GET, 1).key("before");
        buffer.begin(&known::MGET, 0);
        for args in 1..=1000 {
            buffer.key(&args);
            let bytes = buffer.as_bytes().to_vec();
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
        let sent: Vec<&[u8]> = commands.iter().map(|c| c.as_bytes()).collect();
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
        assert_eq!(
            copy.get(1).unwrap().as_bytes(),
            all.get(1).unwrap().as_bytes()
        );
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
            buffer.as_bytes(),
            b"*8\r\n$1\r\nX\r\n$2\r\n-7\r\n$3\r\n1.5\r\n$4\r\na\r\nb\r\n\
              $1\r\nf\r\n$1\r\n1\r\n$1\r\ng\r\n$1\r\n2\r\n"
        );
    }
}
