//! Commands that are sent together.

use slotline_resp::{CommandBuffer, Commands, known};

use crate::queued::Queued;

/// Commands being queued, in one buffer: a method for each command. A pipeline or a
/// transaction lends it, and so does their closure form.
#[derive(Debug, Default)]
pub struct Batch {
    buffer: CommandBuffer,
    /// Whether they are a transaction: then a MULTI comes before them.
    is_transaction: bool,
}

impl Batch {
    /// Without a command.
    #[must_use]
    pub fn new() -> Batch {
        Batch::default()
    }

    /// How many commands are queued.
    #[must_use]
    pub fn len(&self) -> usize {
        let own = usize::from(self.is_transaction);
        self.buffer.len().saturating_sub(own)
    }

    /// Whether none is queued.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the commands are a transaction.
    #[must_use]
    pub fn is_transaction(&self) -> bool {
        self.is_transaction
    }

    /// What is queued becomes a transaction, and so does what comes behind it.
    #[must_use]
    pub fn into_transaction(self) -> Batch {
        if self.is_transaction {
            return self;
        }
        let mut buffer = CommandBuffer::new();
        buffer.begin(&known::MULTI, 0);
        if !self.buffer.is_empty() {
            for command in self.buffer.freeze().iter() {
                buffer.append(command);
            }
        }
        Batch {
            buffer,
            is_transaction: true,
        }
    }

    /// Ends it. The commands that go out, and those of them that were queued: without
    /// the MULTI and the EXEC of a transaction.
    #[must_use]
    pub fn freeze(mut self) -> (Commands, Commands) {
        let len = self.len();
        if self.is_transaction {
            self.buffer.begin(&known::EXEC, 0);
        }
        let all = self.buffer.freeze();
        let own = match self.is_transaction {
            true => all.slice(1..1 + len),
            false => all.clone(),
        };
        (all, own)
    }

    pub(crate) fn queue<C>(&mut self, encode: impl FnOnce(&mut CommandBuffer)) -> Queued<'_, C> {
        encode(&mut self.buffer);
        Queued::new(&mut self.buffer)
    }
}
