//! A command that a batch has.

use std::marker::PhantomData;

use slotline_resp::CommandBuffer;

/// A command that is queued already; options can still be added to it.
pub struct Queued<'p, C> {
    pub(crate) buffer: &'p mut CommandBuffer,
    kind: PhantomData<fn() -> C>,
}

impl<'p, C> Queued<'p, C> {
    pub(crate) fn new(buffer: &'p mut CommandBuffer) -> Queued<'p, C> {
        Queued {
            buffer,
            kind: PhantomData,
        }
    }

    pub(crate) fn cast<D>(self) -> Queued<'p, D> {
        Queued::new(self.buffer)
    }
}
