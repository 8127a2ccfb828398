//! [`Value`] in and out of any serde format.

use std::fmt;

use serde_core::de::{
    self, Deserialize, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor,
};
use serde_core::ser::{self, Serialize, Serializer};

use super::DEEPEST;
use crate::value::Value;

fn too_deep() -> String {
    format!("nesting depth exceeds the limit of {DEEPEST}")
}

/// A tree, or a branch of one, that may have `deeper` levels.
struct Branch<'v> {
    value: &'v Value,
    deeper: u32,
}

/// Each kind as the serde type that is nearest to it:
///
/// | value | serialised as |
/// |---|---|
/// | `Null` | none |
/// | `Bool`, `Int`, `Double` | a boolean, an `i64`, an `f64` |
/// | `Simple`, `Verbatim` (its text), `BigNumber` (its digits) | a string |
/// | `Bulk` | a string if UTF-8, else bytes |
/// | `Array`, `Set`, `Push` | a sequence |
/// | `Map` | a map, repeated keys included |
/// | `Error` | a variant `error` with the error's line, so that it does not pass for a string: `{"error":"ERR no"}` in JSON |
///
/// A format may have rules of its own: JSON takes no key that is an array, and
/// has no infinity.
///
/// ```
/// use slotline_resp::{Reply, Value};
///
/// let reply = Reply::from_frame("%1\r\n+a\r\n*2\r\n:1\r\n-ERR no\r\n".into())?;
/// let json = serde_json::to_string(&reply.value()?).unwrap();
/// assert_eq!(json, r#"{"a":[1,{"error":"ERR no"}]}"#);
///
/// let value: Value = serde_json::from_str(r#"{"a": [1, null]}"#).unwrap();
/// assert_eq!(value.get("a").unwrap().as_slice().unwrap()[1], Value::Null);
/// # Ok::<(), slotline_resp::Error>(())
/// ```
///
/// # Errors
///
/// Those of the format, and for a nest deeper than
/// [`DEEPEST`](crate::structs::DEEPEST): serde recurses, and a stack is small.
impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let deeper = DEEPEST;
        Branch {
            value: self,
            deeper,
        }
        .serialize(serializer)
    }
}

impl Branch<'_> {
    fn inner<E: ser::Error>(&self) -> Result<u32, E> {
        self.deeper
            .checked_sub(1)
            .ok_or_else(|| E::custom(too_deep()))
    }
}

impl Serialize for Branch<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.value {
            Value::Null => serializer.serialize_none(),
            Value::Bool(truth) => serializer.serialize_bool(*truth),
            Value::Int(n) => serializer.serialize_i64(*n),
            Value::Double(n) => serializer.serialize_f64(*n),
            Value::Simple(text) | Value::BigNumber(text) | Value::Verbatim { text, .. } => {
                serializer.serialize_str(text)
            }
            Value::Bulk(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => serializer.serialize_str(text),
                Err(_) => serializer.serialize_bytes(bytes),
            },
            Value::Error { code, message } if message.is_empty() => {
                serializer.serialize_newtype_variant("Value", 0, "error", code)
            }
            Value::Error { code, message } => {
                let line = format_args!("{code} {message}");
                serializer.serialize_newtype_variant("Value", 0, "error", &line)
            }
            Value::Array(all) | Value::Set(all) | Value::Push(all) => {
                let deeper = self.inner()?;
                serializer.collect_seq(all.iter().map(|value| Branch { value, deeper }))
            }
            Value::Map(pairs) => {
                let deeper = self.inner()?;
                let branch = |value| Branch { value, deeper };
                serializer.collect_map(
                    pairs
                        .iter()
                        .map(|(key, value)| (branch(key), branch(value))),
                )
            }
        }
    }
}

/// From any format that says what it holds: none and units are `Null`,
/// integers beyond an `i64` `BigNumber`, strings and bytes `Bulk`. Out of a
/// reply, [`decode`](crate::Reply::decode) keeps the kinds that serde does not
/// have.
///
/// # Errors
///
/// Those of the format, and for a nest deeper than
/// [`DEEPEST`](crate::structs::DEEPEST).
impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Grow { deeper: DEEPEST }.deserialize(deserializer)
    }
}

/// Makes a tree that may have `deeper` levels.
#[derive(Clone, Copy)]
struct Grow {
    deeper: u32,
}

impl Grow {
    fn inner<E: de::Error>(self) -> Result<Self, E> {
        match self.deeper.checked_sub(1) {
            Some(deeper) => Ok(Self { deeper }),
            None => Err(E::custom(too_deep())),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Grow {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Grow {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, inside: D) -> Result<Value, D::Error> {
        self.inner()?.deserialize(inside)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inside: D) -> Result<Value, D::Error> {
        self.inner()?.deserialize(inside)
    }

    fn visit_bool<E: de::Error>(self, truth: bool) -> Result<Value, E> {
        Ok(Value::Bool(truth))
    }

    fn visit_i64<E: de::Error>(self, n: i64) -> Result<Value, E> {
        Ok(Value::Int(n))
    }

    fn visit_u64<E: de::Error>(self, n: u64) -> Result<Value, E> {
        Ok(i64::try_from(n).map_or_else(|_| Value::BigNumber(n.to_string()), Value::Int))
    }

    fn visit_i128<E: de::Error>(self, n: i128) -> Result<Value, E> {
        Ok(i64::try_from(n).map_or_else(|_| Value::BigNumber(n.to_string()), Value::Int))
    }

    fn visit_u128<E: de::Error>(self, n: u128) -> Result<Value, E> {
        Ok(i64::try_from(n).map_or_else(|_| Value::BigNumber(n.to_string()), Value::Int))
    }

    fn visit_f64<E: de::Error>(self, n: f64) -> Result<Value, E> {
        Ok(Value::Double(n))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Value, E> {
        self.visit_string(text.to_owned())
    }

    fn visit_string<E: de::Error>(self, text: String) -> Result<Value, E> {
        Ok(Value::Bulk(text.into()))
    }

    fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Value, E> {
        self.visit_byte_buf(bytes.to_vec())
    }

    fn visit_byte_buf<E: de::Error>(self, bytes: Vec<u8>) -> Result<Value, E> {
        Ok(Value::Bulk(bytes.into()))
    }

    // Nothing is reserved on the word of a format that this crate does not know.

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut all = Vec::new();
        while let Some(element) = elements.next_element_seed(inner)? {
            all.push(element);
        }
        Ok(Value::Array(all.into()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut pairs = Vec::new();
        while let Some(pair) = entries.next_entry_seed(inner, inner)? {
            pairs.push(pair);
        }
        Ok(Value::Map(pairs.into()))
    }
}
