//! What a value becomes on its way.

use bytes::Bytes;
use slotline_resp::{Protocol, ReplyBuffer, Value};

/// What a value that was written in `protocol` is once it has been read.
pub(super) fn as_read(value: &Value, protocol: Protocol) -> Value {
    let old = protocol == Protocol::Resp2;
    let bulk = |text: &str| Value::Bulk(text.to_owned().into());
    let all = |values: &[Value]| {
        let read = values.iter().map(|value| as_read(value, protocol));
        read.collect()
    };
    match value {
        Value::Simple(text) => Value::Simple(one_line(text)),
        Value::Error { code, message } if old => Value::Error {
            code: code.clone(),
            message: one_line(message),
        },
        // In the digits of RESP3, which are known to give the same double back.
        Value::Double(number) if old => {
            let mut line = ReplyBuffer::new(Protocol::Resp3);
            let line = line.double(*number).as_bytes();
            Value::Bulk(Bytes::copy_from_slice(&line[1..line.len() - 2]))
        }
        Value::Bool(truth) if old => Value::Int(i64::from(*truth)),
        Value::BigNumber(text) if old || !is_integer(text) => bulk(text),
        Value::Verbatim { text, .. } if old => bulk(text),
        Value::Verbatim { format, text } if format.len() != 3 => Value::Verbatim {
            format: "txt".to_owned(),
            text: text.clone(),
        },
        Value::Array(values) => Value::Array(all(values)),
        Value::Set(values) | Value::Push(values) if old => Value::Array(all(values)),
        Value::Set(values) => Value::Set(all(values)),
        Value::Push(values) => Value::Push(all(values)),
        Value::Map(pairs) => {
            let read = |value| as_read(value, protocol);
            let pairs = pairs.iter().map(|(key, value)| (read(key), read(value)));
            match old {
                true => Value::Array(pairs.flat_map(|(key, value)| [key, value]).collect()),
                false => Value::Map(pairs.collect()),
            }
        }
        other => other.clone(),
    }
}

fn one_line(text: &str) -> String {
    text.replace(['\r', '\n'], " ")
}

fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}
