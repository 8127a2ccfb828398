//! A reply as a tree, for whoever wants one.

use bytes::Bytes;

use crate::decode::{FromReply, Reader, ReplyKind, Sequence, Token};
use crate::error::Error;
use crate::limits::DEEPEST;

/// Any reply, owned: for commands whose reply has no fixed shape. Attributes
/// are not kept.
///
/// It shares the memory of the reply that it came from. Strings that are text
/// by their type (`Simple`, `Error`, `Verbatim`) are kept as such, with what is
/// not UTF-8 replaced; [`Bulk`](Self::Bulk) is the server's bytes as they are.
#[derive(Clone, Debug, PartialEq)]
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
    Array(Vec<Value>),
    /// The pairs of a map, in the order sent, repeated keys included.
    Map(Vec<(Value, Value)>),
    /// The members of a set, in the order sent, repeated ones included.
    Set(Vec<Value>),
    /// Out-of-band data, kind first; also within a transaction's reply.
    Push(Vec<Value>),
}

impl Value {
    /// Whether this is nil.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
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

impl<'a> FromReply<'a> for Value {
    fn from_reply(reader: &mut Reader<'a>) -> Result<Self, Error> {
        match reader.token()? {
            error @ Token::Error(_) => Err(Reader::unexpected("a value", &error)),
            token => grow(reader, token, DEEPEST),
        }
    }
}

/// The tree of the next element, an error included.
pub(crate) fn tree(reader: &mut Reader<'_>, deeper: u32) -> Result<Value, Error> {
    let token = reader.token()?;
    grow(reader, token, deeper)
}

/// By recursion, as deep as the scanner's limits ever let a frame be.
fn grow<'a>(reader: &mut Reader<'a>, token: Token<'a>, deeper: u32) -> Result<Value, Error> {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    Ok(match token {
        Token::Null => Value::Null,
        Token::Simple(line) => Value::Simple(text(line)),
        Token::Error(line) => error(line),
        Token::Integer(n) => Value::Int(n),
        Token::Double(n) => Value::Double(n),
        Token::Bool(truth) => Value::Bool(truth),
        Token::BigNumber(digits) => Value::BigNumber(text(digits)),
        Token::Bulk(bytes) => Value::Bulk(reader.share(bytes)),
        Token::Chunks => Value::Bulk(reader.chunks()?.into()),
        Token::Verbatim { format, text: body } => Value::Verbatim {
            format: text(format),
            text: text(body),
        },
        Token::Aggregate(sequence) => aggregate(reader, sequence, deeper)?,
    })
}

fn error(line: &[u8]) -> Value {
    let line = String::from_utf8_lossy(line);
    let (code, message) = line.split_once(' ').unwrap_or((&line, ""));
    Value::Error {
        code: code.to_owned(),
        message: message.to_owned(),
    }
}

fn aggregate(reader: &mut Reader<'_>, mut sequence: Sequence, deeper: u32) -> Result<Value, Error> {
    let Some(deeper) = deeper.checked_sub(1) else {
        let limit = u64::from(DEEPEST);
        return Err(Error::limit("nesting depth", limit, reader.position()));
    };
    if sequence.kind() == ReplyKind::Map {
        let mut pairs = Vec::with_capacity(reader.reserve::<(Value, Value)>(&sequence) / 2);
        while reader.has_next(&mut sequence)? {
            let key = tree(reader, deeper)?;
            if !reader.has_next(&mut sequence)? {
                return Err(Error::protocol(
                    "odd number of elements in a map",
                    reader.position(),
                ));
            }
            pairs.push((key, tree(reader, deeper)?));
        }
        return Ok(Value::Map(pairs));
    }
    let mut all = Vec::with_capacity(reader.reserve::<Value>(&sequence));
    while reader.has_next(&mut sequence)? {
        all.push(tree(reader, deeper)?);
    }
    Ok(match sequence.kind() {
        ReplyKind::Set => Value::Set(all),
        ReplyKind::Push => Value::Push(all),
        _ => Value::Array(all),
    })
}
