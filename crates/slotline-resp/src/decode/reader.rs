//! A cursor over the bytes of a frame.

use std::ops::Range;

use bytes::Bytes;

use crate::decode::token::{ReplyKind, Sequence, Token};
use crate::decode::utf8::{Known, not_utf8};
use crate::error::Error;
use crate::limits::{Limits, TRUSTED};
use crate::scan::{
    Aggregate, Blob, Header, Line, Scanner, crlf, header, quick_bulk, quick_integer, quick_simple,
};

/// A cursor over one or more frames, from which
/// [`FromReply`](crate::FromReply) reads in a single pass.
///
/// The bytes should have been through a [`Scanner`]. The reader does not rely
/// on it: bytes that are no RESP give an error, never a panic. Attributes are
/// passed over wherever they stand.
///
/// ```
/// use bytes::Bytes;
/// use slotline_resp::Reader;
///
/// let segment = Bytes::from_static(b"+OK\r\n*2\r\n:1\r\n$1\r\na\r\n");
/// let mut reader = Reader::new(&segment, 5..segment.len());
/// let mut pair = reader.sequence("a pair")?;
/// assert!(reader.has_next(&mut pair)?);
/// assert_eq!(reader.integer()?, 1);
/// assert!(reader.has_next(&mut pair)?);
/// assert_eq!(reader.str()?, "a");
/// assert!(!reader.has_next(&mut pair)?);
/// # Ok::<(), slotline_resp::Error>(())
/// ```
#[derive(Clone)]
pub struct Reader<'a> {
    segment: &'a Bytes,
    /// `segment` up to the end of the range.
    bytes: &'a [u8],
    at: usize,
    start: usize,
    known: Known<'a>,
}

impl<'a> Reader<'a> {
    /// A cursor at the front of `segment[range]`; a range that does not lie in
    /// the segment is cut to what does. Taking a range makes it possible to
    /// decode one frame of many in a read buffer without a reference count.
    pub fn new(segment: &'a Bytes, range: Range<usize>) -> Self {
        let bytes = segment.get(..range.end).unwrap_or(segment);
        let start = range.start.min(bytes.len());
        Self {
            segment,
            bytes,
            at: start,
            start,
            known: Known::default(),
        }
    }

    /// How many bytes have not been read.
    pub fn remaining(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// The bytes read so far, counted from the start of the range.
    pub fn position(&self) -> usize {
        self.at - self.start
    }

    fn ahead(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// Steps over a plain bulk string, if that is next; whatever is anything
    /// else is left to [`token`](Self::token).
    #[inline]
    pub(crate) fn quick_bulk(&mut self) -> Option<&'a [u8]> {
        let (body, rest) = quick_bulk(self.ahead(), usize::MAX)?;
        self.at = self.bytes.len() - rest.len();
        Some(body)
    }

    /// The same for one that is to be text.
    #[inline]
    pub(super) fn quick_str(&mut self) -> Option<Result<&'a str, Error>> {
        let body = self.quick_bulk()?;
        let end = self.at - b"\r\n".len();
        Some(self.known.text(self.bytes, end - body.len()..end))
    }

    /// The same for an integer.
    #[inline]
    pub(super) fn quick_integer(&mut self) -> Option<i64> {
        let (n, rest) = quick_integer(self.ahead())?;
        self.at = self.bytes.len() - rest.len();
        Some(n)
    }

    fn broken(&self, what: &'static str) -> Error {
        Error::protocol(what, self.position())
    }

    fn header(&mut self) -> Result<Header, Error> {
        match header(self.ahead()) {
            Ok((rest, found)) => {
                self.at = self.bytes.len() - rest.len();
                Ok(found)
            }
            Err(nom::Err::Incomplete(_)) => Err(self.broken("the frame ends early")),
            Err(nom::Err::Error(fault) | nom::Err::Failure(fault)) => {
                self.at = self.bytes.len().saturating_sub(fault.left);
                Err(self.broken(fault.what))
            }
        }
    }

