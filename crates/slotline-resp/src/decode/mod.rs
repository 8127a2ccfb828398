//! Replies into Rust types, in one pass and without a tree in between.

mod collections;
mod pairs;
mod reader;
pub(crate) mod scalars;
mod token;
pub(crate) mod tuples;
mod utf8;

pub use pairs::Pairs;
pub use reader::Reader;
pub use token::{ReplyKind, Sequence, Token};

use crate::error::Error;

/// A type that a reply decodes into, borrowing from it where it can.
///
/// Nothing is coerced in silence: nil is an error but for `Option`, `"12abc"`
/// is no number, a server's error is `Err` for every type. What decodes from
/// what:
///
/// | into | from |
/// |---|---|
/// | `&str`, `String`, `Box<str>` | bulk, simple and verbatim strings, big numbers, if UTF-8 |
/// | `&[u8]`, `Bytes`, `Vec<u8>`, `Box<[u8]>` | bulk, simple and verbatim strings; `Bytes` shares the reply's memory, a `Vec` or `Box` is a copy, and takes arrays of numbers up to 255 too |
/// | integers | integers, and strings or big numbers that are wholly one and fit |
/// | `f32`, `f64` | doubles, integers that are exact as a double, strings that are wholly one |
/// | `bool` | booleans, the integers 0 and 1, strings that are wholly `0` or `1` |
/// | `Option<T>` | nil as `None`, else as `T` |
/// | `Result<T, Error>` | a server's error, or what is not a `T`, as `Err`; the rest decodes on |
/// | `Vec`, `VecDeque`, `HashSet`, `BTreeSet` | arrays, sets and pushes; maps as keys and values in turn |
/// | tuples up to 8 | arrays and pushes of exactly that length; in a `Vec` or its like also so many elements in turn, as RESP2 has `ZRANGE … WITHSCORES` and maps |
/// | `HashMap`, `BTreeMap` | maps, arrays of keys and values in turn (RESP2), and arrays of pairs (`XREAD` in RESP2); the last of equal keys wins |
/// | [`Value`](crate::Value) | anything but a server's error, which may be within |
///
/// It is never implemented for `()`, since then a forgotten annotation would throw
/// replies away. With the feature `serde`, `Serde<T>` decodes any serde type.
///
/// ```
/// use slotline_resp::{Error, FromReply, Reader, Reply};
///
/// struct Point { x: i64, y: i64 }
///
/// impl<'a> FromReply<'a> for Point {
///     fn from_reply(reader: &mut Reader<'a>) -> Result<Self, Error> {
///         let (x, y) = FromReply::from_reply(reader)?;
///         Ok(Point { x, y })
///     }
/// }
///
/// let reply = Reply::from_frame("*2\r\n:3\r\n$1\r\n4\r\n".into())?;
/// let point: Point = reply.decode()?;
/// assert_eq!((point.x, point.y), (3, 4));
/// # Ok::<(), Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be decoded from a reply",
    label = "not a type that replies decode into",
    note = "annotate the result, as in `let v: Option<String> = …`"
)]
pub trait FromReply<'a>: Sized {
    /// Reads exactly one element.
    ///
    /// # Errors
    ///
    /// The server's own error, a mismatch, or broken bytes. Where the reader
    /// then stands is not specified.
    fn from_reply(reader: &mut Reader<'a>) -> Result<Self, Error>;

    /// Reads an element of an aggregate that is open, or, where several elements
    /// in turn are one of these, all of them.
    ///
    /// # Errors
    ///
    /// As for [`from_reply`](Self::from_reply).
    #[doc(hidden)]
    fn from_element(reader: &mut Reader<'a>, _: &mut Sequence) -> Result<Self, Error> {
        Self::from_reply(reader)
    }

    /// How many elements in turn the next one of these is: at least one.
    #[doc(hidden)]
    fn elements_of_next(_: &mut Reader<'a>) -> usize {
        1
    }

    /// Reads a `Vec` of these: the elements of an aggregate, unless they are bytes.
    ///
    /// # Errors
    ///
    /// As for [`from_reply`](Self::from_reply).
    #[doc(hidden)]
    fn vec_from_reply(reader: &mut Reader<'a>) -> Result<Vec<Self>, Error> {
        collections::vec(reader)
    }
}

/// A type that decodes from any reply and borrows nothing from it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be decoded from a reply that is not kept",
    note = "annotate the result with an owned type, as in `let v: Option<String> = …`"
)]
pub trait FromReplyOwned: for<'a> FromReply<'a> {}

impl<T> FromReplyOwned for T where T: for<'a> FromReply<'a> {}
