//! Replies from the front of a buffer that is read into.

use bytes::BytesMut;

use super::{Scanner, make_room};
use crate::error::Error;
use crate::limits::Limits;
use crate::reply::Reply;

/// Takes replies from the front of a stream of bytes: a [`Scanner`], and the
/// buffer's care.
///
/// A reply costs the same however its bytes were cut, and shares the memory
/// that it was read into. What a long string still lacks is reserved in the
/// buffer, but never more than has arrived already, or 1 MiB.
///
/// ```
/// use bytes::BytesMut;
/// use slotline_resp::{Limits, ReplyDecoder};
///
/// let mut decoder = ReplyDecoder::new(Limits::default());
/// let mut buffer = BytesMut::from("$5\r\nhel");
/// assert!(decoder.decode(&mut buffer)?.is_none());
///
/// buffer.extend_from_slice(b"lo\r\n:1\r\n");
/// let reply = decoder.decode(&mut buffer)?.expect("it has arrived");
/// assert_eq!(reply.decode::<&str>()?, "hello");
/// let reply = decoder.decode(&mut buffer)?.expect("so has the next");
/// assert_eq!(reply.decode::<i64>()?, 1);
/// # Ok::<(), slotline_resp::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ReplyDecoder {
    scanner: Scanner,
}

impl Default for ReplyDecoder {
    /// One with the default [`Limits`].
    fn default() -> ReplyDecoder {
        ReplyDecoder::new(Limits::default())
    }
}

impl ReplyDecoder {
    /// A decoder at the start of a reply.
    #[must_use]
    pub fn new(limits: Limits) -> ReplyDecoder {
        ReplyDecoder {
            scanner: Scanner::new(limits),
        }
    }

    /// Takes one whole reply, or push, from the front of `buffer`. `None`: more
    /// bytes are needed; call again once they have been added at the end.
    ///
    /// # Errors
    ///
    /// As for [`Scanner::scan`].
    pub fn decode(&mut self, buffer: &mut BytesMut) -> Result<Option<Reply>, Error> {
        match self.scanner.scan(buffer)? {
            Some(len) => Ok(Some(Reply::from_scanned(buffer.split_to(len).freeze()))),
            None => {
                make_room(buffer, self.scanner.missing());
                Ok(None)
            }
        }
    }
}
