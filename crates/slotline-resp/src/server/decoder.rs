//! Commands out of the bytes in which a client sends them.

use bytes::{Buf, BytesMut};
use smallvec::SmallVec;

use super::inline;
use super::received::{FEW, ReceivedCommand};
use crate::command::Span;
use crate::error::Error;
use crate::limits::Limits;
use crate::scan::{Aggregate, Blob, Header, header, make_room};

/// The longest line that is an inline command, in bytes, as servers have it.
const LINE: usize = 64 << 10;

/// Takes commands from the front of a stream of bytes, as a server does:
/// arrays of bulk strings, and inline commands.
///
/// It goes on exactly where it stopped, so a command costs the same however its
/// bytes were cut. What a long argument still lacks is reserved in the buffer,
/// but never more than has arrived already, or 1 MiB.
///
/// An inline command is a line that does not begin with `*`, ended by LF, with
/// or without a CR before it. White space parts its arguments. In double quotes
/// `\n`, `\r`, `\t`, `\b`, `\a`, `\xHH` and a backslash before any other byte
/// are escapes, in single quotes only `\'` is. An empty line is no command, nor
/// are `*0` and `*-1`; all three are passed over.
///
/// Source: [the protocol](https://redis.io/docs/latest/develop/reference/protocol-spec/),
/// "Sending commands to a Redis server" and "Inline commands".
///
/// ```
/// use bytes::BytesMut;
/// use slotline_resp::{CommandDecoder, Limits};
///
/// let mut decoder = CommandDecoder::new(Limits::default());
/// let mut buffer = BytesMut::from("*2\r\n$3\r\nGET\r\n$3\r\nk");
/// assert!(decoder.decode(&mut buffer)?.is_none());
///
/// buffer.extend_from_slice(b"ey\r\nset k 'a b'\r\n");
/// let get = decoder.decode(&mut buffer)?.expect("GET has arrived");
/// assert_eq!(get.args().collect::<Vec<_>>(), [&b"GET"[..], b"key"]);
/// let set = decoder.decode(&mut buffer)?.expect("SET has arrived");
/// assert_eq!(set.args().collect::<Vec<_>>(), [&b"set"[..], b"k", b"a b"]);
/// assert!(buffer.is_empty());
/// # Ok::<(), slotline_resp::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct CommandDecoder {
    limits: Limits,
    /// The first byte that has not been understood yet.
    at: usize,
    step: Step,
    /// The arguments that have come, and how many have not.
    spans: SmallVec<[Span; FEW]>,
    left: u64,
    failed: Option<Error>,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    /// At the first byte of a command.
    Start,
    /// In a line that has no LF before `from`.
    Line { from: usize },
    /// `at` is at the header of an argument.
    Argument,
    /// `at` is at the first byte of an argument that ends, CR LF included, at
    /// `end`.
    Body { end: usize },
}

/// What has come, up to `at`.
enum Came {
    /// Not all of a command; so many bytes of an argument are known to lack.
    Part(usize),
    /// What is no command and is passed over.
    Nothing,
    /// A command, and its arguments if they are not those of `spans`.
    Command(Option<inline::Words>),
}

impl Default for CommandDecoder {
    /// One with the default [`Limits`].
    fn default() -> CommandDecoder {
        CommandDecoder::new(Limits::default())
    }
}

impl CommandDecoder {
    /// A decoder at the start of a command. Of the limits, `depth` has no
    /// meaning here; `elements` counts the array itself and its arguments, and
    /// `bulk` bounds an argument and a line, which is never longer than 64 KiB.
    #[must_use]
    pub fn new(limits: Limits) -> CommandDecoder {
        CommandDecoder {
            limits,
            at: 0,
            step: Step::Start,
            spans: SmallVec::new(),
            left: 0,
            failed: None,
        }
    }

