//! What a struct becomes with HSET, HGETALL reads back.

use std::collections::BTreeMap;
use std::net::IpAddr;

use bytes::Bytes;
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use slotline_resp::{Reply, Serde, Value, to_args};

use super::hash;
use crate::properties::almost_resp;

/// Bytes as bytes: serde's own `Vec<u8>` is a sequence of numbers.
mod raw {
    use serde::de::{Deserializer, Error, Visitor};
    use serde::ser::Serializer;

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_bytes(bytes)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        struct Take;
        impl Visitor<'_> for Take {
            type Value = Vec<u8>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("bytes")
            }
            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
                Ok(bytes.to_vec())
            }
        }
        from.deserialize_byte_buf(Take)
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Level {
    Low,
    VeryHigh,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Id(u64);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Integers {
    i8: i8,
    i16: i16,
    i32: i32,
    i64: i64,
    i128: i128,
    u8: u8,
    u16: u16,
    u32: u32,
    u64: u64,
    u128: u128,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Others {
    f32: f32,
    f64: f64,
    truth: bool,
    letter: char,
    some_text: String,
    #[serde(with = "raw")]
    bytes: Vec<u8>,
    level: Level,
    id: Id,
    address: IpAddr,
    maybe_text: Option<String>,
    maybe_number: Option<i64>,
    maybe_truth: Option<bool>,
    maybe_level: Option<Level>,
    maybe_id: Option<Id>,
    #[serde(flatten)]
    rest: BTreeMap<String, String>,
}

fn integers() -> impl Strategy<Value = Integers> {
    let signed = (
        any::<i8>(),
        any::<i16>(),
        any::<i32>(),
        any::<i64>(),
        any::<i128>(),
    );
    let unsigned = (
        any::<u8>(),
        any::<u16>(),
        any::<u32>(),
        any::<u64>(),
        any::<u128>(),
    );
    (signed, unsigned).prop_map(|(s, u)| Integers {
        i8: s.0,
        i16: s.1,
        i32: s.2,
        i64: s.3,
        i128: s.4,
        u8: u.0,
        u16: u.1,
        u32: u.2,
        u64: u.3,
        u128: u.4,
    })
}

fn level() -> impl Strategy<Value = Level> {
    prop_oneof![Just(Level::Low), Just(Level::VeryHigh)]
}

fn others() -> impl Strategy<Value = Others> {
    // NaN is not equal to itself.
    let floats = (
        any::<f32>().prop_filter("nan", |n| !n.is_nan()),
        any::<f64>().prop_filter("nan", |n| !n.is_nan()),
    );
    let texts = (any::<char>(), any::<String>(), any::<Vec<u8>>());
    let types = (any::<bool>(), level(), any::<u64>(), any::<IpAddr>());
    let options = (
        any::<Option<String>>(),
        any::<Option<i64>>(),
        any::<Option<bool>>(),
        prop::option::of(level()),
        any::<Option<u64>>(),
    );
    let rest = prop::collection::btree_map("x-[a-z]{0,4}", any::<String>(), 0..4);
    (floats, texts, types, options, rest).prop_map(|(floats, texts, types, options, rest)| Others {
        f32: floats.0,
        f64: floats.1,
        letter: texts.0,
        some_text: texts.1,
        bytes: texts.2,
        truth: types.0,
        level: types.1,
        id: Id(types.2),
        address: types.3,
        maybe_text: options.0,
        maybe_number: options.1,
        maybe_truth: options.2,
        maybe_level: options.3,
        maybe_id: options.4.map(Id),
        rest,
    })
}

/// The reply to HGETALL after HSET, in every spelling.
fn stored<T: Serialize>(value: &T) -> [Reply; 4] {
    let list = to_args(value).unwrap();
    let args: Vec<&[u8]> = list.iter().collect();
    assert!(args.len().is_multiple_of(2));
    let pairs: Vec<(&[u8], &[u8])> = args.chunks(2).map(|pair| (pair[0], pair[1])).collect();
    hash(&pairs).map(|frame| Reply::from_frame(frame.into()).unwrap())
}

#[test]
fn a_none_within_a_newtype_comes_back_where_its_field_may_be_absent() {
    #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
    struct Note(Option<String>);
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[serde(transparent)]
    struct Clear(Option<i64>);
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Record {
        #[serde(default)]
        note: Note,
        clear: Clear,
    }
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Plain {
        note: Note,
    }
    let record = Record {
        note: Note(None),
        clear: Clear(None),
    };
    for reply in stored(&record) {
        assert_eq!(reply.deserialize(), Ok(record.clone()));
        let error = reply.deserialize::<Plain>().unwrap_err();
        assert!(error.to_string().contains("without the field `note`"));
    }
}

proptest! {
    #[test]
    fn integers_come_back_from_a_hash(value in integers()) {
        for reply in stored(&value) {
            prop_assert_eq!(reply.deserialize(), Ok(value.clone()));
            prop_assert_eq!(reply.decode(), Ok(Serde(value.clone())));
        }
    }

    #[test]
    fn everything_else_comes_back_from_a_hash(value in others()) {
        for reply in stored(&value) {
            prop_assert_eq!(reply.deserialize(), Ok(value.clone()));
            prop_assert_eq!(reply.decode(), Ok(Serde(value.clone())));
        }
    }

    #[test]
    fn any_bytes_into_any_type_never_panic(
        bytes in prop_oneof![almost_resp(), prop::collection::vec(any::<u8>(), 0..80)],
    ) {
        #[derive(Debug, Deserialize)]
        #[serde(untagged)]
        #[expect(dead_code, reason = "only the way there is looked at")]
        enum Any {
            Others(Box<Others>),
            Level(Level),
            List(Vec<Any>),
            Map(BTreeMap<String, Any>),
            Number(f64),
        }
        let reply = Reply::from_scanned(Bytes::from(bytes));
        let _ = reply.deserialize::<Others>();
        let _ = reply.deserialize::<Any>();
        let _ = reply.deserialize::<Vec<(Level, Option<Id>)>>();
        let _ = reply.deserialize::<BTreeMap<&str, [&[u8]; 2]>>();
        let _ = reply.deserialize::<Result<u128, bool>>();
        let _ = reply.deserialize::<serde_json::Value>();
        let _ = reply.deserialize::<(serde::de::IgnoredAny, i64)>();
        if let Ok(value) = reply.deserialize::<Value>() {
            prop_assert!(reply.value().is_ok());
            let _ = serde_json::to_string(&value);
        }
    }
}
