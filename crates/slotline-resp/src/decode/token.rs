//! What a cursor finds at one place of a frame.

/// What a reply, or one element of it, is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ReplyKind {
    /// `_`, `$-1` or `*-1`.
    Null,
    /// `+`: a line of text such as `OK`.
    Simple,
    /// `-` or `!`: an error.
    Error,
    /// `:`: a signed 64-bit integer.
    Integer,
    /// `,`: a floating-point number.
    Double,
    /// `#`: true or false.
    Bool,
    /// `(`: an integer of any length.
    BigNumber,
    /// `$`: a string of bytes, streamed ones included.
    Bulk,
    /// `=`: a text with its format.
    Verbatim,
    /// `*`: an array.
    Array,
    /// `%`: a map.
    Map,
    /// `~`: a set.
    Set,
    /// `>`: out-of-band data.
    Push,
}

impl ReplyKind {
    /// The name that errors use, with its article.
    pub fn name(self) -> &'static str {
        match self {
            Self::Null => "nil",
            Self::Simple => "a simple string",
            Self::Error => "an error",
            Self::Integer => "an integer",
            Self::Double => "a double",
            Self::Bool => "a boolean",
            Self::BigNumber => "a big number",
            Self::Bulk => "a bulk string",
            Self::Verbatim => "a verbatim string",
            Self::Array => "an array",
            Self::Map => "a map",
            Self::Set => "a set",
            Self::Push => "a push",
        }
    }
}

/// One element as it lies in the frame: a scalar whole, an aggregate's or a
/// streamed string's opening.
#[derive(Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Token<'a> {
    /// Nil in any spelling.
    Null,
    /// The text of a simple string.
    Simple(&'a [u8]),
    /// The text of an error without its marker: `ERR unknown command`.
    Error(&'a [u8]),
    /// An integer.
    Integer(i64),
    /// A double.
    Double(f64),
    /// A boolean.
    Bool(bool),
    /// The sign and digits of an integer of any length.
    BigNumber(&'a [u8]),
    /// The bytes of a bulk string.
    Bulk(&'a [u8]),
    /// A streamed string has been opened; its bytes come from
    /// [`Reader::chunk`](crate::Reader::chunk) until that returns `None`.
    Chunks,
    /// A verbatim string.
    Verbatim {
        /// Its three-letter format, such as `txt` or `mkd`.
        format: &'a [u8],
        /// The text itself.
        text: &'a [u8],
    },
    /// An aggregate has been opened; its elements follow, each announced by
    /// [`Reader::has_next`](crate::Reader::has_next).
    Aggregate(Sequence),
}

impl Token<'_> {
    /// What this is.
    pub fn kind(&self) -> ReplyKind {
        match self {
            Self::Null => ReplyKind::Null,
            Self::Simple(_) => ReplyKind::Simple,
            Self::Error(_) => ReplyKind::Error,
            Self::Integer(_) => ReplyKind::Integer,
            Self::Double(_) => ReplyKind::Double,
            Self::Bool(_) => ReplyKind::Bool,
            Self::BigNumber(_) => ReplyKind::BigNumber,
            Self::Bulk(_) | Self::Chunks => ReplyKind::Bulk,
            Self::Verbatim { .. } => ReplyKind::Verbatim,
            Self::Aggregate(sequence) => sequence.kind,
        }
    }
}

/// Shows the kind only: tokens hold users' values.
impl std::fmt::Debug for Token<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Token({})", self.kind().name())
    }
}

/// An aggregate that is being read: its kind, and how many elements are left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sequence {
    pub(crate) kind: ReplyKind,
    /// `None` if it is streamed, up to an end mark.
    pub(crate) left: Option<u64>,
}

impl Sequence {
    /// Array, map, set or push.
    pub fn kind(&self) -> ReplyKind {
        self.kind
    }

    /// How many elements are left to read, as far as the frame says; a map's
    /// keys and values count one each. `None` for a streamed aggregate.
    ///
    /// It is the peer's word: reserve by [`Reader::reserve`](crate::Reader::reserve).
    pub fn left(&self) -> Option<u64> {
        self.left
    }
}
