//! One whole reply, not decoded yet.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;

use crate::decode::{FromReply, Reader, ReplyKind, Token};
use crate::error::{Error, code_len};
use crate::limits::Limits;
use crate::scan::Scanner;
use crate::value::{self, Value};

/// One whole frame, decoded when and as its owner wants it. Cloning it copies
/// no bytes.
///
/// ```
/// use slotline_resp::Reply;
/// use std::collections::HashMap;
///
/// let reply = Reply::from_frame("%1\r\n$1\r\na\r\n:1\r\n".into())?;
/// let map: HashMap<&str, i64> = reply.decode()?;
/// assert_eq!(map["a"], 1);
/// # Ok::<(), slotline_resp::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Reply {
    frame: Bytes,
}

impl Reply {
    /// A reply of bytes that should be exactly one frame.
    ///
    /// # Errors
    ///
    /// They are not, or they exceed the default [`Limits`].
    pub fn from_frame(frame: Bytes) -> Result<Self, Error> {
        match Scanner::new(Limits::default()).scan(&frame)? {
            Some(len) if len == frame.len() => Ok(Self { frame }),
            Some(len) => Err(Error::protocol("bytes after the frame", len)),
            None => Err(Error::protocol("the frame ends early", frame.len())),
        }
    }

    /// A reply of bytes that a [`Scanner`] has found to be exactly one frame.
    /// With any others decoding fails, or ignores what is left over.
    #[doc(hidden)]
    pub fn from_scanned(frame: Bytes) -> Self {
        Self { frame }
    }

    /// A cursor over the whole frame.
    pub fn reader(&self) -> Reader<'_> {
        Reader::new(&self.frame, 0..self.frame.len())
    }

    /// What the reply is; attributes before it do not count.
    pub fn kind(&self) -> ReplyKind {
        self.reader().kind().unwrap_or(ReplyKind::Null)
    }

    /// Whether the server replied with an error.
    pub fn is_error(&self) -> bool {
        self.kind() == ReplyKind::Error
    }

    /// Whether this is out-of-band data rather than the answer to a request.
    pub fn is_push(&self) -> bool {
        self.kind() == ReplyKind::Push
    }

    fn error_bytes(&self) -> Option<&[u8]> {
        if !self.is_error() {
            return None;
        }
        match self.reader().token() {
            Ok(Token::Error(line)) => Some(line),
            _ => None,
        }
    }

    /// The first word of an error, such as `MOVED` or `WRONGTYPE`.
    pub fn error_code(&self) -> Option<&str> {
        let line = self.error_bytes()?;
        let word = line.get(..code_len(line))?;
        std::str::from_utf8(word).ok()
    }

    /// The whole text of an error without its marker; what is not UTF-8 is
    /// replaced.
    pub fn error_line(&self) -> Option<Cow<'_, str>> {
        self.error_bytes().map(String::from_utf8_lossy)
    }

    /// The error, if the server replied with one.
    pub fn error(&self) -> Option<Error> {
        self.error_line().map(Error::server)
    }

    /// The frame as it came.
    pub fn as_bytes(&self) -> &Bytes {
        &self.frame
    }

    /// The frame as it came.
    pub fn into_bytes(self) -> Bytes {
        self.frame
    }

    /// Decodes the reply, borrowing from it where `T` can.
    ///
    /// # Errors
    ///
    /// The server's own error ([`Error::is_server`]), or a reply that is not a
    /// `T` ([`Error::is_type_mismatch`]).
    pub fn decode<'a, T: FromReply<'a>>(&'a self) -> Result<T, Error> {
        T::from_reply(&mut self.reader())
    }

    /// The reply as a tree, an error reply as [`Value::Error`].
    ///
    /// # Errors
    ///
    /// Only for bytes that no [`Scanner`] has seen.
    pub fn value(&self) -> Result<Value, Error> {
        value::read(&mut self.reader())
    }
}

/// Kind and length, of an error the code: never a value.
impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Reply");
        shown.field("kind", &self.kind());
        if let Some(code) = self.error_code() {
            shown.field("code", &code);
        }
        shown.field("len", &self.frame.len()).finish()
    }
}
