//! Values as replies of both versions.

use bytes::Bytes;
use slotline_resp::{Protocol, Reply, ReplyBuffer, Scanner, Value};

use super::spelling::as_read;
use crate::choices::{Choices, roomy};
use crate::cuts::Cuts;

/// Fewer levels than a reply may have by default.
const LEVELS: u8 = 100;

pub(super) fn check(mut choices: Choices<'_>, cuts: Cuts<'_>) {
    let dressed = choices.one_of(&[0, 1, 2]);
    let value = grow(&mut choices, LEVELS);
    for protocol in [Protocol::Resp2, Protocol::Resp3] {
        let mut replies = ReplyBuffer::new(protocol);
        replies.value(&value);
        comes_back(&value, protocol, replies.split(), cuts);
    }
    // The same as RESP3 alone can say it.
    let mut replies = ReplyBuffer::new(Protocol::Resp3);
    match dressed {
        0 => return,
        1 => {
            let pairs = [(Value::Simple("ttl".into()), value.clone())];
            replies.attributes(&pairs).value(&value);
        }
        _ => streamed(&mut replies, &value, cuts),
    }
    comes_back(&value, Protocol::Resp3, replies.split(), cuts);
}

/// A value made of bytes: each level and each leaf takes one, so that it is never
/// much larger than they are.
fn grow(choices: &mut Choices<'_>, levels: u8) -> Value {
    let deeper = levels.saturating_sub(1);
    match choices.byte() % if levels > 0 { 14 } else { 10 } {
        0 => Value::Null,
        1 => Value::Simple(choices.text()),
        2 => Value::Error {
            // A code is a word; what comes after it is any text.
            code: choices.text().replace([' ', '\r', '\n'], "_"),
            message: choices.text(),
        },
        3 => Value::Int(i64::from_be_bytes(choices.number())),
        4 => Value::Int(i64::from(choices.byte()) - 128),
        5 => match f64::from_be_bytes(choices.number()) {
            // It equals nothing, itself included; the tables have it.
            number if number.is_nan() => Value::Double(f64::INFINITY),
            number => Value::Double(number),
        },
        6 => Value::Bool(choices.byte() % 2 == 1),
        7 => Value::BigNumber(choices.text()),
        8 => Value::Bulk(Bytes::copy_from_slice(choices.string())),
        9 => Value::Verbatim {
            format: choices.text(),
            text: choices.text(),
        },
        kind => {
            let len = choices.byte() % 8;
            let mut element = || grow(choices, deeper);
            match kind {
                10 => Value::Array((0..len).map(|_| element()).collect()),
                11 => Value::Set((0..len).map(|_| element()).collect()),
                12 => Value::Push((0..len).map(|_| element()).collect()),
                _ => Value::Map((0..len).map(|_| (element(), element())).collect()),
            }
        }
    }
}

/// Streamed, where that is possible: at its outermost level.
fn streamed(replies: &mut ReplyBuffer, value: &Value, cuts: Cuts<'_>) {
    let start = "RESP3 has streamed types";
    match value {
        Value::Bulk(bytes) => {
            let mut bulk = replies.streamed().expect(start);
            bulk.bulk();
            for piece in cuts.pieces(bytes) {
                bulk.chunk(piece);
            }
            bulk.end_bulk();
            return;
        }
        Value::Array(_) => replies.streamed().expect(start).array(),
        Value::Set(_) => replies.streamed().expect(start).set(),
        Value::Map(_) => replies.streamed().expect(start).map(),
        other => {
            replies.value(other);
            return;
        }
    };
    for element in value.as_slice().unwrap_or_default() {
        replies.value(element);
    }
    for (key, value) in value.as_map().unwrap_or_default() {
        replies.value(key).value(value);
    }
    replies.streamed().expect(start).end();
}

fn comes_back(value: &Value, protocol: Protocol, bytes: Bytes, cuts: Cuts<'_>) {
    let mut scanner = Scanner::new(roomy());
    let mut arrived = 0;
    for piece in cuts.pieces(&bytes) {
        arrived += piece.len();
        let whole = (arrived == bytes.len()).then_some(arrived);
        assert_eq!(scanner.scan(&bytes[..arrived]), Ok(whole), "{protocol:?}");
    }
    let read = Reply::from_scanned(bytes).value();
    assert_eq!(read, Ok(as_read(value, protocol)), "{protocol:?}");
}
