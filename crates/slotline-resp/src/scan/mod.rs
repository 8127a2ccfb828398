//! Finding where a frame ends.

mod decoder;
mod header;
mod nest;
mod quick;
mod room;

pub use decoder::ReplyDecoder;
pub(crate) use header::{Aggregate, Blob, Fault, Header, Line, crlf, header};
pub(crate) use quick::{quick_bulk, quick_integer, quick_simple};
pub(crate) use room::make_room;

use nom::bytes::streaming::take_till;
use nom::{IResult, Parser};

use crate::error::Error;
use crate::limits::Limits;
use nest::{Nest, Shape};

/// Finds the end of each frame in a stream of bytes, RESP2 and RESP3 alike.
///
/// It keeps no bytes, only how far it has come: every call is given the frame
/// from its first byte on, and goes on exactly where the last one stopped. So
/// a frame costs the same however its bytes were cut, and a bulk body costs
/// two comparisons however long it is. It does not allocate for frames of
/// depth 8 or less, and never in proportion to a declared length or count.
///
/// ```
/// use slotline_resp::{Limits, Scanner};
///
/// let mut scanner = Scanner::new(Limits::default());
/// assert_eq!(scanner.scan(b"$5\r\nhel")?, None);
/// assert_eq!(scanner.missing(), 4);
/// assert_eq!(scanner.scan(b"$5\r\nhello\r\n+OK\r\n")?, Some(11));
/// assert_eq!(scanner.scan(b"+OK\r\n")?, Some(5));
/// # Ok::<(), slotline_resp::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Scanner {
    limits: Limits,
    /// The first byte that has not been understood yet.
    at: usize,
    step: Step,
    /// The aggregates that are open.
    nest: Nest,
    /// How many elements the frame has, as far as it has said.
    elements: u64,
    missing: usize,
    /// An attribute has been read whose element has not.
    attributed: bool,
    failed: Option<Error>,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    /// `at` is at a type byte.
    Header,
    /// `at` is at the first byte of a text line that has no CR before `from`.
    Text { line: Line, from: usize },
    /// `at` is at the first byte of a body that ends, CR LF included, at `end`.
    Body { blob: Blob, end: usize },
}

