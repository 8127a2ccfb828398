//! Structs, and whatever else serde knows, out of replies and into arguments:
//! the feature `serde`.
//!
//! A hash as a struct, whichever protocol it came by:
//!
//! ```
//! use serde::Deserialize;
//! use slotline_resp::{Error, Reply, Serde};
//!
//! #[derive(Debug, PartialEq, Deserialize)]
//! struct User<'a> {
//!     name: &'a str, // borrowed from the reply
//!     age: u8,
//!     admin: bool,
//!     email: Option<String>,
//! }
//!
//! let resp2 = "*6\r\n$4\r\nname\r\n$3\r\nAnn\r\n$3\r\nage\r\n$2\r\n30\r\n$5\r\nadmin\r\n$1\r\n1\r\n";
//! let resp3 = "%3\r\n$4\r\nname\r\n$3\r\nAnn\r\n$3\r\nage\r\n$2\r\n30\r\n$5\r\nadmin\r\n$1\r\n1\r\n";
//! for text in [resp2, resp3] {
//!     let reply = Reply::from_frame(text.into())?;
//!     let user: User = reply.deserialize()?;
//!     assert_eq!(user, User { name: "Ann", age: 30, admin: true, email: None });
//! }
//!
//! // Wherever a `FromReply` type is asked for, `Serde` makes one of a serde type.
//! let reply = Reply::from_frame("*1\r\n*2\r\n+id\r\n$2\r\n7x\r\n".into())?;
//! #[derive(Debug, Deserialize)]
//! struct Row { id: u64 }
//! let error = reply.decode::<Vec<Serde<Row>>>().unwrap_err();
//! assert_eq!(error.to_string(), "cannot decode a string that is not one as a u64 at [0].id");
//! # Ok::<(), Error>(())
//! ```
//!
//! # What decodes from what
//!
//! The rules are those of [`FromReply`]: nothing is coerced in silence, and a
//! string that is wholly a number is one.
//!
//! | into | from |
//! |---|---|
//! | structs, maps | maps, and arrays of fields and values in turn (RESP2); fields that a struct does not have are skipped, unless it denies them |
//! | tuples, tuple structs, `[T; N]` | arrays and pushes of exactly that length |
//! | `Vec` and other sequences | arrays, sets and pushes; maps as keys and values in turn |
//! | newtype structs | what is in them |
//! | `Option<T>` | nil as `None`, else as `T` |
//! | `()`, unit structs | nil |
//! | an enum | a string that is the name of a variant without content; a map of one pair, or an array of two elements, of name and content |
//! | `&str`, `String`, `char` | bulk, simple and verbatim strings, big numbers, if UTF-8; `&str` not from streamed strings |
//! | `&[u8]`, byte buffers | bulk, simple and verbatim strings; `&[u8]` not from streamed strings |
//! | integers | integers, and strings or big numbers that are wholly one and fit |
//! | `f32`, `f64` | doubles, integers that are exact as a double, strings that are wholly one |
//! | `bool` | booleans, the integers 0 and 1, strings that are wholly `0` or `1` |
//! | what takes anything | what is there; a big number as a string of its digits |
//!
//! The format is human-readable in serde's sense, in both directions: an
//! address, a UUID or a date is its usual text. A `Vec<u8>` is a sequence of
//! numbers, as everywhere in serde; for bytes use a type that asks for bytes.
//!
//! # What serde itself takes away
//!
//! Where serde keeps a value aside before it knows the type (`#[serde(flatten)]`,
//! `untagged`, and enums with a `tag` inside), the type is what the bytes say,
//! not what the field asks for. There the number in a hash is a string, since
//! every field of a hash is; and RESP2's array is an array, so that such an
//! enum reads a map only from RESP3.
//!
//! # Errors
//!
//! They name the types and the place, and the fields and variants that the
//! Rust type has; never a key or a value. So the text of an error that a type's
//! own `Deserialize` makes with `custom` is dropped, for it may quote what it
//! was given; what it says by `invalid_value` to have expected is shown.
//!
//! Nests deeper than [`DEEPEST`] give [`Error::is_limit`].

mod aggregates;
mod arguments;
mod element;
mod flat;
mod messages;
mod tree;

use std::marker::PhantomData;

use serde_core::Deserialize;

use crate::decode::{FromReply, Reader, ReplyKind};
use crate::error::Error;
use crate::reply::Reply;

pub use arguments::{ArgList, to_args};

/// How many levels serde types may have: an aggregate, an `Option`, a newtype
/// and a variant with content are one each.
///
/// Each is a few calls deep. Measured in an unoptimised build, 128 of them take
/// less than 0.6 MiB of stack for enums, trees and [`Value`](crate::Value), and
/// 0.9 MiB for a struct of 30 strings; only a type that contains itself and is
/// some KiB large would not fit the 2 MiB of a thread.
pub const DEEPEST: u32 = 128;

/// A serde type where a [`FromReply`] type is wanted: alone, or within
/// collections, options, tuples and results.
///
/// ```
/// use std::collections::HashMap;
/// use serde::Deserialize;
/// use slotline_resp::{Reply, Serde};
///
/// #[derive(Deserialize)]
/// struct Point { x: i64, y: i64 }
///
/// let reply = Reply::from_frame("*2\r\n%2\r\n+x\r\n:1\r\n+y\r\n:2\r\n_\r\n".into())?;
/// let points: Vec<Option<Serde<Point>>> = reply.decode()?;
/// let Some(Serde(point)) = &points[0] else { panic!("not nil") };
/// assert_eq!((point.x, point.y), (1, 2));
/// assert!(points[1].is_none());
/// # Ok::<(), slotline_resp::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Serde<T>(pub T);

impl<'a, T: Deserialize<'a>> FromReply<'a> for Serde<T> {
    fn from_reply(reader: &mut Reader<'a>) -> Result<Self, Error> {
        // Also for a type that would not look, or would skip it.
        if reader.kind()? == ReplyKind::Error {
            return Err(Reader::unexpected("a value", &reader.token()?));
        }
        element::read(reader, DEEPEST, PhantomData).map(Self)
    }
}

impl Reply {
    /// Decodes the reply into a serde type, borrowing from it where `T` can.
    /// [`structs`](crate::structs) says what decodes from what.
    ///
    /// # Errors
    ///
    /// The server's own error ([`Error::is_server`]), a reply that is not a
    /// `T` ([`Error::is_type_mismatch`]), or one that is nested deeper than
    /// [`DEEPEST`] ([`Error::is_limit`]).
    pub fn deserialize<'a, T: Deserialize<'a>>(&'a self) -> Result<T, Error> {
        self.decode().map(|Serde(value)| value)
    }
}