    /// The next header that is no attribute's.
    fn element(&mut self) -> Result<Header, Error> {
        loop {
            match self.header()? {
                Header::Attribute(mut count) => {
                    while count > 0 {
                        self.skip()?;
                        count -= 1;
                    }
                }
                other => return Ok(other),
            }
        }
    }

    fn line(&mut self) -> Result<&'a [u8], Error> {
        let ahead = self.ahead();
        let end = ahead.iter().position(|&byte| byte == b'\r');
        let Some((line, rest)) = end.and_then(|end| ahead.split_at_checked(end)) else {
            return Err(self.broken("the frame ends early"));
        };
        match crlf(rest) {
            Ok((rest, ())) => {
                self.at = self.bytes.len() - rest.len();
                Ok(line)
            }
            Err(_) => Err(self.broken("CR without LF")),
        }
    }

    fn body(&mut self, len: usize) -> Result<&'a [u8], Error> {
        let Some((body, rest)) = self.ahead().split_at_checked(len) else {
            return Err(self.broken("the frame ends early"));
        };
        match rest {
            [b'\r', b'\n', rest @ ..] => {
                self.at = self.bytes.len() - rest.len();
                Ok(body)
            }
            _ => Err(self.broken("CR LF expected after a string")),
        }
    }

    /// Opens the attributes before the next element, if there are any: keys and
    /// values in turn, as of a map, after which comes the element. Every other
    /// method passes over attributes.
    ///
    /// ```
    /// use slotline_resp::{FromReply, Reply};
    ///
    /// let reply = Reply::from_frame("|1\r\n+ttl\r\n:9\r\n+OK\r\n".into())?;
    /// let mut reader = reply.reader();
    /// if let Some(mut attributes) = reader.attributes()? {
    ///     while reader.has_next(&mut attributes)? {
    ///         let key = reader.str()?;
    ///         assert!(reader.has_next(&mut attributes)?);
    ///         assert_eq!((key, reader.integer()?), ("ttl", 9));
    ///     }
    /// }
    /// assert_eq!(reader.str()?, "OK");
    /// # Ok::<(), slotline_resp::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Their header is broken.
    pub fn attributes(&mut self) -> Result<Option<Sequence>, Error> {
        if self.ahead().first() != Some(&b'|') {
            return Ok(None);
        }
        Ok(match self.header()? {
            Header::Attribute(count) => Some(Sequence {
                kind: ReplyKind::Map,
                left: Some(count),
            }),
            _ => None,
        })
    }

    /// Reads a scalar, or the opening of an aggregate or a streamed string.
    ///
    /// # Errors
    ///
    /// There is no element here, or its bytes are broken.
    pub fn token(&mut self) -> Result<Token<'a>, Error> {
        if let Some((text, rest)) = quick_simple(self.ahead(), usize::MAX) {
            self.at = self.bytes.len() - rest.len();
            return Ok(Token::Simple(text));
        }
        Ok(match self.element()? {
            Header::Bulk(Blob::String, len) => Token::Bulk(self.body(len)?),
            Header::Integer(n) => Token::Integer(n),
            Header::Null => Token::Null,
            Header::Bool(truth) => Token::Bool(truth),
            Header::Line(Line::Simple) => Token::Simple(self.line()?),
            Header::Line(Line::Error) => Token::Error(self.line()?),
            Header::Line(Line::BigNumber) => Token::BigNumber(self.line()?),
            Header::Line(Line::Double) => {
                let number = std::str::from_utf8(self.line()?).ok();
                match number.and_then(|number| number.parse().ok()) {
                    Some(number) => Token::Double(number),
                    None => return Err(self.broken("not a double")),
                }
            }
            Header::Bulk(Blob::Error, len) => Token::Error(self.body(len)?),
            Header::Bulk(Blob::Verbatim, len) => match self.body(len)?.split_at_checked(4) {
                Some(([format @ .., b':'], text)) => Token::Verbatim { format, text },
                _ => return Err(self.broken("verbatim string without its format")),
            },
            Header::StreamedBulk => Token::Chunks,
            Header::Aggregate(aggregate, left) => Token::Aggregate(Sequence {
                kind: match aggregate {
                    Aggregate::Array => ReplyKind::Array,
                    Aggregate::Map => ReplyKind::Map,
                    Aggregate::Set => ReplyKind::Set,
                    Aggregate::Push => ReplyKind::Push,
                },
                left,
            }),
            Header::Chunk(_) | Header::Attribute(_) | Header::End => {
                return Err(self.broken("an element was expected"));
            }
        })
    }

    /// What the next element is, without reading it.
    ///
    /// # Errors
    ///
    /// As for [`token`](Self::token).
    pub fn kind(&mut self) -> Result<ReplyKind, Error> {
        let kind = match self.ahead() {
            [b'$' | b'*', b'-', ..] | [b'_', ..] => ReplyKind::Null,
            [b'$', ..] => ReplyKind::Bulk,
            [b'*', ..] => ReplyKind::Array,
            [b':', ..] => ReplyKind::Integer,
            [b'+', ..] => ReplyKind::Simple,
            [b'-' | b'!', ..] => ReplyKind::Error,
            [b',', ..] => ReplyKind::Double,
            [b'#', ..] => ReplyKind::Bool,
            [b'(', ..] => ReplyKind::BigNumber,
            [b'=', ..] => ReplyKind::Verbatim,
            [b'%', ..] => ReplyKind::Map,
            [b'~', ..] => ReplyKind::Set,
            [b'>', ..] => ReplyKind::Push,
            [b'|', ..] => return self.clone().token().map(|token| token.kind()),
            _ => return Err(self.broken("an element was expected")),
        };
        Ok(kind)
    }

    /// Steps over the next element, attributes and all that is in it included.
    ///
    /// # Errors
    ///
    /// Its bytes are broken.
    pub fn skip(&mut self) -> Result<(), Error> {
        match Scanner::new(Limits::SCANNED).scan(self.ahead())? {
            Some(len) => {
                self.at += len;
                Ok(())
            }
            None => Err(self.broken("the frame ends early")),
        }
    }

    /// Whether an aggregate has another element, which is then the next to be
    /// read; every element must be read or skipped before the next call.
    ///
    /// # Errors
    ///
    /// The end of a streamed aggregate is broken.
    #[inline]
    pub fn has_next(&mut self, sequence: &mut Sequence) -> Result<bool, Error> {
        match &mut sequence.left {
            Some(0) => Ok(false),
            Some(left) => {
                *left -= 1;
                Ok(true)
            }
            None => self.has_next_streamed(sequence),
        }
    }

    fn has_next_streamed(&mut self, sequence: &mut Sequence) -> Result<bool, Error> {
        if self.ahead().first() != Some(&b'.') {
            return Ok(true);
        }
        self.header()?;
        sequence.left = Some(0);
        Ok(false)
    }

    /// How many `T`s to reserve for what is left of an aggregate: never more
    /// than the bytes at hand can hold, nor memory beyond those bytes or 1 MiB,
    /// whichever is more.
    pub fn reserve<T>(&self, sequence: &Sequence) -> usize {
        // The smallest element is `_` CR LF.
        let possible = self.remaining() / 3;
        let affordable = self.remaining().max(TRUSTED) / size_of::<T>().max(1);
        let told = usize::try_from(sequence.left.unwrap_or(0)).unwrap_or(usize::MAX);
        told.min(possible).min(affordable)
    }

    /// The next chunk of a streamed string that [`token`](Self::token) opened;
    /// `None` at its end.
    ///
    /// # Errors
    ///
    /// There is no chunk here.
    pub fn chunk(&mut self) -> Result<Option<&'a [u8]>, Error> {
        match self.header()? {
            Header::Chunk(0) => Ok(None),
            Header::Chunk(len) => self.body(len).map(Some),
            _ => Err(self.broken("chunk expected in a streamed string")),
        }
    }

    /// All chunks of a streamed string, put together.
    ///
    /// # Errors
    ///
    /// As for [`chunk`](Self::chunk).
    pub fn chunks(&mut self) -> Result<Vec<u8>, Error> {
        let mut whole = Vec::new();
        while let Some(chunk) = self.chunk()? {
            whole.extend_from_slice(chunk);
        }
        Ok(whole)
    }

    /// The error for a token that is not what was wanted: the server's own
    /// error if that is what it is, else a mismatch.
    pub fn unexpected(wanted: &'static str, found: &Token<'_>) -> Error {
        match found {
            Token::Error(line) => Error::server(String::from_utf8_lossy(line)),
            Token::Null => Error::mismatch(wanted, "nil (for nil, ask for an Option)"),
            other => Error::mismatch(wanted, other.kind().name()),
        }
    }

    /// Reads nil if it is next; whether it was.
    ///
    /// # Errors
    ///
    /// As for [`token`](Self::token).
    pub fn null(&mut self) -> Result<bool, Error> {
        let null = self.kind()? == ReplyKind::Null;
        if null {
            self.token()?;
        }
        Ok(null)
    }

    /// The bytes of a bulk, simple or verbatim string.
    ///
    /// # Errors
    ///
    /// It is something else, nil included, or a streamed string, which does
    /// not lie in one piece.
    pub fn bytes(&mut self) -> Result<&'a [u8], Error> {
        if let Some(bytes) = self.quick_bulk() {
            return Ok(bytes);
        }
        match self.token()? {
            Token::Bulk(bytes) | Token::Simple(bytes) | Token::Verbatim { text: bytes, .. } => {
                Ok(bytes)
            }
            Token::Chunks => Err(Error::mismatch("a borrowed string", "a streamed string")),
            other => Err(Self::unexpected("a string", &other)),
        }
    }

    /// As [`bytes`](Self::bytes), sharing the segment's memory; a streamed
    /// string is put together.
    ///
    /// # Errors
    ///
    /// It is something else, nil included.
    pub fn shared(&mut self) -> Result<Bytes, Error> {
        if let Some(bytes) = self.quick_bulk() {
            let end = self.at - b"\r\n".len();
            return Ok(self.segment.slice(end - bytes.len()..end));
        }
        match self.token()? {
            Token::Bulk(bytes) | Token::Simple(bytes) | Token::Verbatim { text: bytes, .. } => {
                Ok(self.share(bytes))
            }
            Token::Chunks => self.chunks().map(Bytes::from),
            other => Err(Self::unexpected("a string", &other)),
        }
    }

    /// A part of the segment as `Bytes` of its own, without a copy.
    pub(crate) fn share(&self, part: &'a [u8]) -> Bytes {
        // `part` was cut out of the segment by this reader, so it lies within.
        self.segment.slice_ref(part)
    }

    /// As [`bytes`](Self::bytes), for text; big numbers too.
    ///
    /// # Errors
    ///
    /// Those of [`bytes`](Self::bytes), and for text that is not UTF-8.
    pub fn str(&mut self) -> Result<&'a str, Error> {
        if let Some(text) = self.quick_str() {
            return text;
        }
        let bytes = match self.token()? {
            Token::Bulk(bytes)
            | Token::Simple(bytes)
            | Token::BigNumber(bytes)
            | Token::Verbatim { text: bytes, .. } => bytes,
            Token::Chunks => {
                return Err(Error::mismatch("a borrowed string", "a streamed string"));
            }
            other => return Err(Self::unexpected("a string", &other)),
        };
        std::str::from_utf8(bytes).map_err(not_utf8)
    }

    /// Opens an aggregate of any kind; a map's keys and values come in turn,
    /// as RESP2 sends them. `wanted` is what an error says was asked for.
    ///
    /// # Errors
    ///
    /// It is no aggregate.
    pub fn sequence(&mut self, wanted: &'static str) -> Result<Sequence, Error> {
        match self.token()? {
            Token::Aggregate(sequence) => Ok(sequence),
            other => Err(Self::unexpected(wanted, &other)),
        }
    }
}

/// Shows where it is, never the bytes.
impl std::fmt::Debug for Reader<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader")
            .field("position", &self.position())
            .field("remaining", &self.remaining())
            .finish()
    }
}
