use std::marker::PhantomData;

use slotline_resp::{CommandBuffer, Commands, known};

/// Commands being queued, in one buffer. [`Pipeline`](super::Pipeline) lends it,
/// and so does the closure form.
#[derive(Debug, Default)]
pub struct Batch {
    pub(super) buffer: CommandBuffer,
    /// Whether they are a transaction: then a MULTI comes before them.
    pub(super) is_transaction: bool,
}

impl Batch {
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

    /// What is queued becomes a transaction, and so does what comes behind it.
    pub(super) fn into_transaction(self) -> Batch {
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

    /// Ends it. The commands that go out, and those of them that were queued.
    pub(super) fn freeze(mut self) -> (Commands, Commands) {
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
        Queued {
            buffer: &mut self.buffer,
            kind: PhantomData,
        }
    }
}

/// A command that is queued already; options can still be added to it.
pub struct Queued<'p, C> {
    pub(crate) buffer: &'p mut CommandBuffer,
    kind: PhantomData<fn() -> C>,
}

impl<'p, C> Queued<'p, C> {
    pub(crate) fn cast<D>(self) -> Queued<'p, D> {
        Queued {
            buffer: self.buffer,
            kind: PhantomData,
        }
    }
}
