//! What others make of the same bytes, told in this crate's terms.

use std::panic::catch_unwind;

use redis::{ErrorKind, Parser, VerbatimFormat};
use redis_protocol::{resp2, resp3};
use slotline_resp::{Limits, Reply, Scanner, Value};

/// What a decoder makes of the front of some bytes.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Outcome {
    /// A frame of so many bytes.
    Whole(Value, usize),
    /// It waits for more.
    More,
    /// An error, in words.
    Refused(String),
    Panicked,
}

/// Another decoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Peer {
    /// The functions of `redis-protocol` for RESP2.
    ProtocolResp2,
    /// Those for RESP3.
    ProtocolResp3,
    /// The parser of the `redis` crate.
    Redis,
}

pub(super) const PEERS: [Peer; 3] = [Peer::ProtocolResp2, Peer::ProtocolResp3, Peer::Redis];

/// What this crate makes of them, and where it finds an error.
pub(super) fn slotline(bytes: &[u8]) -> (Outcome, Option<usize>) {
    match Scanner::new(Limits::default()).scan(bytes) {
        Ok(Some(len)) => {
            let reply = Reply::from_frame(bytes[..len].to_vec().into()).unwrap();
            (Outcome::Whole(reply.value().unwrap(), len), None)
        }
        Ok(None) => (Outcome::More, None),
        Err(error) => (Outcome::Refused(error.to_string()), error.offset()),
    }
}

impl Peer {
    pub(super) fn decode(self, bytes: &[u8]) -> Outcome {
        let decode = || match self {
            Self::ProtocolResp2 => match resp2::decode::decode(bytes) {
                Ok(Some((frame, len))) => Outcome::Whole(from_resp2(frame), len),
                Ok(None) => Outcome::More,
                Err(error) => Outcome::Refused(error.to_string()),
            },
            Self::ProtocolResp3 => match resp3::decode::complete::decode(bytes) {
                Ok(Some((frame, len))) => Outcome::Whole(from_resp3(frame), len),
                Ok(None) => Outcome::More,
                Err(error) => Outcome::Refused(error.to_string()),
            },
            Self::Redis => redis(bytes),
        };
        catch_unwind(decode).unwrap_or(Outcome::Panicked)
    }
}

/// Its parser does not tell how far it has come; a frame ends with the first
/// byte that makes it whole.
fn redis(bytes: &[u8]) -> Outcome {
    let parse = |len: usize| Parser::new().parse_value(&bytes[..len]);
    match parse(bytes.len()) {
        Ok(value) => {
            let (mut least, mut most) = (0, bytes.len());
            while least < most {
                let middle = (least + most) / 2;
                match parse(middle) {
                    Ok(_) => most = middle,
                    Err(_) => least = middle + 1,
                }
            }
            Outcome::Whole(from_redis(value), most)
        }
        Err(error) if error.kind() == ErrorKind::Io => Outcome::More,
        Err(error) => Outcome::Refused(error.to_string()),
    }
}

/// Where the code of an error ends is for this crate to say: redis-protocol has
/// the text whole.
fn error(text: &str) -> Value {
    let frame = format!("!{}\r\n{text}\r\n", text.len());
    Reply::from_frame(frame.into()).unwrap().value().unwrap()
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8_lossy(&bytes).into_owned()
}

fn from_resp2(frame: resp2::types::OwnedFrame) -> Value {
    use resp2::types::OwnedFrame as Frame;
    match frame {
        Frame::SimpleString(line) => Value::Simple(text(line)),
        Frame::Error(line) => error(&line),
        Frame::Integer(n) => Value::Int(n),
        Frame::BulkString(bytes) => Value::Bulk(bytes.into()),
        Frame::Array(all) => {
            Value::Array(all.into_iter().map(from_resp2).collect::<Vec<_>>().into())
        }
        Frame::Null => Value::Null,
    }
}

fn from_resp3(frame: resp3::types::OwnedFrame) -> Value {
    use resp3::types::{OwnedFrame as Frame, VerbatimStringFormat};
    let many = |all: Vec<Frame>| all.into_iter().map(from_resp3).collect::<Vec<_>>();
    match frame {
        Frame::BlobString { data, .. } => Value::Bulk(data.into()),
        Frame::BlobError { data, .. } => error(&text(data)),
        Frame::SimpleString { data, .. } => Value::Simple(text(data)),
        Frame::SimpleError { data, .. } => error(&data),
        Frame::Boolean { data, .. } => Value::Bool(data),
        Frame::Null => Value::Null,
        Frame::Number { data, .. } => Value::Int(data),
        Frame::Double { data, .. } => Value::Double(data),
        Frame::BigNumber { data, .. } => Value::BigNumber(text(data)),
        Frame::VerbatimString { data, format, .. } => Value::Verbatim {
            format: match format {
                VerbatimStringFormat::Text => "txt".to_owned(),
                VerbatimStringFormat::Markdown => "mkd".to_owned(),
            },
            text: text(data),
        },
        Frame::Array { data, .. } => Value::Array(many(data).into()),
        Frame::Push { data, .. } => Value::Push(many(data).into()),
        Frame::Set { data, .. } => Value::Set(many(data.into_iter().collect()).into()),
        Frame::Map { data, .. } => {
            let pair = |(key, value)| (from_resp3(key), from_resp3(value));
            Value::Map(data.into_iter().map(pair).collect::<Vec<_>>().into())
        }
        // No values, so they are told by what they are called.
        Frame::Hello { .. } => Value::Simple("Hello".to_owned()),
        Frame::ChunkedString(_) => Value::Simple("ChunkedString".to_owned()),
    }
}

fn from_redis(value: redis::Value) -> Value {
    use redis::Value as Theirs;
    let many = |all: Vec<Theirs>| all.into_iter().map(from_redis).collect::<Vec<_>>();
    match value {
        Theirs::Nil => Value::Null,
        Theirs::Int(n) => Value::Int(n),
        Theirs::BulkString(bytes) => Value::Bulk(bytes.into()),
        Theirs::Array(all) => Value::Array(many(all).into()),
        Theirs::SimpleString(line) => Value::Simple(line),
        Theirs::Okay => Value::Simple("OK".to_owned()),
        Theirs::Map(pairs) => {
            let pair = |(key, value)| (from_redis(key), from_redis(value));
            Value::Map(pairs.into_iter().map(pair).collect::<Vec<_>>().into())
        }
        // Attributes are nothing that this crate's tree has.
        Theirs::Attribute { data, .. } => from_redis(*data),
        Theirs::Set(all) => Value::Set(many(all).into()),
        Theirs::Double(n) => Value::Double(n),
        Theirs::Boolean(truth) => Value::Bool(truth),
        Theirs::VerbatimString { format, text } => Value::Verbatim {
            format: match format {
                VerbatimFormat::Unknown(format) => format,
                VerbatimFormat::Markdown => "mkd".to_owned(),
                VerbatimFormat::Text => "txt".to_owned(),
                other => format!("{other:?}"),
            },
            text,
        },
        Theirs::BigNumber(n) => Value::BigNumber(n.to_string()),
        Theirs::Push { kind, data } => {
            let mut all = vec![Value::Bulk(kind.to_string().into())];
            all.extend(many(data));
            Value::Push(all.into())
        }
        Theirs::ServerError(theirs) => Value::Error {
            code: theirs.code().to_owned(),
            message: theirs.details().unwrap_or_default().to_owned(),
        },
        other => Value::Simple(format!("unknown: {other:?}")),
    }
}
