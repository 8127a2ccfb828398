//! Replies under construction: encoded straight into the bytes that go out.

use bytes::{BufMut, Bytes, BytesMut};

use super::{Protocol, Streamed};
use crate::decode::ReplyKind;
use crate::reply::Reply;
use crate::value::{Step, Value, Walk};

/// Replies under construction, one after another in one buffer.
///
/// There is one method for each type of
/// [RESP3](https://redis.io/docs/latest/develop/reference/protocol-spec/). What
/// RESP2 lacks is written to a RESP2 peer as a server does it:
///
/// | RESP3 | in RESP2 |
/// |---|---|
/// | null | the null bulk string; the null array stays one |
/// | boolean | the integer 1 or 0 |
/// | double, big number, verbatim string | a bulk string |
/// | map | an array of keys and values in turn |
/// | set, push | an array |
/// | error of several lines | one line, with spaces for CR and LF |
/// | attributes | left out |
/// | streamed strings and aggregates | refused: see [`streamed`](Self::streamed) |
///
/// An aggregate's method writes its header; exactly as many elements must
/// follow, each by a call of its own. No text, however odd, can break the frame
/// that it is in.
///
/// ```
/// use slotline_resp::{Protocol, ReplyBuffer};
///
/// let mut replies = ReplyBuffer::new(Protocol::Resp3);
/// replies.simple("OK").map(1).bulk("score").double(1.5);
/// assert_eq!(replies.as_bytes(), b"+OK\r\n%1\r\n$5\r\nscore\r\n,1.5\r\n");
///
/// let mut replies = ReplyBuffer::new(Protocol::Resp2);
/// replies.simple("OK").map(1).bulk("score").double(1.5);
/// assert_eq!(replies.as_bytes(), b"+OK\r\n*2\r\n$5\r\nscore\r\n$3\r\n1.5\r\n");
/// ```
#[derive(Clone, Default)]
pub struct ReplyBuffer {
    bytes: BytesMut,
    protocol: Protocol,
}

impl ReplyBuffer {
    /// An empty buffer for a peer that reads `protocol`.
    #[must_use]
    pub fn new(protocol: Protocol) -> ReplyBuffer {
        ReplyBuffer::onto(BytesMut::new(), protocol)
    }

    /// A buffer that goes on behind what `bytes` already holds.
    #[must_use]
    pub fn onto(bytes: BytesMut, protocol: Protocol) -> ReplyBuffer {
        ReplyBuffer { bytes, protocol }
    }

    /// The version in which replies are written.
    #[must_use]
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Writes all later replies in another version. HELLO's own reply is in the
    /// version that it changes to.
    pub fn set_protocol(&mut self, protocol: Protocol) {
        self.protocol = protocol;
    }

    /// How many bytes it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether it holds nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Makes room for so many bytes more, so that it need not grow step by step.
    pub fn reserve(&mut self, bytes: usize) {
        self.bytes.reserve(bytes);
    }

    /// All bytes so far.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Takes all bytes out, and leaves the room behind them for what comes next.
    pub fn split(&mut self) -> Bytes {
        self.bytes.split().freeze()
    }

