//! Bytes that have not been written yet.

use std::collections::VecDeque;
use std::fmt;
use std::io::IoSlice;

use bytes::{Buf, Bytes};
use slotline_resp::{Commands, Run};

/// How much is gathered before another chunk begins, and so the most that one
/// write is given unless a single batch is longer.
const CHUNK: usize = 256 << 10;
/// A chunk's memory beyond this is not kept for the next.
const KEPT: usize = 2 * CHUNK;
/// How many large arguments a chunk has at most before another begins.
const MOST_LARGE: usize = 32;
/// How many pieces one write is given at most.
const PIECES: usize = 2 * MOST_LARGE + 1;

/// Whole batches one after another, the first of them perhaps written in part.
#[derive(Default)]
pub(crate) struct Chunk {
    bytes: Vec<u8>,
    /// Where the bytes begin that have not been written.
    at: usize,
    /// Large arguments that have not been written, each with the place in
    /// `bytes` where it belongs.
    large: VecDeque<(usize, Bytes)>,
    /// Batches in here of which no byte has been written.
    pub(super) batches: usize,
    /// Whether nothing is to be added: what is in here is written by itself.
    is_sealed: bool,
    /// Which of the chunks that were ever handed out this is.
    pub(super) number: u64,
}

impl Chunk {
    /// Calls `write` with what is to be written, or the front of it, in pieces.
    pub(crate) fn write_with<R>(&self, write: impl FnOnce(&[IoSlice<'_>]) -> R) -> R {
        let encoded = |from: usize, to: usize| self.bytes.get(from..to).unwrap_or_default();
        if self.large.is_empty() {
            return write(&[IoSlice::new(encoded(self.at, self.bytes.len()))]);
        }
        let mut pieces = [IoSlice::new(&[]); PIECES];
        let mut places = pieces.iter_mut();
        let mut filled = 0;
        let mut add = |piece| {
            if let Some(place) = places.next() {
                *place = IoSlice::new(piece);
                filled += 1;
            }
        };
        let mut from = self.at;
        for (at, bytes) in self.large.iter().take(MOST_LARGE) {
            if *at > from {
                add(encoded(from, *at));
            }
            add(bytes);
            from = *at;
        }
        if self.large.len() <= MOST_LARGE && from < self.bytes.len() {
            add(encoded(from, self.bytes.len()));
        }
        write(pieces.get(..filled).unwrap_or_default())
    }

    /// Whether nothing is left to write.
    pub(crate) fn is_spent(&self) -> bool {
        self.at >= self.bytes.len() && self.large.is_empty()
    }

    /// So much has been written.
    pub(crate) fn advance(&mut self, written: usize) {
        let mut left = written;
        while left > 0 {
            match self.large.front_mut() {
                Some((at, bytes)) if *at <= self.at => {
                    let step = left.min(bytes.len());
                    bytes.advance(step);
                    left -= step;
                    if bytes.is_empty() {
                        self.large.pop_front();
                    }
                }
                next => {
                    let end = next.map_or(self.bytes.len(), |(at, _)| *at);
                    let step = left.min(end.saturating_sub(self.at));
                    self.at += step;
                    left -= step;
                    if step == 0 {
                        break;
                    }
                }
            }
        }
    }

    /// Adds commands behind what there is; their large arguments stay where they are.
    pub(crate) fn push(&mut self, commands: &Commands) {
        commands.for_each_run(|run| self.append(run));
    }

    /// Drops what has not been written, and keeps the memory unless a long batch made
    /// it large.
    pub(crate) fn clear(&mut self) {
        let mut bytes = std::mem::take(&mut self.bytes);
        if bytes.capacity() > KEPT {
            bytes = Vec::new();
        }
        bytes.clear();
        *self = Chunk {
            bytes,
            ..Chunk::default()
        };
    }

    fn append(&mut self, run: Run<'_>) {
        match run {
            Run::Shared(bytes) => self.large.push_back((self.bytes.len(), bytes.clone())),
            run => self.bytes.extend_from_slice(&run),
        }
    }

    /// Cuts out batches, given the bytes that are left of the batch before
    /// them, and of each the length and whether it stays.
    pub(super) fn cut(&mut self, before: usize, batches: impl Iterator<Item = (usize, bool)>) {
        let mut kept = Chunk {
            batches: self.batches,
            is_sealed: self.is_sealed,
            ..Chunk::default()
        };
        for (len, stays) in std::iter::once((before, true)).chain(batches) {
            if stays {
                self.copy_to(&mut kept, len);
            }
            self.advance(len);
        }
        *self = kept;
    }

    /// Appends the next `len` bytes of what is to be written to `other`.
    fn copy_to(&self, other: &mut Chunk, len: usize) {
        let (mut from, mut left) = (self.at, len);
        for (at, bytes) in &self.large {
            let before = left.min(at.saturating_sub(from));
            let encoded = self.bytes.get(from..from + before).unwrap_or_default();
            other.append(Run::Encoded(encoded));
            from += before;
            left -= before;
            if left == 0 {
                return;
            }
            other.append(Run::Shared(&bytes.slice(..left.min(bytes.len()))));
            left = left.saturating_sub(bytes.len());
        }
        let encoded = self.bytes.get(from..from + left).unwrap_or_default();
        other.append(Run::Encoded(encoded));
    }

    #[cfg(test)]
    pub(super) fn to_vec(&self) -> Vec<u8> {
        self.write_with(|pieces| pieces.iter().flat_map(|piece| piece.to_vec()).collect())
    }
}

impl fmt::Debug for Chunk {
    /// How much, not what: a password may be in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chunk")
            .field("bytes", &self.bytes.len())
            .field("batches", &self.batches)
            .finish_non_exhaustive()
    }
}

/// The chunks in order. While the driver writes the first, callers fill the
/// next; two of them take turns, so that the steady state allocates nothing.
#[derive(Default)]
pub(crate) struct Outbox {
    chunks: VecDeque<Chunk>,
    spare: Vec<Vec<u8>>,
}

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.chunks).finish()
    }
}

