//! Copies of commands that were put together elsewhere.

use super::CommandBuffer;
use crate::command::CommandRef;
use crate::command::body::{Entry, LARGE, Large, Span};
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
        self.declared = 0;
        self.present = 0;
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
