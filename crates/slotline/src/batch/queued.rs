use std::marker::PhantomData;

use slotline_resp::CommandBuffer;

/// Commands being queued, in one buffer. [`Pipeline`](super::Pipeline) lends it,
/// and so does the closure form.
#[derive(Debug, Default)]
pub struct Batch {
    pub(super) buffer: CommandBuffer,
}

impl Batch {
    /// How many commands are queued.
    #[must_use]
    pub fn len(&self) -> usize {
        self.buffer.len()
    }

    /// Whether none is queued.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.buffer.is_empty()
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
