//! Bytes that have not been written yet.

use std::collections::VecDeque;

use slotline_resp::Commands;

/// How much is gathered before another chunk begins, and so the most that one
/// write is given unless a single batch is longer.
const CHUNK: usize = 256 << 10;

/// Whole batches one after another, the first of them perhaps written in part.
#[derive(Debug, Default)]
pub(crate) struct Chunk {
    bytes: Vec<u8>,
    /// Where the bytes begin that have not been written.
    at: usize,
    /// Batches in here of which no byte has been written.
    pub(super) batches: usize,
}

impl Chunk {
    /// What is to be written.
    pub(crate) fn unwritten(&self) -> &[u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    pub(super) fn is_spent(&self) -> bool {
        self.at >= self.bytes.len()
    }

    pub(super) fn advance(&mut self, written: usize) {
        self.at = self.at.saturating_add(written).min(self.bytes.len());
    }

    /// Cuts out batches, given the bytes that are left of the batch before
    /// them, and of each the length and whether it stays.
    pub(super) fn cut(&mut self, before: usize, batches: impl Iterator<Item = (usize, bool)>) {
        let mut from = self.at + before;
        let mut to = from;
        for (len, stays) in batches {
            if stays {
                self.bytes.copy_within(from..from + len, to);
                to += len;
            }
            from += len;
        }
        self.bytes.truncate(to);
    }
}

/// The chunks in order. While the driver writes the first, callers fill the
/// next; two of them take turns, so that the steady state allocates nothing.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    chunks: VecDeque<Chunk>,
    spare: Vec<Vec<u8>>,
}

impl Outbox {
    pub(super) fn append(&mut self, commands: &Commands, len: usize) {
        let last = self.chunks.back();
        if last.is_none_or(|chunk| chunk.bytes.len() + len > CHUNK) {
            let bytes = self.spare.pop().unwrap_or_default();
            self.chunks.push_back(Chunk {
                bytes,
                ..Chunk::default()
            });
        }
        if let Some(chunk) = self.chunks.back_mut() {
            chunk.bytes.reserve(len);
            commands.for_each_run(|run| chunk.bytes.extend_from_slice(&run));
            chunk.batches += 1;
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    pub(super) fn pop(&mut self) -> Option<Chunk> {
        self.chunks.pop_front()
    }

    pub(super) fn put_back(&mut self, chunk: Chunk) {
        self.chunks.push_front(chunk);
    }

    pub(super) fn front_mut(&mut self) -> Option<&mut Chunk> {
        self.chunks.front_mut()
    }

    /// Keeps the chunks that `keep` wants kept, in no more memory than they need.
    pub(super) fn retain(&mut self, mut keep: impl FnMut(&mut Chunk) -> bool) {
        self.chunks.retain_mut(|chunk| {
            let kept = keep(chunk);
            if chunk.bytes.len() < chunk.bytes.capacity() / 2 {
                chunk.bytes.shrink_to_fit();
            }
            kept
        });
    }

    pub(super) fn clear(&mut self) {
        self.chunks.clear();
    }

    /// Keeps the memory of a chunk that has been written, unless a long batch
    /// made it large.
    pub(super) fn recycle(&mut self, mut chunk: Chunk) {
        if self.spare.len() < 2 && chunk.bytes.capacity() <= 2 * CHUNK {
            chunk.bytes.clear();
            self.spare.push(chunk.bytes);
        }
    }
}
