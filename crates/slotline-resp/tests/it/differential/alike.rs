//! Which values are the same although they look different: what a peer's type
//! cannot hold is taken out of ours, and what has no order is put in one.

use slotline_resp::{Protocol, Value};

use super::encode;
use super::peers::Peer;

/// A value as far as `peer` can tell it.
pub(super) fn alike(value: &Value, peer: Peer) -> Value {
    let each = |all: &[Value]| {
        all.iter()
            .map(|value| alike(value, peer))
            .collect::<Vec<_>>()
    };
    match value {
        // Not equal to itself.
        Value::Double(n) if n.is_nan() => Value::Simple("nan".to_owned()),
        Value::BigNumber(digits) if peer == Peer::Redis => Value::BigNumber(shortest(digits)),
        Value::Array(all) => Value::Array(each(all).into()),
        Value::Push(all) => {
            let mut all = each(all);
            // Its kind of a push does not remember which string it was.
            if let (Peer::Redis, Some(Value::Simple(kind))) = (peer, all.first()) {
                all[0] = Value::Bulk(kind.clone().into());
            }
            Value::Push(all.into())
        }
        Value::Set(all) => {
            let mut all = each(all);
            if peer == Peer::ProtocolResp3 {
                all.sort_by_cached_key(bytes);
            }
            Value::Set(all.into())
        }
        Value::Map(pairs) => {
            let pairs = pairs.iter();
            let mut pairs: Vec<_> = pairs
                .map(|(key, value)| (alike(key, peer), alike(value, peer)))
                .collect();
            if peer == Peer::ProtocolResp3 {
                pairs.sort_by_cached_key(|(key, value)| (bytes(key), bytes(value)));
            }
            Value::Map(pairs.into())
        }
        other => other.clone(),
    }
}

/// A big number without a plus and leading zeros.
fn shortest(digits: &str) -> String {
    let (sign, digits) = match digits.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", digits.strip_prefix('+').unwrap_or(digits)),
    };
    match digits.trim_start_matches('0') {
        "" => "0".to_owned(),
        digits => format!("{sign}{digits}"),
    }
}

fn bytes(value: &Value) -> Vec<u8> {
    encode(value, Protocol::Resp3)
}

/// Whether `test` holds of the value or of anything in it.
pub(super) fn any(value: &Value, test: fn(&Value) -> bool) -> bool {
    test(value)
        || match value {
            Value::Array(all) | Value::Set(all) | Value::Push(all) => {
                all.iter().any(|value| any(value, test))
            }
            Value::Map(pairs) => {
                let mut pairs = pairs.iter();
                pairs.any(|(key, value)| any(key, test) || any(value, test))
            }
            _ => false,
        }
}

/// Whether a set has the same member twice, or a map the same key.
pub(super) fn repeats(value: &Value) -> bool {
    let key = |value: &Value| match value {
        // Equal to the other zero.
        Value::Double(0.0) => bytes(&Value::Double(0.0)),
        other => bytes(other),
    };
    let mut keys: Vec<_> = match value {
        Value::Set(all) => all.iter().map(key).collect(),
        Value::Map(pairs) => pairs.iter().map(|(of_pair, _)| key(of_pair)).collect(),
        _ => return false,
    };
    let all = keys.len();
    keys.sort();
    keys.dedup();
    keys.len() < all
}
