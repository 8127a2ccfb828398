//! Copies of commands that were put together elsewhere.

use super::CommandBuffer;
use crate::command::body::{Arguments, Encoded, Entry, LARGE, Large, Span};
use crate::command::{CommandInfo, CommandRef, Commands};
use crate::server::ReceivedCommand;

impl CommandBuffer {
    /// Adds a copy of an encoded command; its large arguments are shared.
    pub fn append(&mut self, command: CommandRef<'_>) -> &mut CommandBuffer {
        self.end_last();
        let (bytes, first_large, large, keys) = command.parts();
        let (from, to) = (command.start(), self.bytes.len());
        let large_to = self.large.len();
        self.keys
            .extend(keys.iter().map(|key| match key.as_large() {
                Some(index) => Span::large(index - first_large + large_to),
                None => Span {
                    start: key.start - from + to,
                    end: key.end - from + to,
                },
            }));
        self.large.extend(large.iter().map(|large| Large {
            at: large.at - from + to,
            bytes: large.bytes.clone(),
        }));
        self.entries.push(Entry {
            info: command.info(),
            start: to,
            keys_end: self.keys.len(),
        });
        self.bytes.extend(bytes);
        self.flags = self.flags | command.info().flags;
        // More arguments may follow, and must be counted with those it has.
        self.declared = Arguments::new(Encoded { bytes, large }, 0).left();
        self.present = self.declared;
        self
    }

    /// Adds a copy of a command that was received, an inline one as an array,
    /// which is the only form that others can rely on. Its large arguments are
    /// shared, its keys are found by its key specification.
    ///
    /// ```
    /// use bytes::BytesMut;
    /// use slotline_resp::{CommandBuffer, CommandDecoder, Limits};
    ///
    /// let mut bytes = BytesMut::from("get k\r\n");
    /// let command = CommandDecoder::new(Limits::default()).decode(&mut bytes)?;
    /// let mut buffer = CommandBuffer::new();
    /// buffer.append_received(&command.expect("a whole line"));
    /// assert_eq!(buffer.freeze().to_vec(), b"*2\r\n$3\r\nget\r\n$1\r\nk\r\n");
    /// # Ok::<(), slotline_resp::Error>(())
    /// ```
    pub fn append_received(&mut self, command: &ReceivedCommand) -> &mut CommandBuffer {
        self.start(command.info(), command.len());
        if !command.is_inline() && command.as_bytes().len() < LARGE {
            self.bytes.extend(command.as_bytes());
            self.present = self.declared;
            return self;
        }
        self.count();
        for (index, arg) in command.args().enumerate() {
            match command.arg(index) {
                Some(shared) if arg.len() >= LARGE => self.bulk_shared(shared),
                _ => {
                    self.bulk(arg);
                }
            }
        }
        self
    }
}

impl Commands {
    /// A copy of these, behind a command that has no arguments: with one ASKING before all
    /// of a transaction, a node runs it that is only about to own its slot. Large arguments
    /// are shared.
    ///
    /// Source: [ASKING](https://redis.io/docs/latest/commands/asking/).
    ///
    /// ```
    /// use slotline_resp::{CommandBuffer, known};
    ///
    /// let mut buffer = CommandBuffer::new();
    /// buffer.begin(&known::GET, 1).key("k");
    /// let asked = buffer.freeze().behind(&known::ASKING);
    /// assert_eq!(asked.to_vec(), b"*1\r\n$6\r\nASKING\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n");
    /// ```
    #[must_use]
    pub fn behind(&self, first: &'static CommandInfo) -> Commands {
        let mut buffer = CommandBuffer::new();
        buffer.begin(first, 0);
        for command in self.iter() {
            buffer.append(command);
        }
        buffer.freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::known;

    #[test]
    fn a_copy_of_a_command_takes_more_arguments() {
        let mut one = CommandBuffer::new();
        one.begin(&known::GET, 1).key("before");
        one.begin(&known::MGET, 1).key("a");
        let one = one.freeze();
        let mut more = CommandBuffer::new();
        more.append(one.get(1).unwrap()).key("b").key("c");
        let expected = b"*4\r\n$4\r\nMGET\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n";
        assert_eq!(more.freeze().to_vec(), expected);
    }
}
