//! The ways in which servers send pairs.

use crate::decode::{Reader, ReplyKind, Sequence, Token};
use crate::error::Error;

/// Pairs that are being read: those of a RESP3 map, or of an array, in which
/// they come as keys and values in turn (as RESP2 has every map) or as arrays of
/// two (as [XREAD](https://redis.io/docs/latest/commands/xread/) answers).
#[derive(Clone, Copy, Debug)]
pub struct Pairs {
    sequence: Sequence,
    wanted: &'static str,
    /// Whether each pair is an array of its own.
    are_arrays: bool,
}

impl Pairs {
    /// Whether they come in arrays of two.
    pub(super) fn are_arrays(&self) -> bool {
        self.are_arrays
    }

    pub(super) fn sequence(&self) -> &Sequence {
        &self.sequence
    }

    /// What an error says was asked for.
    #[cfg(feature = "serde")]
    pub(crate) fn wanted(&self) -> &'static str {
        self.wanted
    }

    /// Those of a map that has been opened.
    #[cfg(feature = "serde")]
    pub(crate) fn of_map(sequence: Sequence, wanted: &'static str) -> Pairs {
        Pairs {
            sequence,
            wanted,
            are_arrays: false,
        }
    }

    #[cold]
    fn odd(&self) -> Error {
        Error::mismatch(self.wanted, "an array of odd length")
    }
}

impl<'a> Reader<'a> {
    /// Opens a map in any of its spellings. `wanted` is what an error says was
    /// asked for.
    ///
    /// ```
    /// use slotline_resp::Reply;
    ///
    /// for text in [
    ///     "%1\r\n+a\r\n:1\r\n",
    ///     "*2\r\n+a\r\n:1\r\n",
    ///     "*1\r\n*2\r\n+a\r\n:1\r\n",
    /// ] {
    ///     let reply = Reply::from_frame(text.into())?;
    ///     let mut reader = reply.reader();
    ///     let mut pairs = reader.pairs("a map")?;
    ///     assert!(reader.has_pair(&mut pairs)?);
    ///     assert_eq!(reader.str()?, "a");
    ///     reader.begin_value(&mut pairs)?;
    ///     assert_eq!(reader.integer()?, 1);
    ///     assert!(!reader.has_pair(&mut pairs)?);
    /// }
    /// # Ok::<(), slotline_resp::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// It is no map and no array, or an array of odd length.
    pub fn pairs(&mut self, wanted: &'static str) -> Result<Pairs, Error> {
        let sequence = match self.token()? {
            Token::Aggregate(sequence)
                if matches!(sequence.kind(), ReplyKind::Map | ReplyKind::Array) =>
            {
                sequence
            }
            other => return Err(Self::unexpected(wanted, &other)),
        };
        let is_array = sequence.kind() == ReplyKind::Array && sequence.left() != Some(0);
        // A key is never an array, so the first element tells.
        let are_arrays = is_array && matches!(self.kind(), Ok(ReplyKind::Array));
        let pairs = Pairs {
            sequence,
            wanted,
            are_arrays,
        };
        match sequence.left() {
            Some(left) if left % 2 == 1 && !are_arrays => Err(pairs.odd()),
            _ => Ok(pairs),
        }
    }

    /// Whether there is another pair, whose key is then the next to be read.
    ///
    /// # Errors
    ///
    /// What is there instead is no pair.
    #[inline]
    pub fn has_pair(&mut self, pairs: &mut Pairs) -> Result<bool, Error> {
        if !self.has_next(&mut pairs.sequence)? {
            return Ok(false);
        }
        if pairs.are_arrays && super::tuples::open(self, "a pair", 2)?.left().is_none() {
            return Err(Error::mismatch("a pair", "a streamed array"));
        }
        Ok(true)
    }

    /// Goes on from a key to its value, which is then the next to be read.
    ///
    /// # Errors
    ///
    /// There is none: a streamed array ended behind the key.
    #[inline]
    pub fn begin_value(&mut self, pairs: &mut Pairs) -> Result<(), Error> {
        if !pairs.are_arrays && !self.has_next(&mut pairs.sequence)? {
            return Err(pairs.odd());
        }
        Ok(())
    }
}
