//! Strings and counters.

use bytes::Bytes;
use slotline_resp::ReplyBuffer;

use super::keyspace::{Keyspace, Value};

pub(super) const WRONGTYPE: &str =
    "WRONGTYPE Operation against a key holding the wrong kind of value";
pub(super) const NO_INTEGER: &str = "ERR value is not an integer or out of range";
const OVERFLOW: &str = "ERR increment or decrement would overflow";
const SYNTAX: &str = "ERR syntax error";

/// Answers what is a command on strings; whether it is one.
pub(super) fn answer(
    data: &mut Keyspace,
    name: &str,
    args: &[Bytes],
    replies: &mut ReplyBuffer,
) -> bool {
    match (name, args) {
        ("GET", [key]) => give(text(data, key), replies),
        ("GETDEL", [key]) => {
            let found = text(data, key);
            if matches!(found, Ok(Some(_))) {
                data.remove(key);
            }
            give(found, replies);
        }
        ("SET", [key, value, options @ ..]) => set(data, key, value, options, replies),
        ("SETNX", [key, value]) => {
            let is_new = !data.contains(key);
            if is_new {
                data.set(key, Value::Text(copied(value)));
            }
            replies.integer(i64::from(is_new));
        }
        ("APPEND", [key, more]) => match text(data, key) {
            Err(line) => {
                replies.error(line);
            }
            Ok(old) => {
                let mut grown = old.unwrap_or_default().to_vec();
                grown.extend_from_slice(more);
                replies.integer(length(grown.len()));
                data.set(key, Value::Text(grown.into()));
            }
        },
        ("STRLEN", [key]) => {
            match text(data, key) {
                Ok(found) => replies.integer(length(found.map_or(0, |text| text.len()))),
                Err(line) => replies.error(line),
            };
        }
        ("INCR", [key]) => add(data, key, Some(1), replies),
        ("DECR", [key]) => add(data, key, Some(-1), replies),
        ("INCRBY", [key, by]) => add(data, key, number(by), replies),
        ("DECRBY", [key, by]) => {
            add(data, key, number(by).and_then(i64::checked_neg), replies);
        }
        ("MGET", keys @ [_, ..]) => {
            replies.array(keys.len());
            for key in keys {
                give(text(data, key).or(Ok(None)), replies);
            }
        }
        ("MSET", pairs @ [_, _, ..]) if pairs.len().is_multiple_of(2) => {
            for pair in pairs.chunks_exact(2) {
                if let [key, value] = pair {
                    data.set(key, Value::Text(copied(value)));
                }
            }
            replies.simple("OK");
        }
        _ => return false,
    }
    true
}

fn set(
    data: &mut Keyspace,
    key: &Bytes,
    value: &Bytes,
    options: &[Bytes],
    replies: &mut ReplyBuffer,
) {
    let (mut nx, mut xx, mut get) = (false, false, false);
    for option in options {
        match option.to_ascii_uppercase().as_slice() {
            b"NX" => nx = true,
            b"XX" => xx = true,
            b"GET" => get = true,
            _ => {
                replies.error(SYNTAX);
                return;
            }
        }
    }
    if nx && xx {
        replies.error(SYNTAX);
        return;
    }
    let old = text(data, key);
    if let (Err(line), true) = (&old, get) {
        replies.error(line);
        return;
    }
    let exists = data.contains(key);
    let is_held_back = (nx && exists) || (xx && !exists);
    if !is_held_back {
        data.set(key, Value::Text(copied(value)));
    }
    if get {
        give(old, replies);
    } else if is_held_back {
        replies.null();
    } else {
        replies.simple("OK");
    }
}

fn add(data: &mut Keyspace, key: &Bytes, by: Option<i64>, replies: &mut ReplyBuffer) {
    let sum = text(data, key).and_then(|old| {
        let old = old
            .map_or(Some(0), |text| number(&text))
            .ok_or(NO_INTEGER)?;
        old.checked_add(by.ok_or(NO_INTEGER)?).ok_or(OVERFLOW)
    });
    match sum {
        Ok(sum) => {
            data.set(key, Value::Text(sum.to_string().into()));
            replies.integer(sum)
        }
        Err(line) => replies.error(line),
    };
}

fn text(data: &Keyspace, key: &[u8]) -> Result<Option<Bytes>, &'static str> {
    match data.get(key) {
        None => Ok(None),
        Some(Value::Text(text)) => Ok(Some(text.clone())),
        Some(Value::Hash(_)) => Err(WRONGTYPE),
    }
}

fn give(found: Result<Option<Bytes>, &'static str>, replies: &mut ReplyBuffer) {
    match found {
        Ok(Some(text)) => replies.bulk(text),
        Ok(None) => replies.null(),
        Err(line) => replies.error(line),
    };
}

pub(super) fn number(text: &[u8]) -> Option<i64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

pub(super) fn length(len: usize) -> i64 {
    i64::try_from(len).unwrap_or(i64::MAX)
}

/// A copy that does not hold on to what the argument was read into.
pub(super) fn copied(text: &Bytes) -> Bytes {
    Bytes::copy_from_slice(text)
}
