//! Bytes that have been read, and where the frames in them end.

use std::ops::Range;

use bytes::{Buf, Bytes, BytesMut};
use slotline_resp::{Limits, Reply, Scanner};

/// What is read into: a reply, however small, keeps no more memory than this
/// alive.
const BLOCK: usize = 64 << 10;
/// A block with less room than this is not read into any more.
const LEAST_ROOM: usize = 8 << 10;
/// The first block. A connection over which little goes, one reply after the other, needs
/// no more, and a client may have thousands of those.
const FIRST: usize = 2 * LEAST_ROOM;
/// How far ahead of what has arrived a peer's word alone makes us reserve.
const TRUSTED: usize = 1 << 20;

/// One whole frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Frame {
    /// Where it ends, counted from the front of the buffer before any was taken.
    end: usize,
    pub(crate) is_push: bool,
}

/// The read buffer of one connection.
#[derive(Debug)]
pub(crate) struct Inbox {
    buffer: BytesMut,
    /// The size of the buffer's block.
    block: usize,
    /// The block of the usual size, while a larger one is read into.
    usual: BytesMut,
    scanner: Scanner,
    /// Whole frames that have not been taken, and how many of them have.
    frames: Vec<Frame>,
    taken: usize,
    /// Where the taken frames end.
    base: usize,
}

impl Inbox {
    pub(crate) fn new(limits: Limits) -> Inbox {
        Inbox {
            buffer: BytesMut::new(),
            block: 0,
            usual: BytesMut::new(),
            scanner: Scanner::new(limits),
            frames: Vec::new(),
            taken: 0,
            base: 0,
        }
    }

    /// The buffer with room to read into. All whole frames must have been taken.
    pub(crate) fn room(&mut self) -> &mut BytesMut {
        let have = self.buffer.len();
        let ahead = self.scanner.missing();
        let wanted = if ahead == 0 { LEAST_ROOM } else { ahead };
        let spare = self.buffer.capacity() - have;
        // A block grown for one long reply is not kept for the small ones after it.
        let oversized = self.block > BLOCK && have == 0;
        if oversized || spare < wanted.min(LEAST_ROOM) && !self.reclaim(wanted) {
            // Exactly what a long bulk lacks, so that nothing else comes to lie
            // in its block; for what has no known length, twice what there is.
            let ahead = if ahead == 0 { have } else { ahead };
            let least = if self.block == 0 { FIRST } else { BLOCK };
            let block = (have + ahead.min(have.max(TRUSTED))).max(least);
            let mut fresh = self.fresh(block);
            fresh.extend_from_slice(&self.buffer);
            let before = std::mem::replace(&mut self.buffer, fresh);
            if self.block == BLOCK && block > BLOCK {
                self.usual = before;
            }
            self.block = block;
        }
        &mut self.buffer
    }

    /// Lets go of memory that was needed for more than there is.
    pub(crate) fn rest(&mut self) {
        if self.is_drained() && self.buffer.is_empty() {
            self.buffer = BytesMut::new();
            self.usual = BytesMut::new();
            self.frames = Vec::new();
            self.block = 0;
        }
    }

    /// An empty block, the one that was put aside if it is of that size and no
    /// reply in it is alive.
    fn fresh(&mut self, block: usize) -> BytesMut {
        if block == BLOCK {
            let mut usual = std::mem::take(&mut self.usual);
            usual.clear();
            if usual.try_reclaim(BLOCK) {
                return usual;
            }
        }
        BytesMut::with_capacity(block)
    }

    /// Takes the block over from its front if no reply in it is alive.
    fn reclaim(&mut self, wanted: usize) -> bool {
        let fits = self.buffer.len() + wanted <= self.block;
        fits && self.block <= BLOCK && self.buffer.try_reclaim(self.block - self.buffer.len())
    }