    /// Takes one whole command from the front of `buffer`. `None`: more bytes
    /// are needed; call again once they have been added at the end.
    ///
    /// # Errors
    ///
    /// The bytes are no command ([`Error::is_protocol`]) or exceed a limit
    /// ([`Error::is_limit`]); the offset counts from the command's first byte.
    /// The stream is lost: there is no telling where the next command begins,
    /// and every further call returns the same error.
    pub fn decode(&mut self, buffer: &mut BytesMut) -> Result<Option<ReceivedCommand>, Error> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        loop {
            // What lies beyond the limit does not matter, or it would depend on
            // the cutting which error there is.
            let within = buffer.get(..self.limits.total).unwrap_or(buffer);
            let came = match self.advance(within) {
                Ok(Came::Part(_)) if within.len() < buffer.len() => Err(self.too_long()),
                came => came,
            };
            let came = came.inspect_err(|error| self.failed = Some(error.clone()))?;
            if let Came::Part(missing) = came {
                make_room(buffer, missing);
                return Ok(None);
            }
            let len = std::mem::take(&mut self.at);
            self.step = Step::Start;
            let Came::Command(words) = came else {
                buffer.advance(len);
                continue;
            };
            let frame = buffer.split_to(len).freeze();
            let spans = std::mem::take(&mut self.spans);
            return Ok(Some(match words {
                Some(words) => ReceivedCommand::new(frame, Some(words.text.into()), words.spans),
                None => ReceivedCommand::new(frame, None, spans),
            }));
        }
    }

    fn advance(&mut self, input: &[u8]) -> Result<Came, Error> {
        loop {
            let start = self.at;
            match self.step {
                Step::Start => match input.first() {
                    None => return Ok(Came::Part(0)),
                    Some(b'*') => match self.header(input)? {
                        None => return Ok(Came::Part(0)),
                        Some(found) if self.open(found)? => return Ok(Came::Nothing),
                        Some(_) => {}
                    },
                    Some(_) => self.step = Step::Line { from: 0 },
                },
                Step::Line { from } => return self.line(from, input),
                Step::Argument => match input.get(start) {
                    None => return Ok(Came::Part(0)),
                    Some(b'$') => match self.header(input)? {
                        None => return Ok(Came::Part(0)),
                        Some(found) => self.step = self.begin(found, start)?,
                    },
                    Some(_) => {
                        let what = "bulk string expected in a command";
                        return Err(Error::protocol(what, start));
                    }
                },
                Step::Body { end } => {
                    if input.len() < end {
                        return Ok(Came::Part(end - input.len()));
                    }
                    self.end(end, input)?;
                    if self.left == 0 {
                        return Ok(Came::Command(None));
                    }
                }
            }
        }
    }

    /// The header at `at`, unless it has not come whole.
    fn header(&mut self, input: &[u8]) -> Result<Option<Header>, Error> {
        let ahead = input.get(self.at..).unwrap_or_default();
        match header(ahead) {
            Ok((rest, found)) => {
                self.at = input.len() - rest.len();
                Ok(Some(found))
            }
            Err(nom::Err::Incomplete(_)) => Ok(None),
            Err(nom::Err::Error(fault) | nom::Err::Failure(fault)) => {
                let offset = input.len().saturating_sub(fault.left);
                Err(Error::protocol(fault.what, offset))
            }
        }
    }

    /// Begins a command by its array's header; whether that is no command.
    fn open(&mut self, header: Header) -> Result<bool, Error> {
        let count = match header {
            Header::Null => 0,
            Header::Aggregate(Aggregate::Array, Some(count)) => count,
            // Only replies are streamed.
            _ => return Err(Error::protocol("digit expected in a length", 1)),
        };
        // As a scanner counts: the array itself is an element.
        if count >= self.limits.elements {
            return Err(self.too_many());
        }
        self.left = count;
        self.step = Step::Argument;
        Ok(count == 0)
    }

    /// Begins an argument by its header, which stands from `start` to `at`.
    fn begin(&self, header: Header, start: usize) -> Result<Step, Error> {
        let len = match header {
            Header::Bulk(Blob::String, len) => len,
            Header::Null => return Err(Error::protocol("negative length", start + 1)),
            _ => return Err(Error::protocol("digit expected in a length", start + 1)),
        };
        if len > self.limits.bulk {
            let limit = self.limits.bulk as u64;
            return Err(Error::limit("string length", limit, self.at));
        }
        let end = self.at.saturating_add(len).saturating_add(2);
        match end > self.limits.total {
            true => Err(self.too_long()),
            false => Ok(Step::Body { end }),
        }
    }

    /// Takes note of an argument that is all there.
    fn end(&mut self, end: usize, input: &[u8]) -> Result<(), Error> {
        let span = Span {
            start: self.at,
            end: end - 2,
        };
        if input.get(span.end..end) != Some(b"\r\n") {
            let what = "CR LF expected after a string";
            return Err(Error::protocol(what, span.end));
        }
        self.spans.push(span);
        self.left -= 1;
        self.at = end;
        self.step = Step::Argument;
        Ok(())
    }

    fn line(&mut self, from: usize, input: &[u8]) -> Result<Came, Error> {
        // The LF must fit too.
        let longest = self.limits.total.saturating_sub(1);
        let longest = longest.min(self.limits.bulk).min(LINE);
        let ahead = input.get(from..).unwrap_or_default();
        let found = ahead.iter().position(|byte| *byte == b'\n');
        let len = found.map_or(input.len(), |found| from + found);
        if len > longest {
            return Err(Error::limit(
                "inline command length",
                longest as u64,
                longest,
            ));
        }
        if found.is_none() {
            self.step = Step::Line { from: len };
            return Ok(Came::Part(0));
        }
        let line = input.get(..len).unwrap_or_default();
        let words =
            inline::split(line).map_err(|broken| Error::protocol(broken.what, broken.at))?;
        self.at = len + 1;
        if words.spans.is_empty() {
            return Ok(Came::Nothing);
        }
        if words.spans.len() as u64 >= self.limits.elements {
            return Err(self.too_many());
        }
        Ok(Came::Command(Some(words)))
    }

    #[cold]
    fn too_long(&self) -> Error {
        let total = self.limits.total;
        Error::limit("command length", total as u64, total)
    }

    #[cold]
    fn too_many(&self) -> Error {
        Error::limit("element count", self.limits.elements, 0)
    }
}
