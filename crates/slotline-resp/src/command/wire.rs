//! The bytes of commands under construction.

use super::body::Span;

/// Bytes that a lone command may have before it needs the heap.
pub(super) const INLINE: usize = 128;
/// An argument of up to so many bytes is put together at once.
const STAGED: usize = 99;
/// What is around it: `$`, two digits, and CR LF twice.
const AROUND: usize = 7;
/// `$`, up to twenty digits, and CR LF.
const LONGEST_HEADER: usize = 23;

/// Bytes that grow at the end.
///
/// The last of them are put together in an array, where most stores have a
/// length that the compiler knows, and go to the heap by the hundred. So a lone
/// small command never gets there.
pub(super) struct Wire {
    heap: Vec<u8>,
    staged: [u8; INLINE],
    /// How much of `staged` counts.
    len: usize,
}

impl Default for Wire {
    fn default() -> Wire {
        Wire {
            heap: Vec::new(),
            staged: [0; INLINE],
            len: 0,
        }
    }
}

/// What became of the bytes.
pub(super) enum Finished {
    Inline([u8; INLINE], usize),
    Heap(Vec<u8>),
}

impl Wire {
    pub(super) fn with_capacity(bytes: usize) -> Wire {
        Wire {
            heap: Vec::with_capacity(bytes),
            ..Wire::default()
        }
    }

    /// Makes room on the heap for `len` more bytes, and no more: a long argument is
    /// not to double what its command takes.
    pub(super) fn reserve(&mut self, len: usize) {
        self.heap.reserve_exact(len);
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.heap.len() + self.len
    }

    /// What was written in one piece, at the place where it was written.
    pub(super) fn get(&self, start: usize, end: usize) -> Option<&[u8]> {
        match start.checked_sub(self.heap.len()) {
            None => self.heap.get(start..end),
            Some(start) => self.staged.get(start..end - self.heap.len()),
        }
    }

    /// At least `len` bytes to write into, of which [`advance`](Self::advance)
    /// keeps those that were written; fewer if `len` is more than [`INLINE`].
    #[inline]
    pub(super) fn room(&mut self, len: usize) -> &mut [u8] {
        if self.len + len > INLINE {
            self.flush();
        }
        self.staged.get_mut(self.len..).unwrap_or_default()
    }

    #[inline]
    pub(super) fn advance(&mut self, len: usize) {
        self.len = INLINE.min(self.len + len);
    }

    /// Drops everything.
    pub(super) fn clear(&mut self) {
        self.heap.clear();
        self.len = 0;
    }

    fn flush(&mut self) {
        let staged = self.staged.get(..self.len).unwrap_or_default();
        self.heap.extend_from_slice(staged);
        self.len = 0;
    }

    #[inline]
    pub(super) fn extend(&mut self, bytes: &[u8]) {
        if bytes.len() > INLINE {
            self.flush();
            return self.heap.extend_from_slice(bytes);
        }
        if let Some(to) = self.room(bytes.len()).get_mut(..bytes.len()) {
            to.copy_from_slice(bytes);
            self.len += bytes.len();
        }
    }

    /// Appends one argument with its length; where its own bytes lie.
    #[inline]
    pub(super) fn argument(&mut self, payload: &[u8]) -> Span {
        let len = payload.len();
        let from = self.len();
        if len > STAGED {
            let start = from + self.argument_header(len);
            self.extend(payload);
            self.extend(b"\r\n");
            let end = start + len;
            return Span { start, end };
        }
        let room = self.room(len + AROUND);
        let start = header(room, len);
        let end = start + len;
        if let Some(to) = room.get_mut(start..end) {
            to.copy_from_slice(payload);
        }
        if let Some(to) = room.get_mut(end..end + 2) {
            to.copy_from_slice(b"\r\n");
        }
        self.advance(end + 2);
        Span {
            start: from + start,
            end: from + end,
        }
    }

    /// Appends an argument's length; how many bytes that took.
    pub(super) fn argument_header(&mut self, len: usize) -> usize {
        let written = header(self.room(LONGEST_HEADER), len);
        self.advance(written);
        written
    }

