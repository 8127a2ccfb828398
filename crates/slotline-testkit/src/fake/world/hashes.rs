//! Hashes, and what is asked of keys of any type.

use bytes::Bytes;
use slotline_resp::ReplyBuffer;

use super::keyspace::{Keyspace, Value};
use super::strings::{NO_INTEGER, WRONGTYPE, copied, length, number};

type Fields = Vec<(Bytes, Bytes)>;

/// Answers what is a command on hashes or on keys; whether it is one.
pub(super) fn answer(
    data: &mut Keyspace,
    name: &str,
    args: &[Bytes],
    replies: &mut ReplyBuffer,
) -> bool {
    match (name, args) {
        ("DEL" | "UNLINK", keys @ [_, ..]) => {
            let removed = keys.iter().filter(|key| data.remove(key)).count();
            replies.integer(length(removed));
        }
        ("EXISTS", keys @ [_, ..]) => {
            let found = keys.iter().filter(|key| data.contains(key)).count();
            replies.integer(length(found));
        }
        ("TYPE", [key]) => {
            replies.simple(match data.get(key) {
                None => "none",
                Some(Value::Text(_)) => "string",
                Some(Value::Hash(_)) => "hash",
            });
        }
        ("DBSIZE", []) => {
            replies.integer(length(data.len()));
        }
        ("FLUSHALL" | "FLUSHDB", []) => {
            data.clear();
            replies.simple("OK");
        }
        ("HSET", [key, pairs @ ..]) if !pairs.is_empty() && pairs.len().is_multiple_of(2) => {
            let pairs: Vec<(&Bytes, &Bytes)> = pairs
                .chunks_exact(2)
                .filter_map(|pair| Some((pair.first()?, pair.get(1)?)))
                .collect();
            on_hash(data, key, replies, |fields, replies| {
                let new = pairs
                    .iter()
                    .filter(|(field, value)| put(fields, field, value));
                replies.integer(length(new.count()));
                true
            });
        }
        ("HGET", [key, field]) => on_hash(data, key, replies, |fields, replies| {
            match find(fields, field) {
                Some(value) => replies.bulk(value),
                None => replies.null(),
            };
            false
        }),
        ("HMGET", [key, wanted @ ..]) if !wanted.is_empty() => {
            on_hash(data, key, replies, |fields, replies| {
                replies.array(wanted.len());
                for field in wanted {
                    match find(fields, field) {
                        Some(value) => replies.bulk(value),
                        None => replies.null(),
                    };
                }
                false
            });
        }
        ("HGETALL", [key]) => on_hash(data, key, replies, |fields, replies| {
            replies.map(fields.len());
            for (field, value) in fields.iter() {
                replies.bulk(field).bulk(value);
            }
            false
        }),
        ("HLEN", [key]) => on_hash(data, key, replies, |fields, replies| {
            replies.integer(length(fields.len()));
            false
        }),
        ("HDEL", [key, gone @ ..]) if !gone.is_empty() => {
            on_hash(data, key, replies, |fields, replies| {
                let before = fields.len();
                fields.retain(|(field, _)| !gone.contains(field));
                replies.integer(length(before - fields.len()));
                fields.len() < before
            });
        }
        ("HINCRBY", [key, field, by]) => on_hash(data, key, replies, |fields, replies| {
            let old = find(fields, field).map_or(Some(0), |text| number(text));
            let sum = match (old, number(by)) {
                (_, None) => Err(NO_INTEGER),
                (None, _) => Err("ERR hash value is not an integer"),
                (Some(old), Some(by)) => old
                    .checked_add(by)
                    .ok_or("ERR increment or decrement would overflow"),
            };
            match sum {
                Ok(sum) => {
                    put(fields, field, &sum.to_string().into());
                    replies.integer(sum);
                    true
                }
                Err(line) => {
                    replies.error(line);
                    false
                }
            }
        }),
        _ => return false,
    }
    true
}

/// Does something with a hash, an empty one if there is none; `act` says whether
/// it has changed it.
fn on_hash(
    data: &mut Keyspace,
    key: &Bytes,
    replies: &mut ReplyBuffer,
    act: impl FnOnce(&mut Fields, &mut ReplyBuffer) -> bool,
) {
    let mut fields = match data.get(key) {
        Some(Value::Text(_)) => {
            replies.error(WRONGTYPE);
            return;
        }
        Some(Value::Hash(fields)) => fields.clone(),
        None => Fields::new(),
    };
    if !act(&mut fields, replies) {
        return;
    }
    if fields.is_empty() {
        data.remove(key);
    } else {
        data.set(key, Value::Hash(fields));
    }
}

fn find<'a>(fields: &'a Fields, field: &[u8]) -> Option<&'a Bytes> {
    let found = fields.iter().find(|(own, _)| own.as_ref() == field);
    found.map(|(_, value)| value)
}

/// Whether the field is new.
fn put(fields: &mut Fields, field: &Bytes, value: &Bytes) -> bool {
    let value = copied(value);
    match fields.iter_mut().find(|(own, _)| own == field) {
        Some((_, old)) => {
            *old = value;
            false
        }
        None => {
            fields.push((copied(field), value));
            true
        }
    }
}