    /// Finds the frames in what has arrived.
    ///
    /// # Errors
    /// The bytes are no RESP or exceed a limit.
    pub(crate) fn scan(&mut self) -> Result<(), slotline_resp::Error> {
        let mut start = self.frames.last().map_or(self.base, |frame| frame.end) - self.base;
        while let Some(ahead) = self.buffer.get(start..).filter(|ahead| !ahead.is_empty()) {
            let Some(len) = self.scanner.scan(ahead)? else {
                break;
            };
            let frame = ahead.get(..len).unwrap_or_default();
            let is_push = match frame.first() {
                Some(b'>') => true,
                // Attributes may stand before anything.
                Some(b'|') => Reply::from_scanned(Bytes::copy_from_slice(frame)).is_push(),
                _ => false,
            };
            start += len;
            self.frames.push(Frame {
                end: self.base + start,
                is_push,
            });
        }
        Ok(())
    }

    /// Whether every whole frame has been taken.
    pub(crate) fn is_drained(&self) -> bool {
        self.taken == self.frames.len()
    }

    /// Whether the next whole frame is a push; `None` if there is no frame.
    pub(crate) fn next_is_push(&self) -> Option<bool> {
        self.frames.get(self.taken).map(|frame| frame.is_push)
    }

    /// Drops the next frame.
    pub(crate) fn skip(&mut self) {
        if let Some(frame) = self.frames.get(self.taken) {
            self.buffer.advance(frame.end - self.base);
            self.base = frame.end;
            self.taken += 1;
            self.forget_taken();
        }
    }

    /// Takes up to `most` replies that follow one another, without a push
    /// between them: hands `with` the bytes and where in them each reply ends,
    /// once or more often. Tells how many.
    pub(crate) fn take_replies(
        &mut self,
        most: usize,
        mut with: impl FnMut(Bytes, &mut dyn Iterator<Item = usize>),
    ) -> usize {
        let ahead = self.frames.get(self.taken..).unwrap_or_default();
        let count = ahead.iter().take(most).take_while(|f| !f.is_push).count();
        if count == 0 {
            return 0;
        }
        if self.block <= BLOCK {
            self.segment(self.taken..self.taken + count, &mut with);
        } else {
            // One reply fills most of this block; the others must not keep it.
            for index in self.taken..self.taken + count {
                self.segment(index..index + 1, &mut with);
            }
        }
        self.forget_taken();
        count
    }

    /// The bytes of the next whole frame.
    pub(crate) fn front(&self) -> Option<&[u8]> {
        let frame = self.frames.get(self.taken)?;
        self.buffer.get(..frame.end - self.base)
    }

    /// Takes the next whole frame, whatever it is.
    pub(crate) fn take_front(&mut self) -> Option<Bytes> {
        self.next_is_push()?;
        let mut front = None;
        let mut keep = |bytes: Bytes, _: &mut dyn Iterator<Item = usize>| front = Some(bytes);
        self.segment(self.taken..self.taken + 1, &mut keep);
        self.forget_taken();
        front
    }

    /// Whether nothing is left of what has been read, be it a part of a frame.
    pub(crate) fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// Whether its block was made for one long reply.
    pub(crate) fn is_oversized(&self) -> bool {
        self.block > BLOCK
    }

    fn segment(
        &mut self,
        range: Range<usize>,
        with: &mut impl FnMut(Bytes, &mut dyn Iterator<Item = usize>),
    ) {
        let frames = self.frames.get(range.clone()).unwrap_or_default();
        let Some(last) = frames.last() else {
            return;
        };
        let base = self.base;
        let mut bytes = self.buffer.split_to(last.end - base).freeze();
        if self.block > BLOCK && bytes.len() < self.block / 2 {
            bytes = Bytes::copy_from_slice(&bytes);
        }
        with(bytes, &mut frames.iter().map(|frame| frame.end - base));
        self.base = last.end;
        self.taken = range.end;
    }

    fn forget_taken(&mut self) {
        if self.is_drained() {
            self.frames.clear();
            self.taken = 0;
            self.base = 0;
        }
    }
}