    /// Forgets what has been written, and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
    }

    /// The buffer itself.
    #[must_use]
    pub fn into_bytes(self) -> BytesMut {
        self.bytes
    }

    /// Writes a simple string. CR and LF in it become spaces: a text that is
    /// not the server's own belongs into [`bulk`](Self::bulk).
    pub fn simple(&mut self, text: impl AsRef<[u8]>) -> &mut ReplyBuffer {
        self.line(b'+', text.as_ref(), b"")
    }

    /// Writes an error: its code, such as `ERR` or `WRONGTYPE`, a space, and
    /// what happened. One with CR or LF in it is a blob error in RESP3, in RESP2
    /// they become spaces.
    pub fn error(&mut self, line: impl AsRef<[u8]>) -> &mut ReplyBuffer {
        self.error_of(line.as_ref(), b"")
    }

    /// Writes an integer.
    pub fn integer(&mut self, number: i64) -> &mut ReplyBuffer {
        self.header(b':', number)
    }

    /// Writes a double, in the fewest digits that give the same one back.
    pub fn double(&mut self, number: f64) -> &mut ReplyBuffer {
        let mut digits = ryu::Buffer::new();
        let text = if number.is_nan() {
            "nan"
        } else if number == f64::INFINITY {
            "inf"
        } else if number == f64::NEG_INFINITY {
            "-inf"
        } else {
            // A whole number has no fraction, as servers print it.
            let shown = digits.format_finite(number);
            shown.strip_suffix(".0").unwrap_or(shown)
        };
        match self.protocol {
            Protocol::Resp2 => self.bulk(text),
            Protocol::Resp3 => self.line(b',', text.as_bytes(), b""),
        }
    }

    /// Writes a boolean.
    pub fn boolean(&mut self, truth: bool) -> &mut ReplyBuffer {
        match (self.protocol, truth) {
            (Protocol::Resp2, _) => self.integer(i64::from(truth)),
            (Protocol::Resp3, true) => self.put(b"#t\r\n"),
            (Protocol::Resp3, false) => self.put(b"#f\r\n"),
        }
    }

    /// Writes nil.
    pub fn null(&mut self) -> &mut ReplyBuffer {
        match self.protocol {
            Protocol::Resp2 => self.put(b"$-1\r\n"),
            Protocol::Resp3 => self.put(b"_\r\n"),
        }
    }

    /// Writes nil where an array would be, as EXEC and BLPOP reply it: RESP2
    /// has a spelling of its own for it.
    pub fn null_array(&mut self) -> &mut ReplyBuffer {
        match self.protocol {
            Protocol::Resp2 => self.put(b"*-1\r\n"),
            Protocol::Resp3 => self.null(),
        }
    }

    /// Writes a string of bytes.
    pub fn bulk(&mut self, bytes: impl AsRef<[u8]>) -> &mut ReplyBuffer {
        self.blob(b'$', &[bytes.as_ref()])
    }

    /// Writes an integer of any length, given by its sign and digits. What is no
    /// such text is written as the bulk string that it is.
    pub fn big_number(&mut self, digits: impl AsRef<[u8]>) -> &mut ReplyBuffer {
        let digits = digits.as_ref();
        if self.protocol == Protocol::Resp2 || !is_integer(digits) {
            return self.bulk(digits);
        }
        self.line(b'(', digits, b"")
    }

    /// Writes a text with its format, three letters such as `txt` or `mkd`; a
    /// format of another length is written as `txt`. RESP2 gets the text alone.
    pub fn verbatim(&mut self, format: &str, text: impl AsRef<[u8]>) -> &mut ReplyBuffer {
        if self.protocol == Protocol::Resp2 {
            return self.bulk(text);
        }
        let format = match format.len() {
            3 => format.as_bytes(),
            _ => b"txt",
        };
        self.blob(b'=', &[format, b":", text.as_ref()])
    }

    /// Opens an array of `len` elements.
    pub fn array(&mut self, len: usize) -> &mut ReplyBuffer {
        self.header(b'*', len)
    }

    /// Opens a map of `pairs` keys, each followed by its value.
    pub fn map(&mut self, pairs: usize) -> &mut ReplyBuffer {
        match self.protocol {
            Protocol::Resp2 => self.array(pairs.saturating_mul(2)),
            Protocol::Resp3 => self.header(b'%', pairs),
        }
    }

    /// Opens a set of `len` members.
    pub fn set(&mut self, len: usize) -> &mut ReplyBuffer {
        match self.protocol {
            Protocol::Resp2 => self.array(len),
            Protocol::Resp3 => self.header(b'~', len),
        }
    }

    /// Opens out-of-band data of `len` elements, the kind being the first.
    pub fn push(&mut self, len: usize) -> &mut ReplyBuffer {
        match self.protocol {
            Protocol::Resp2 => self.array(len),
            Protocol::Resp3 => self.header(b'>', len),
        }
    }

    /// Writes attributes of the element that is written next. They are no
    /// element themselves.
    pub fn attributes(&mut self, pairs: &[(Value, Value)]) -> &mut ReplyBuffer {
        if self.protocol == Protocol::Resp2 || pairs.is_empty() {
            return self;
        }
        self.header(b'|', pairs.len());
        for (key, value) in pairs {
            self.value(key).value(value);
        }
        self
    }

    /// Strings and aggregates whose length is not known when they begin; `None`
    /// if the peer reads RESP2, which has none: gather first what belongs
    /// together, then write a bulk string or an array.
    pub fn streamed(&mut self) -> Option<Streamed<'_>> {
        match self.protocol {
            Protocol::Resp2 => None,
            Protocol::Resp3 => Some(Streamed::new(self)),
        }
    }

    /// Writes a whole tree. However deep it is nested, it needs no stack.
    ///
    /// ```
    /// use slotline_resp::{Protocol, ReplyBuffer, Value};
    ///
    /// let value = Value::Set([Value::Bool(true), Value::Null].into());
    /// let mut replies = ReplyBuffer::new(Protocol::Resp3);
    /// assert_eq!(replies.value(&value).as_bytes(), b"~2\r\n#t\r\n_\r\n");
    /// ```
    pub fn value(&mut self, value: &Value) -> &mut ReplyBuffer {
        for step in Walk::new(value) {
            match step {
                Step::Leaf(leaf) => self.leaf(leaf),
                Step::Open(ReplyKind::Map, len) => self.map(len / 2),
                Step::Open(ReplyKind::Set, len) => self.set(len),
                Step::Open(ReplyKind::Push, len) => self.push(len),
                Step::Open(_, len) => self.array(len),
                Step::Close => self,
            };
        }
        self
    }

    /// Writes a reply that was received, byte by byte as it came. It must have
    /// come in the version that this peer reads; to turn RESP3 into RESP2, write
    /// its [`value`](Reply::value).
    pub fn reply(&mut self, reply: &Reply) -> &mut ReplyBuffer {
        self.encoded(reply.as_bytes())
    }

    /// Writes one reply that is encoded already, such as one of
    /// [`Replies::bytes`](crate::Replies::bytes); otherwise like [`reply`](Self::reply).
    ///
    /// ```
    /// use slotline_resp::{Protocol, ReplyBuffer};
    ///
    /// let mut replies = ReplyBuffer::new(Protocol::Resp3);
    /// replies.array(2).encoded(b":1\r\n").encoded(b"_\r\n");
    /// assert_eq!(replies.as_bytes(), b"*2\r\n:1\r\n_\r\n");
    /// ```
    pub fn encoded(&mut self, reply: &[u8]) -> &mut ReplyBuffer {
        self.put(reply)
    }

    fn leaf(&mut self, leaf: &Value) -> &mut ReplyBuffer {
        match leaf {
            Value::Null => self.null(),
            Value::Simple(text) => self.simple(text),
            Value::Error { code, message } => self.error_of(code.as_bytes(), message.as_bytes()),
            Value::Int(number) => self.integer(*number),
            Value::Double(number) => self.double(*number),
            Value::Bool(truth) => self.boolean(*truth),
            Value::BigNumber(digits) => self.big_number(digits),
            Value::Bulk(bytes) => self.bulk(bytes),
            Value::Verbatim { format, text } => self.verbatim(format, text),
            // No leaves; a walk gives them as steps of their own.
            Value::Array(_) | Value::Map(_) | Value::Set(_) | Value::Push(_) => self,
        }
    }

    /// An error whose code and message are apart, unless the message is empty.
    fn error_of(&mut self, code: &[u8], message: &[u8]) -> &mut ReplyBuffer {
        let breaks = |text: &[u8]| text.iter().any(|byte| is_line_break(*byte));
        if self.protocol == Protocol::Resp2 || !(breaks(code) || breaks(message)) {
            return self.line(b'-', code, message);
        }
        match message {
            b"" => self.blob(b'!', &[code]),
            _ => self.blob(b'!', &[code, b" ", message]),
        }
    }

    /// One line of one or two words, with spaces for what would end it early.
    fn line(&mut self, marker: u8, text: &[u8], more: &[u8]) -> &mut ReplyBuffer {
        self.bytes.reserve(text.len() + more.len() + 4);
        self.bytes.put_u8(marker);
        let start = self.bytes.len();
        self.bytes.put_slice(text);
        if !more.is_empty() {
            self.bytes.put_u8(b' ');
            self.bytes.put_slice(more);
        }
        for byte in self.bytes.iter_mut().skip(start) {
            if is_line_break(*byte) {
                *byte = b' ';
            }
        }
        self.put(b"\r\n")
    }

    /// A string with its length before it, in one or more parts.
    pub(super) fn blob(&mut self, marker: u8, parts: &[&[u8]]) -> &mut ReplyBuffer {
        let len: usize = parts.iter().map(|part| part.len()).sum();
        // The longest header there is, and what ends the string.
        self.bytes.reserve(len + 25);
        self.header(marker, len);
        for part in parts {
            self.bytes.put_slice(part);
        }
        self.put(b"\r\n")
    }

    fn header(&mut self, marker: u8, number: impl itoa::Integer) -> &mut ReplyBuffer {
        let mut digits = itoa::Buffer::new();
        self.bytes.put_u8(marker);
        self.bytes.put_slice(digits.format(number).as_bytes());
        self.put(b"\r\n")
    }

    pub(super) fn put(&mut self, bytes: &[u8]) -> &mut ReplyBuffer {
        self.bytes.put_slice(bytes);
        self
    }
}

/// Whether it is a sign, or none, and digits.
fn is_integer(text: &[u8]) -> bool {
    let digits = match text {
        [b'+' | b'-', digits @ ..] => digits,
        digits => digits,
    };
    !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
}

fn is_line_break(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n')
}

impl std::fmt::Debug for ReplyBuffer {
    /// How much, not what: values are the user's.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReplyBuffer")
            .field("protocol", &self.protocol)
            .field("len", &self.len())
            .finish()
    }
}
