//! Strings and aggregates whose length is not known when they begin.

use super::ReplyBuffer;

/// Writes streamed strings and aggregates into a [`ReplyBuffer`] of RESP3, which
/// is the only version that has them
/// ([specification](https://github.com/redis/redis-specifications/blob/master/protocol/RESP3.md),
/// "Streamed strings" and "Streamed aggregated data types"). It keeps nothing
/// between its calls, so what has been written can be sent before the rest is
/// there; the elements of an aggregate are written by the buffer's own methods.
///
/// ```
/// use slotline_resp::{Protocol, ReplyBuffer};
///
/// let mut replies = ReplyBuffer::new(Protocol::Resp3);
/// replies.streamed().expect("RESP3").bulk().chunk("Hell").chunk("o").end_bulk();
/// assert_eq!(replies.split(), "$?\r\n;4\r\nHell\r\n;1\r\no\r\n;0\r\n");
///
/// replies.streamed().expect("RESP3").array();
/// replies.integer(1).integer(2);
/// replies.streamed().expect("RESP3").end();
/// assert_eq!(replies.split(), "*?\r\n:1\r\n:2\r\n.\r\n");
///
/// replies.set_protocol(Protocol::Resp2);
/// assert!(replies.streamed().is_none());
/// ```
#[derive(Debug)]
pub struct Streamed<'b> {
    replies: &'b mut ReplyBuffer,
}

impl<'b> Streamed<'b> {
    pub(super) fn new(replies: &'b mut ReplyBuffer) -> Streamed<'b> {
        Streamed { replies }
    }

    /// Opens a string; chunks follow.
    pub fn bulk(&mut self) -> &mut Streamed<'b> {
        self.put(b"$?\r\n")
    }

    /// Writes a part of the string. An empty one is left out, since it would end
    /// the string.
    pub fn chunk(&mut self, bytes: impl AsRef<[u8]>) -> &mut Streamed<'b> {
        let bytes = bytes.as_ref();
        if !bytes.is_empty() {
            self.replies.blob(b';', &[bytes]);
        }
        self
    }

    /// Ends the string.
    pub fn end_bulk(&mut self) -> &mut Streamed<'b> {
        self.put(b";0\r\n")
    }

    /// Opens an array; elements follow.
    pub fn array(&mut self) -> &mut Streamed<'b> {
        self.put(b"*?\r\n")
    }

    /// Opens a map; keys, each with its value, follow.
    pub fn map(&mut self) -> &mut Streamed<'b> {
        self.put(b"%?\r\n")
    }

    /// Opens a set; members follow.
    pub fn set(&mut self) -> &mut Streamed<'b> {
        self.put(b"~?\r\n")
    }

    /// Ends the aggregate that was opened last.
    pub fn end(&mut self) -> &mut Streamed<'b> {
        self.put(b".\r\n")
    }

    fn put(&mut self, bytes: &[u8]) -> &mut Streamed<'b> {
        self.replies.put(bytes);
        self
    }
}
