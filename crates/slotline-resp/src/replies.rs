//! The replies to several commands, still in the bytes in which they came.

use bytes::Bytes;
use smallvec::SmallVec;

use crate::{Error, FromReply, Reader, Reply, ReplyKind, Token};

/// Where one reply lies in its segment.
#[derive(Debug, Clone, Copy)]
struct Span {
    segment: u32,
    start: usize,
    end: usize,
}

/// Whole replies in order, lying one after another in the segments in which a
/// connection read them. Nothing is decoded before someone asks.
#[derive(Clone, Default)]
pub struct Replies {
    segments: SmallVec<[Bytes; 1]>,
    spans: SmallVec<[Span; 1]>,
}

impl Replies {
    /// None yet.
    #[must_use]
    pub fn new() -> Replies {
        Replies::default()
    }

    /// Room for `replies` of them.
    #[must_use]
    pub fn with_capacity(replies: usize) -> Replies {
        Replies {
            segments: SmallVec::new(),
            spans: SmallVec::with_capacity(replies),
        }
    }

    /// Adds the replies that lie in `segment` one after another. `ends` says
    /// where each ends; the first begins at 0. Each must be a frame whose end a
    /// [`Scanner`](crate::Scanner) has found.
    pub fn push_segment(&mut self, segment: Bytes, ends: impl IntoIterator<Item = usize>) {
        let index = self.segments.len() as u32;
        let mut start = 0;
        for end in ends {
            self.spans.push(Span {
                segment: index,
                start,
                end,
            });
            start = end;
        }
        self.segments.push(segment);
    }

    /// Adds the reply at `index` of `other`; tells whether there is one.
    pub fn push_from(&mut self, other: &Replies, index: usize) -> bool {
        let Some((segment, span)) = other.locate(index) else {
            return false;
        };
        // Replies of one batch mostly share a segment: look at the last first.
        let same = |have: &Bytes| have.as_ptr() == segment.as_ptr() && have.len() == segment.len();
        let known = self.segments.iter().rposition(same);
        let index = known.unwrap_or_else(|| {
            self.segments.push(segment.clone());
            self.segments.len() - 1
        });
        self.spans.push(Span {
            segment: index as u32,
            ..span
        });
        true
    }

    /// Adds the elements of the array at `index` of `other`, each as a reply of its
    /// own, as EXEC's are. Tells how many they are; `None`, and none is added, if
    /// there is no such reply or it is no array.
    pub fn push_elements(&mut self, other: &Replies, index: usize) -> Option<usize> {
        let (segment, span) = other.locate(index)?;
        let mut reader = Reader::new(segment, span.start..span.end);
        let mut spans = SmallVec::new();
        let read = read_elements(&mut reader, |start, end| {
            spans.push(Span {
                segment: self.segments.len() as u32,
                start: span.start + start,
                end: span.start + end,
            });
        });
        if !read.ok()? {
            return None;
        }
        let added = spans.len();
        self.spans.extend::<SmallVec<[Span; 4]>>(spans);
        self.segments.push(segment.clone());
        Some(added)
    }

    /// Adds all replies of `other` behind these.
    pub fn append(&mut self, other: Replies) {
        if self.segments.is_empty() && self.spans.capacity() < other.spans.len() {
            *self = other;
            return;
        }
        let before = self.segments.len() as u32;
        self.spans.extend(other.spans.iter().map(|span| Span {
            segment: span.segment + before,
            ..*span
        }));
        self.segments.extend(other.segments);
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// The bytes of one reply.
    #[must_use]
    pub fn bytes(&self, index: usize) -> Option<&[u8]> {
        let (segment, span) = self.locate(index)?;
        segment.get(span.start..span.end)
    }

    /// One reply, sharing the memory in which it was read.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<Reply> {
        let (segment, span) = self.locate(index)?;
        (span.end <= segment.len())
            .then(|| Reply::from_scanned(segment.slice(span.start..span.end)))
    }

    /// Whether the reply at `index` is an error; looks at one byte.
    #[must_use]
    pub fn is_error(&self, index: usize) -> bool {
        let first = self.bytes(index).and_then(|bytes| bytes.first());
        matches!(first, Some(b'-' | b'!'))
    }

    /// The text of the reply at `index` if it is an error: what follows the `-`
    /// or the length, up to the first byte that is not UTF-8.
    #[must_use]
    pub fn error_line(&self, index: usize) -> Option<&str> {
        let (kind, rest) = self.bytes(index)?.split_first()?;
        let text = match kind {
            b'-' => rest,
            b'!' => rest.splitn(2, |byte| *byte == b'\n').nth(1)?,
            _ => return None,
        };
        let text = text.strip_suffix(b"\r\n").unwrap_or(text);
        let valid = text.utf8_chunks().next();
        Some(valid.map_or("", |chunk| chunk.valid()))
    }

