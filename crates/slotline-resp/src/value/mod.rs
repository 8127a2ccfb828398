//! A reply as a tree, for whoever wants one.

mod list;
mod show;
mod tree;
mod walk;

pub use list::{List, Part};
pub(crate) use tree::read;
pub(crate) use walk::{Step, Walk};

use bytes::Bytes;

use crate::decode::{FromReply, Reader, ReplyKind, Token};
use crate::error::Error;

/// Any reply, owned: for commands whose reply has no fixed shape. Attributes
/// are not kept.
///
/// It shares the memory of the reply that it came from. Strings that are text
/// by their type (`Simple`, `Error`, `Verbatim`) are kept as such, with what is
/// not UTF-8 replaced; [`Bulk`](Self::Bulk) is the server's bytes as they are.
///
/// Decoding, cloning, comparing and dropping a tree need no stack, however deep
/// the [`Limits`](crate::Limits) let it be; `Debug` shows 64 levels of it.
#[non_exhaustive]
pub enum Value {
    /// Nil in any of its spellings.
    Null,
    /// A simple string such as `OK`.
    Simple(String),
    /// An error within an aggregate; an error that is the whole reply is one
    /// only where the tree is asked for by [`Reply::value`](crate::Reply::value).
    Error {
        /// The first word, such as `WRONGTYPE`.
        code: String,
        /// What comes after the code.
        message: String,
    },
    /// An integer.
    Int(i64),
    /// A double.
    Double(f64),
    /// A boolean.
    Bool(bool),
    /// Sign and digits of an integer of any length.
    BigNumber(String),
    /// A string of bytes.
    Bulk(Bytes),
    /// A text that says its format.
    Verbatim {
        /// Three letters, such as `txt` or `mkd`.
        format: String,
        /// The text.
        text: String,
    },
    /// An array.
    Array(List),
    /// The pairs of a map, in the order sent, repeated keys included.
    Map(List<(Value, Value)>),
    /// The members of a set, in the order sent, repeated ones included.
    Set(List),
    /// Out-of-band data, kind first; also within a transaction's reply.
    Push(List),
}

impl Value {
    /// Whether this is nil.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Whether this is an array, map, set or push.
    pub fn is_aggregate(&self) -> bool {
        matches!(
            self,
            Self::Array(_) | Self::Map(_) | Self::Set(_) | Self::Push(_)
        )
    }

    /// What this is.
    pub fn kind(&self) -> ReplyKind {
        match self {
            Self::Null => ReplyKind::Null,
            Self::Simple(_) => ReplyKind::Simple,
            Self::Error { .. } => ReplyKind::Error,
            Self::Int(_) => ReplyKind::Integer,
            Self::Double(_) => ReplyKind::Double,
            Self::Bool(_) => ReplyKind::Bool,
            Self::BigNumber(_) => ReplyKind::BigNumber,
            Self::Bulk(_) => ReplyKind::Bulk,
            Self::Verbatim { .. } => ReplyKind::Verbatim,
            Self::Array(_) => ReplyKind::Array,
            Self::Map(_) => ReplyKind::Map,
            Self::Set(_) => ReplyKind::Set,
            Self::Push(_) => ReplyKind::Push,
        }
    }

    /// The text of a string that is UTF-8, whichever type it came as.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Simple(text) | Self::BigNumber(text) | Self::Verbatim { text, .. } => Some(text),
            Self::Bulk(bytes) => std::str::from_utf8(bytes).ok(),
            _ => None,
        }
    }

    /// The bytes of a string, whichever type it came as.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Simple(text) | Self::BigNumber(text) | Self::Verbatim { text, .. } => {
                Some(text.as_bytes())
            }
            Self::Bulk(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// An integer.
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(n) => Some(*n),
            _ => None,
        }
    }

    /// A double.
    pub fn as_double(&self) -> Option<f64> {
        match self {
            Self::Double(n) => Some(*n),
            _ => None,
        }
    }

    /// A boolean.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(truth) => Some(*truth),
            _ => None,
        }
    }

    /// The elements of an array, set or push.
    pub fn as_slice(&self) -> Option<&[Value]> {
        match self {
            Self::Array(all) | Self::Set(all) | Self::Push(all) => Some(all),
            _ => None,
        }
    }

    /// The pairs of a map.
    pub fn as_map(&self) -> Option<&[(Value, Value)]> {
        match self {
            Self::Map(pairs) => Some(pairs),
            _ => None,
        }
    }

    /// The value of a map under a key that is a string.
    pub fn get(&self, key: impl AsRef<[u8]>) -> Option<&Value> {
        let wanted = Some(key.as_ref());
        self.as_map()?
            .iter()
            .find_map(|(key, value)| (key.as_bytes() == wanted).then_some(value))
    }

    /// An error as the crate's error type.
    pub fn to_error(&self) -> Option<Error> {
        match self {
            Self::Error { code, message } if message.is_empty() => {
                Some(Error::server(code.as_str()))
            }
            Self::Error { code, message } => Some(Error::server(format!("{code} {message}"))),
            _ => None,
        }
    }
}

impl Value {
    /// A copy; of an aggregate, an empty one.
    fn clone_leaf(&self) -> Value {
        match self {
            Self::Null => Self::Null,
            Self::Simple(text) => Self::Simple(text.clone()),
            Self::Error { code, message } => Self::Error {
                code: code.clone(),
                message: message.clone(),
            },
            Self::Int(n) => Self::Int(*n),
            Self::Double(n) => Self::Double(*n),
            Self::Bool(truth) => Self::Bool(*truth),
            Self::BigNumber(digits) => Self::BigNumber(digits.clone()),
            Self::Bulk(bytes) => Self::Bulk(bytes.clone()),
            Self::Verbatim { format, text } => Self::Verbatim {
                format: format.clone(),
                text: text.clone(),
            },
            Self::Array(_) => Self::Array(List::default()),
            Self::Map(_) => Self::Map(List::default()),
            Self::Set(_) => Self::Set(List::default()),
            Self::Push(_) => Self::Push(List::default()),
        }
    }

    /// Whether two values that hold no others are the same.
    fn is_same_leaf(&self, other: &Value) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Simple(one), Self::Simple(two))
            | (Self::BigNumber(one), Self::BigNumber(two)) => one == two,
            (
                Self::Error { code, message },
                Self::Error {
                    code: other_code,
                    message: other_message,
                },
            ) => code == other_code && message == other_message,
            (Self::Int(one), Self::Int(two)) => one == two,
            (Self::Double(one), Self::Double(two)) => one == two,
            (Self::Bool(one), Self::Bool(two)) => one == two,
            (Self::Bulk(one), Self::Bulk(two)) => one == two,
            (
                Self::Verbatim { format, text },
                Self::Verbatim {
                    format: other_format,
                    text: other_text,
                },
            ) => format == other_format && text == other_text,
            _ => false,
        }
    }
}

impl<'a> FromReply<'a> for Value {
    fn from_reply(reader: &mut Reader<'a>) -> Result<Self, Error> {
        match reader.token()? {
            error @ Token::Error(_) => Err(Reader::unexpected("a value", &error)),
            token => tree::grow(reader, token),
        }
    }
}