    /// Puts `new` in the place of the `old` bytes at `at`; what is behind them
    /// moves on or back.
    pub(super) fn replace(&mut self, at: usize, old: usize, new: &[u8]) {
        if old == new.len() {
            let staged_at = at.checked_sub(self.heap.len());
            let place = match staged_at {
                Some(at) => self.staged.get_mut(at..at + old),
                None => self.heap.get_mut(at..at + old),
            };
            if let Some(place) = place {
                place.copy_from_slice(new);
                return;
            }
        }
        self.flush();
        if self.heap.get(at..at + old).is_some() {
            self.heap.splice(at..at + old, new.iter().copied());
        }
    }

    #[inline]
    pub(super) fn finish(mut self) -> Finished {
        if self.heap.is_empty() {
            return Finished::Inline(self.staged, self.len);
        }
        self.reserve(self.len);
        self.flush();
        Finished::Heap(self.heap)
    }

    /// All of it in one piece.
    pub(super) fn as_slice(&mut self) -> &[u8] {
        self.as_mut_slice()
    }

    /// All of it in one piece, to be changed.
    pub(super) fn as_mut_slice(&mut self) -> &mut [u8] {
        if !self.heap.is_empty() {
            self.flush();
            return &mut self.heap;
        }
        self.staged.get_mut(..self.len).unwrap_or_default()
    }
}

/// Writes an argument's length to the front of `room`; how many bytes that took.
#[inline]
fn header(room: &mut [u8], len: usize) -> usize {
    let (tens, ones) = ((len / 10) as u8, (len % 10) as u8);
    if len < 10 {
        if let Some(line) = room.first_chunk_mut() {
            *line = [b'$', b'0' + ones, b'\r', b'\n'];
        }
        return 4;
    }
    if len < 100 {
        if let Some(line) = room.first_chunk_mut() {
            *line = [b'$', b'0' + tens, b'0' + ones, b'\r', b'\n'];
        }
        return 5;
    }
    let mut digits = itoa::Buffer::new();
    let digits = digits.format(len).as_bytes();
    let end = 1 + digits.len();
    for (at, bytes) in [(0, &b"$"[..]), (1, digits), (end, b"\r\n")] {
        if let Some(to) = room.get_mut(at..at + bytes.len()) {
            to.copy_from_slice(bytes);
        }
    }
    end + 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_argument_of_any_length_has_its_length_before_it() {
        for len in [0, 1, 9, 10, 98, 99, 100, 127, 128, 129, 999, 1000, 70_000] {
            let mut wire = Wire::default();
            wire.extend(&[b'.'; 100]);
            let payload = vec![b'x'; len];
            let span = wire.argument(&payload);
            assert_eq!(wire.get(span.start, span.end), Some(&payload[..]));
            let expected = format!("${len}\r\n{}\r\n", "x".repeat(len));
            assert_eq!(&wire.as_slice()[100..], expected.as_bytes());
        }
    }

    #[test]
    fn bytes_are_the_same_inline_and_on_the_heap() {
        for pieces in [1, 12, 13, 40, 1000] {
            let mut wire = Wire::default();
            let mut expected = Vec::new();
            for n in 0..pieces {
                let piece = vec![n as u8; n % 150 + 8];
                let start = wire.len();
                wire.extend(&piece);
                assert_eq!(wire.get(start, wire.len()), Some(&piece[..]));
                expected.extend_from_slice(&piece);
            }
            wire.replace(1, 2, b"ab");
            expected.splice(1..3, *b"ab");
            wire.replace(3, 2, b"longer");
            expected.splice(3..5, *b"longer");
            assert_eq!(wire.as_slice(), expected);
            wire.replace(1, 4, b"");
            expected.drain(1..5);
            let finished = match wire.finish() {
                Finished::Inline(bytes, len) => bytes[..len].to_vec(),
                Finished::Heap(bytes) => bytes,
            };
            assert_eq!(finished, expected);
        }
    }
}