impl Outbox {
    pub(super) fn append(&mut self, commands: &Commands, len: usize) {
        let is_full = |chunk: &Chunk| {
            chunk.is_sealed || chunk.bytes.len() + len > CHUNK || chunk.large.len() >= MOST_LARGE
        };
        if self.chunks.back().is_none_or(is_full) {
            let bytes = self.spare.pop().unwrap_or_default();
            self.chunks.push_back(Chunk {
                bytes,
                ..Chunk::default()
            });
        }
        if let Some(chunk) = self.chunks.back_mut() {
            chunk.push(commands);
            chunk.batches += 1;
        }
    }

    /// Puts a batch before all others, in a chunk of its own.
    pub(super) fn prepend(&mut self, commands: &Commands) {
        let mut chunk = Chunk {
            bytes: self.spare.pop().unwrap_or_default(),
            batches: 1,
            is_sealed: true,
            ..Chunk::default()
        };
        chunk.push(commands);
        self.chunks.push_front(chunk);
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

    /// Lets go of the memory that waits for the next chunks.
    pub(super) fn rest(&mut self) {
        self.spare = Vec::new();
        self.chunks.shrink_to_fit();
    }

    /// Keeps the memory of a chunk that has been written, unless a long batch
    /// made it large.
    pub(super) fn recycle(&mut self, mut chunk: Chunk) {
        if self.spare.len() < 2 && chunk.bytes.capacity() <= KEPT {
            chunk.bytes.clear();
            self.spare.push(chunk.bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use slotline_resp::{CommandBuffer, known};

    /// Batches of one command each; those with a large value end in its letter.
    fn batches() -> (Outbox, Vec<Vec<u8>>) {
        let mut outbox = Outbox::default();
        let mut whole = Vec::new();
        for (n, large) in [b'-', b'a', b'b', b'-', b'c'].into_iter().enumerate() {
            let mut buffer = CommandBuffer::new();
            buffer.begin(&known::SET, 2).key(&n);
            if large == b'-' {
                buffer.arg("small");
            } else {
                buffer.arg(&Bytes::from(vec![large; 20_000]));
            }
            let commands = buffer.freeze();
            outbox.append(&commands, commands.byte_len());
            whole.push(commands.to_vec());
        }
        (outbox, whole)
    }

    #[test]
    fn large_arguments_are_written_from_where_they_lie_however_writes_end() {
        for step in [1, 7, 5_000, 20_001, 100_000] {
            let (mut outbox, whole) = batches();
            let whole = whole.concat();
            let mut chunk = outbox.pop().unwrap();
            let mut written = 0;
            while !chunk.is_spent() {
                assert_eq!(chunk.to_vec(), whole[written..]);
                chunk.advance(step);
                written = whole.len().min(written + step);
            }
            assert_eq!(written, whole.len());
            assert!(outbox.is_empty());
        }
    }

    #[test]
    fn batches_are_cut_out_with_their_large_arguments() {
        for mask in 0..32_u32 {
            for written in [0, 30, 10_000] {
                let (mut outbox, whole) = batches();
                let mut chunk = outbox.pop().unwrap();
                // The first is small: what was written of it and of the second.
                chunk.advance(written.min(whole[0].len()));
                let before = whole[0].len() - written.min(whole[0].len());
                let stays = |n: usize| mask & (1 << n) != 0;
                let rest = (1..5).map(|n| (whole[n].len(), stays(n)));
                chunk.cut(before, rest);
                let mut expected = whole[0][whole[0].len() - before..].to_vec();
                for n in (1..5).filter(|n| stays(*n)) {
                    expected.extend_from_slice(&whole[n]);
                }
                assert_eq!(chunk.to_vec(), expected, "{mask:b}, {written}");
            }
        }
    }

    #[test]
    fn a_large_argument_that_was_written_in_part_goes_on_where_it_stopped() {
        let (mut outbox, whole) = batches();
        let mut chunk = outbox.pop().unwrap();
        let done = whole[0].len() + 10_000;
        chunk.advance(done);
        let left = whole[1].len() - 10_000;
        chunk.cut(
            left,
            [(whole[2].len(), false), (whole[3].len(), true)].into_iter(),
        );
        let expected = [&whole[1][10_000..], &whole[3]].concat();
        assert_eq!(chunk.to_vec(), expected);
    }
}
