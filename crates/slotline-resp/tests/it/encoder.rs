//! A value into bytes, for tests only: the crate itself does not encode replies
//! yet.

use slotline_resp::Value;

pub(crate) fn encode(value: &Value, out: &mut Vec<u8>) {
    let line = |out: &mut Vec<u8>, marker: char, text: &str| {
        out.extend_from_slice(format!("{marker}{text}\r\n").as_bytes());
    };
    match value {
        Value::Null => out.extend_from_slice(b"_\r\n"),
        Value::Simple(text) => line(out, '+', text),
        Value::Error { code, message } if message.is_empty() => line(out, '-', code),
        Value::Error { code, message } => line(out, '-', &format!("{code} {message}")),
        Value::Int(n) => line(out, ':', &n.to_string()),
        Value::Double(n) => line(out, ',', &format!("{n:?}").to_lowercase()),
        Value::Bool(truth) => line(out, '#', if *truth { "t" } else { "f" }),
        Value::BigNumber(digits) => line(out, '(', digits),
        Value::Bulk(bytes) => {
            line(out, '$', &bytes.len().to_string());
            out.extend_from_slice(bytes);
            out.extend_from_slice(b"\r\n");
        }
        Value::Verbatim { format, text } => {
            line(out, '=', &(text.len() + 4).to_string());
            line_raw(out, &format!("{format}:{text}"));
        }
        Value::Array(all) => sequence(out, '*', all),
        Value::Set(all) => sequence(out, '~', all),
        Value::Push(all) => sequence(out, '>', all),
        Value::Map(pairs) => {
            line(out, '%', &pairs.len().to_string());
            for (key, value) in pairs {
                encode(key, out);
                encode(value, out);
            }
        }
        other => panic!("no encoding for {other:?}"),
    }
}

fn line_raw(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
    out.extend_from_slice(b"\r\n");
}

fn sequence(out: &mut Vec<u8>, marker: char, all: &[Value]) {
    line_raw(out, &format!("{marker}{}", all.len()));
    for value in all {
        encode(value, out);
    }
}
