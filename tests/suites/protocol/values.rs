//! Values in fewer letters.

use bytes::Bytes;
use slotline_resp::Value;

pub fn bulk(bytes: impl AsRef<[u8]>) -> Value {
    Value::Bulk(Bytes::copy_from_slice(bytes.as_ref()))
}

pub fn simple(text: &str) -> Value {
    Value::Simple(text.to_owned())
}

pub fn error(code: &str, message: &str) -> Value {
    Value::Error {
        code: code.to_owned(),
        message: message.to_owned(),
    }
}

pub fn int(n: i64) -> Value {
    Value::Int(n)
}

pub fn double(n: f64) -> Value {
    Value::Double(n)
}

pub fn big(digits: &str) -> Value {
    Value::BigNumber(digits.to_owned())
}

pub fn verbatim(format: &str, text: &str) -> Value {
    Value::Verbatim {
        format: format.to_owned(),
        text: text.to_owned(),
    }
}

pub fn array<const N: usize>(all: [Value; N]) -> Value {
    Value::Array(all.into())
}

pub fn set<const N: usize>(all: [Value; N]) -> Value {
    Value::Set(all.into())
}

pub fn push<const N: usize>(all: [Value; N]) -> Value {
    Value::Push(all.into())
}

pub fn map<const N: usize>(pairs: [(Value, Value); N]) -> Value {
    Value::Map(pairs.into())
}