    /// Decodes one reply.
    ///
    /// # Errors
    /// The server's error if the reply is one, or what does not fit `T`.
    pub fn decode<'a, T: FromReply<'a>>(&'a self, index: usize) -> Option<Result<T, Error>> {
        let (segment, span) = self.locate(index)?;
        let mut reader = Reader::new(segment, span.start..span.end);
        Some(T::from_reply(&mut reader))
    }

    fn locate(&self, index: usize) -> Option<(&Bytes, Span)> {
        let span = *self.spans.get(index)?;
        Some((self.segments.get(span.segment as usize)?, span))
    }
}

/// Tells where each element of the array lies that comes next; whether it is one.
fn read_elements(
    reader: &mut Reader<'_>,
    mut with: impl FnMut(usize, usize),
) -> Result<bool, Error> {
    let Token::Aggregate(mut sequence) = reader.token()? else {
        return Ok(false);
    };
    if sequence.kind() != ReplyKind::Array {
        return Ok(false);
    }
    while reader.has_next(&mut sequence)? {
        let start = reader.position();
        reader.skip()?;
        with(start, reader.position());
    }
    Ok(true)
}

impl std::fmt::Debug for Replies {
    /// How many, not what they say: values are the user's.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Replies").field("len", &self.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_keep_their_order_over_segments() {
        let mut replies = Replies::new();
        replies.push_segment(Bytes::from_static(b":1\r\n:2\r\n"), [4, 8]);
        replies.push_segment(Bytes::from_static(b"-ERR x y\r\n!5\r\nBAD z\r\n"), [10, 21]);
        assert_eq!(replies.len(), 4);
        assert_eq!(replies.decode::<i64>(1).unwrap().unwrap(), 2);
        assert_eq!(replies.error_line(0), None);
        assert_eq!(replies.error_line(2), Some("ERR x y"));
        assert_eq!(replies.error_line(3), Some("BAD z"));
        // What is no text ends it; the code is there all the same.
        replies.push_segment(Bytes::from_static(b"-NOGROUP of \xff\r\n"), [15]);
        assert_eq!(replies.error_line(4), Some("NOGROUP of "));
        assert!(replies.get(5).is_none() && replies.decode::<i64>(5).is_none());

        for room in [0, 99] {
            let mut both = Replies::with_capacity(room);
            both.append(replies.clone());
            both.append(replies.clone());
            assert_eq!(both.len(), 10);
            assert_eq!(both.decode::<i64>(6).unwrap().unwrap(), 2);
            assert_eq!(both.error_line(9), Some("NOGROUP of "));
        }

        let mut picked = Replies::new();
        for index in [3, 0, 1, 9] {
            picked.push_from(&replies, index);
        }
        assert_eq!(picked.len(), 3);
        assert_eq!(picked.error_line(0), Some("BAD z"));
        assert_eq!(picked.decode::<i64>(2).unwrap().unwrap(), 2);
    }

    #[test]
    fn the_elements_of_an_array_are_replies_of_their_own() {
        let frames = [
            "*4\r\n:1\r\n-ERR x\r\n*1\r\n:2\r\n$-1\r\n",
            "*0\r\n",
            "*-1\r\n",
            "_\r\n",
            "+OK\r\n",
            "-ERR\r\n",
            "%1\r\n:1\r\n:2\r\n",
        ];
        let mut replies = Replies::new();
        let mut end = 0;
        let ends: Vec<usize> = frames.iter().map(|frame| end_of(&mut end, frame)).collect();
        replies.push_segment(Bytes::from(frames.concat()), ends);

        let mut elements = Replies::new();
        assert_eq!(elements.push_elements(&replies, 0), Some(4));
        assert_eq!(elements.push_elements(&replies, 1), Some(0));
        for index in 2..9 {
            assert_eq!(elements.push_elements(&replies, index), None, "{index}");
        }
        assert_eq!(elements.len(), 4);
        assert_eq!(elements.decode::<i64>(0).unwrap().unwrap(), 1);
        assert_eq!(elements.error_line(1), Some("ERR x"));
        assert_eq!(elements.decode::<(i64,)>(2).unwrap().unwrap(), (2,));
        assert_eq!(elements.decode::<Option<i64>>(3).unwrap().unwrap(), None);
    }

    fn end_of(end: &mut usize, frame: &str) -> usize {
        *end += frame.len();
        *end
    }
}
