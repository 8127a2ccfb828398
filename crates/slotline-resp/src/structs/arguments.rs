//! A serde type as the arguments of a command.

use std::fmt;

use bytes::Bytes;
use serde_core::ser::Serialize;

use super::flat::Flat;
use crate::arg::{Arguments, ToArg, ToArgs};
use crate::error::Error;

/// The arguments that `value` is in a row.
///
/// | what | becomes |
/// |---|---|
/// | a struct, a map | field, value, field, value … |
/// | a tuple, a sequence | each element in turn, in any of these ways |
/// | an enum's variant | its name, then what it holds, in any of these ways |
/// | a newtype | what is in it |
/// | `Option` | nothing if `None`, in a struct or map without its field |
/// | strings, bytes | themselves |
/// | integers, floats | their digits, those of floats the fewest that read back the same |
/// | `bool` | `1` or `0` |
///
/// The value of a field or of a map's key is one argument: a string, bytes, a
/// number, a boolean, a variant without content, or a newtype or `Option` of
/// one. What is not is an error, never a guess; leave such a field out with
/// `#[serde(skip)]`, or give it a spelling with `#[serde(with = "…")]`.
///
/// What a struct becomes goes with HSET, and reads back equal from HGETALL. Only
/// where a `None` is within a newtype, serde then misses the field: such a field
/// wants `#[serde(default)]`, or its newtype `#[serde(transparent)]`. If nothing is
/// left of a struct there are no arguments, which HSET refuses.
///
/// ```
/// use serde::Serialize;
/// use slotline_resp::{CommandBuffer, to_args};
///
/// #[derive(Serialize)]
/// struct User<'a> { name: &'a str, age: u8, email: Option<&'a str> }
///
/// let user = to_args(&User { name: "Ann", age: 30, email: None })?;
/// let mut buffer = CommandBuffer::new();
/// buffer.begin_named("HSET").key("user:1").args(&user);
/// assert_eq!(
///     buffer.freeze().to_vec(),
///     b"*6\r\n$4\r\nHSET\r\n$6\r\nuser:1\r\n\
///       $4\r\nname\r\n$3\r\nAnn\r\n$3\r\nage\r\n$2\r\n30\r\n"
/// );
///
/// // Options of a command: a variant and what it holds.
/// #[derive(Serialize)]
/// #[serde(rename_all = "UPPERCASE")]
/// enum Expiry { Ex(u64), KeepTtl }
///
/// let args = to_args(&("k", "v", Expiry::Ex(60)))?;
/// assert_eq!(args.iter().collect::<Vec<_>>(), [&b"k"[..], b"v", b"EX", b"60"]);
/// # Ok::<(), slotline_resp::Error>(())
/// ```
///
/// # Errors
///
/// A part has no flat spelling: a struct or sequence where one argument must
/// be, a unit, a nest deeper than [`DEEPEST`](super::DEEPEST), or what the
/// type's own `Serialize` refuses. The error names the field.
///
/// ```
/// #[derive(serde::Serialize)]
/// struct Post { title: String, tags: Vec<String> }
///
/// let post = Post { title: "Hello".into(), tags: vec![] };
/// let error = slotline_resp::to_args(&post).unwrap_err();
/// assert_eq!(error.to_string(), "cannot encode a sequence as one argument at tags");
/// ```
pub fn to_args<T: Serialize + ?Sized>(value: &T) -> Result<ArgList, Error> {
    let mut list = Growing::default();
    value.serialize(Flat::new(&mut list))?;
    Ok(ArgList {
        bytes: list.bytes.into(),
        ends: list.ends,
    })
}

/// Arguments while they are written.
#[derive(Default)]
pub(super) struct Growing {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Growing {
    pub(super) fn push(&mut self, arg: &(impl ToArg + ?Sized)) {
        arg.with_bytes(|bytes| self.bytes.extend_from_slice(bytes));
        self.ends.push(self.bytes.len());
    }

    /// Takes the last argument back.
    pub(super) fn pop(&mut self) {
        self.ends.pop();
        self.bytes.truncate(self.ends.last().copied().unwrap_or(0));
    }
}

/// Arguments that [`to_args`] has written, for as many commands as need them.
/// One of 16 KiB or more is shared with a command, not copied into it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ArgList {
    bytes: Bytes,
    /// Where each argument ends.
    ends: Vec<usize>,
}

impl ArgList {
    /// How many arguments there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The bytes of each argument in turn.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts
            .zip(&self.ends)
            .map(|(start, &end)| self.bytes.get(start..end).unwrap_or_default())
    }
}

impl ToArgs for ArgList {
    fn add_to(&self, arguments: &mut Arguments<'_>) {
        for arg in self.iter() {
            arguments.add(&self.bytes.slice_ref(arg));
        }
    }
}

/// How many, not what they say: values are the user's.
impl fmt::Debug for ArgList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ArgList").field("len", &self.len()).finish()
    }
}