impl Scanner {
    /// A scanner at the start of a frame.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            at: 0,
            step: Step::Header,
            nest: Nest::new(),
            elements: 1,
            missing: 0,
            attributed: false,
            failed: None,
        }
    }

    /// Reads on. `input` begins with the frame's first byte and holds all of
    /// it that has arrived, whatever follows included.
    ///
    /// `Some(len)`: the frame is `input[..len]`, and the next call starts the
    /// next frame. `None`: more bytes are needed; call again with the same
    /// bytes and those that came after them.
    ///
    /// # Errors
    ///
    /// The bytes are not RESP ([`Error::is_protocol`]) or exceed a limit
    /// ([`Error::is_limit`]). The stream is lost: there is no telling where
    /// the next frame begins, and every further call returns the same error.
    pub fn scan(&mut self, input: &[u8]) -> Result<Option<usize>, Error> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        self.missing = 0;
        // What lies beyond the limit does not matter, or it would depend on the
        // cutting which error there is.
        let within = input.get(..self.limits.total).unwrap_or(input);
        match self.advance(within) {
            Ok(true) => {
                let len = self.at;
                self.at = 0;
                self.elements = 1;
                self.nest.restart();
                Ok(Some(len))
            }
            Ok(false) if within.len() < input.len() => Err(self.fail(self.too_long())),
            Ok(false) => Ok(None),
            Err(error) => Err(self.fail(error)),
        }
    }

    /// How many bytes of the bulk that is being received have not arrived, CR
    /// LF included; 0 where that is unknown. For a reader that wants to
    /// reserve: it is the peer's word, so reserve no more than you can spare.
    pub fn missing(&self) -> usize {
        self.missing
    }

    #[cold]
    fn fail(&mut self, error: Error) -> Error {
        self.failed = Some(error.clone());
        error
    }

    #[cold]
    fn too_long(&self) -> Error {
        // At the first byte too many, however the bytes were cut.
        let total = self.limits.total;
        Error::limit("frame length", total as u64, total)
    }

    #[cold]
    fn too_big(&self) -> Error {
        Error::limit("string length", self.limits.bulk as u64, self.at)
    }

    /// Whether the frame is complete; it then ends at `self.at`.
    fn advance(&mut self, input: &[u8]) -> Result<bool, Error> {
        loop {
            let whole = match self.step {
                Step::Header => {
                    if self.quickly(input) {
                        return Ok(true);
                    }
                    let Some(ahead) = input.get(self.at..) else {
                        return Ok(false);
                    };
                    match header(ahead) {
                        Ok((rest, found)) => {
                            let start = self.at;
                            self.at = input.len() - rest.len();
                            self.enter(found, start)?
                        }
                        Err(nom::Err::Incomplete(_)) => return Ok(false),
                        Err(nom::Err::Error(fault) | nom::Err::Failure(fault)) => {
                            let offset = input.len().saturating_sub(fault.left);
                            return Err(Error::protocol(fault.what, offset));
                        }
                    }
                }
                Step::Text { line, from } => match self.text(line, from, input)? {
                    true => true,
                    false => return Ok(false),
                },
                Step::Body { blob, end } => {
                    if input.len() < end {
                        self.missing = end - input.len();
                        return Ok(false);
                    }
                    self.body(blob, end, input)?;
                    true
                }
            };
            if whole && self.close() {
                return Ok(true);
            }
        }
    }

    /// Steps over scalars that are here whole and within the limits; whether
    /// that completed the frame. Whatever is anything else is left to the slow
    /// way, which knows what is wrong with it.
    fn quickly(&mut self, input: &[u8]) -> bool {
        let Some(mut left) = self.nest.counted().filter(|_| !self.attributed) else {
            return false;
        };
        let mut ahead = input.get(self.at..).unwrap_or_default();
        let mut last = false;
        while let Some(len) = quick::scalar(ahead, self.limits.bulk) {
            ahead = ahead.get(len..).unwrap_or_default();
            last = left == 1;
            if last {
                break;
            }
            left -= 1;
        }
        self.at = input.len() - ahead.len();
        if last && self.nest.depth() == 0 {
            return true;
        }
        self.nest.set_counted(left);
        last && self.close()
    }

    /// Takes note of a header that began at `start`; whether it is an element
    /// that is complete in itself.
    fn enter(&mut self, header: Header, start: usize) -> Result<bool, Error> {
        let inside = self.nest.shape();
        // What is counted was announced, and taken into account, in advance.
        if matches!(header, Header::Attribute(_)) || !inside.is_counted() {
            self.announce(1, start)?;
        }
        match header {
            Header::Chunk(len) => return self.chunk(len, start),
            _ if inside == Shape::Chunks => {
                return Err(Error::protocol(
                    "chunk expected in a streamed string",
                    start,
                ));
            }
            Header::End => return self.end(start),
            Header::Attribute(count) => {
                self.attributed = true;
                if count > 0 {
                    self.push(Shape::Attribute, count, start)?;
                }
                return Ok(false);
            }
            _ => self.attributed = false,
        }
        match header {
            Header::Bulk(blob, len) => {
                self.bulk(blob, len)?;
                Ok(false)
            }
            Header::Line(line) => {
                self.step = Step::Text {
                    line,
                    from: self.at,
                };
                Ok(false)
            }
            Header::Aggregate(_, Some(0)) => Ok(true),
            Header::Aggregate(_, Some(count)) => {
                self.push(Shape::Counted, count, start)?;
                Ok(false)
            }
            Header::Aggregate(Aggregate::Map, None) => {
                self.push(Shape::StreamedMap, 0, start)?;
                Ok(false)
            }
            Header::Aggregate(_, None) => {
                self.push(Shape::Streamed, 0, start)?;
                Ok(false)
            }
            Header::StreamedBulk => {
                self.push(Shape::Chunks, 0, start)?;
                Ok(false)
            }
            _ => Ok(true),
        }
    }

    fn announce(&mut self, count: u64, start: usize) -> Result<(), Error> {
        self.elements = self.elements.saturating_add(count);
        if self.elements > self.limits.elements {
            return Err(Error::limit("element count", self.limits.elements, start));
        }
        Ok(())
    }

    /// Opens an aggregate of `count` elements; a streamed one announces none.
    fn push(&mut self, shape: Shape, count: u64, start: usize) -> Result<(), Error> {
        if self.nest.depth() >= self.limits.depth as usize {
            let limit = u64::from(self.limits.depth);
            return Err(Error::limit("nesting depth", limit, start));
        }
        self.announce(count, start)?;
        self.nest.push(shape, count);
        Ok(())
    }

    fn bulk(&mut self, blob: Blob, len: usize) -> Result<(), Error> {
        if len > self.limits.bulk {
            return Err(self.too_big());
        }
        let end = self.at.saturating_add(len).saturating_add(2);
        if end > self.limits.total {
            return Err(self.too_long());
        }
        self.step = Step::Body { blob, end };
        Ok(())
    }

    fn chunk(&mut self, len: usize, start: usize) -> Result<bool, Error> {
        if self.nest.shape() != Shape::Chunks {
            return Err(Error::protocol("chunk outside a streamed string", start));
        }
        if len == 0 {
            self.nest.pop();
            return Ok(true);
        }
        if self.nest.add(len as u64) > self.limits.bulk as u64 {
            return Err(self.too_big());
        }
        self.bulk(Blob::String, len)?;
        Ok(false)
    }

    fn end(&mut self, start: usize) -> Result<bool, Error> {
        let broken = match self.nest.shape() {
            _ if self.attributed => "attribute without its element",
            Shape::StreamedMap if self.nest.add(0) % 2 == 1 => "odd number of elements in a map",
            Shape::Streamed | Shape::StreamedMap => {
                self.nest.pop();
                return Ok(true);
            }
            _ => "end mark outside a streamed aggregate",
        };
        Err(Error::protocol(broken, start))
    }

    /// Looks for the end of a text line; whether it has come.
    fn text(&mut self, line: Line, from: usize, input: &[u8]) -> Result<bool, Error> {
        let Some(ahead) = input.get(from..) else {
            return Ok(false);
        };
        let found: IResult<_, _, Fault> =
            take_till(|byte| byte == b'\r' || byte == b'\n').parse(ahead);
        let stop = match &found {
            Ok((rest, _)) => input.len() - rest.len(),
            Err(_) => input.len(),
        };
        if stop - self.at > self.limits.bulk {
            return Err(self.too_big());
        }
        let rest = match found {
            Ok((rest, _)) => match crlf(rest) {
                Ok((rest, ())) => rest,
                Err(nom::Err::Incomplete(_)) => return self.wait_at(line, stop),
                Err(nom::Err::Error(fault) | nom::Err::Failure(fault)) => {
                    let offset = input.len().saturating_sub(fault.left);
                    return Err(Error::protocol(fault.what, offset));
                }
            },
            Err(_) => return self.wait_at(line, stop),
        };
        let text = input.get(self.at..stop).unwrap_or_default();
        // Servers check what a script calls a big number no more than a simple
        // string: where the frame ends is clear, so it harms nobody else.
        if line == Line::Double {
            header::check_double(text).map_err(|what| Error::protocol(what, self.at))?;
        }
        self.at = input.len() - rest.len();
        self.step = Step::Header;
        Ok(true)
    }

    fn wait_at(&mut self, line: Line, from: usize) -> Result<bool, Error> {
        self.step = Step::Text { line, from };
        Ok(false)
    }

    /// Checks a body that is all there, and steps over it.
    fn body(&mut self, blob: Blob, end: usize, input: &[u8]) -> Result<(), Error> {
        let text_end = end - 2;
        if input.get(text_end..end) != Some(b"\r\n") {
            return Err(Error::protocol("CR LF expected after a string", text_end));
        }
        // "txt:" or "mkd:" and the like: three bytes that name the format.
        if blob == Blob::Verbatim
            && (text_end - self.at < 4 || input.get(self.at + 3) != Some(&b':'))
        {
            return Err(Error::protocol(
                "verbatim string without its format",
                self.at,
            ));
        }
        self.at = end;
        self.step = Step::Header;
        Ok(())
    }

    /// Counts one whole element towards the aggregates around it; whether that
    /// completed the frame.
    fn close(&mut self) -> bool {
        loop {
            let shape = self.nest.shape();
            match self.nest.counted() {
                Some(left) if left > 1 => {
                    self.nest.set_counted(left - 1);
                    return false;
                }
                Some(_) if self.nest.depth() == 0 => return true,
                Some(_) => self.nest.pop(),
                // A chunk is no element, and its string is not over.
                None if shape == Shape::Chunks => return false,
                None => {
                    self.nest.add(1);
                    return false;
                }
            }
            if shape == Shape::Attribute {
                self.attributed = true;
                return false;
            }
        }
    }
}
