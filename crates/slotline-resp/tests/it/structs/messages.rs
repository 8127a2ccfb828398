//! What errors say, and what they never say.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroI8;
use std::time::Duration;

use serde::de::{DeserializeOwned, Error as _, Unexpected, value::U64Deserializer};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use slotline_resp::{Error, Value, to_args};

use super::{everything, reply};

const SECRETS: [&str; 2] = ["hunter2", "9876543"];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "it is never made")]
struct Strict {
    id: u8,
    #[serde(default)]
    kind: Option<Kind>,
}

#[derive(Debug, PartialEq, Eq, Hash, Deserialize)]
enum Kind {
    One,
    Two(u8),
    Three { x: u8 },
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
#[expect(dead_code, reason = "it is never made")]
enum Untagged {
    A(u8),
    B { x: u8 },
}

#[derive(Debug, Deserialize)]
#[serde(tag = "hunter")]
#[expect(dead_code, reason = "it is never made")]
enum Tagged {
    A { x: u8 },
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "it is never made")]
struct Flat {
    id: u8,
    #[serde(flatten)]
    rest: HashMap<String, u8>,
}

/// Quotes what it was given, as many types do.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct Loud;

impl TryFrom<String> for Loud {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        Err(format!("{text} is not allowed"))
    }
}

/// Takes only what nothing is.
#[derive(Debug)]
struct Never;

impl<'de> Deserialize<'de> for Never {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Refuse;
        impl serde::de::Visitor<'_> for Refuse {
            type Value = Never;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("nothing at all")
            }
        }
        deserializer.deserialize_i128(Refuse)
    }
}

/// Every frame is refused as a `T`, and the error gives nothing away.
#[track_caller]
fn silent<T: DeserializeOwned + std::fmt::Debug>(frames: &[String]) {
    for frame in frames {
        let Err(error) = reply(frame).deserialize::<T>() else {
            continue;
        };
        let said = everything(&error);
        for secret in SECRETS {
            assert!(!said.contains(secret), "{said}");
        }
    }
    let refused = |frame: &&String| reply(frame).deserialize::<T>().is_err();
    assert!(frames.iter().filter(refused).count() > frames.len() / 2);
}

#[test]
fn no_error_shows_a_key_or_a_value() {
    let scalars = [
        "$7\r\nhunter2\r\n",
        "+hunter2\r\n",
        "=11\r\ntxt:hunter2\r\n",
        "$?\r\n;7\r\nhunter2\r\n;0\r\n",
        ":9876543\r\n",
        ",9876543.5\r\n",
        "(98765430000000000000000000000000000000000000\r\n",
        "$7\r\n9876543\r\n",
    ];
    let mut frames = Vec::new();
    for scalar in scalars {
        frames.push(scalar.to_owned());
        frames.push(format!("*1\r\n{scalar}"));
        for open in ["*2\r\n", "%1\r\n", "~2\r\n"] {
            frames.push(format!("{open}{scalar}{scalar}"));
            frames.push(format!("{open}+id\r\n{scalar}"));
            frames.push(format!("{open}+Two\r\n{scalar}"));
            frames.push(format!("{open}+hunter\r\n{scalar}"));
            frames.push(format!("{open}+kind\r\n*2\r\n{scalar}{scalar}"));
            frames.push(format!(
                "{open}+kind\r\n*2\r\n+Three\r\n*2\r\n{scalar}{scalar}"
            ));
        }
    }
    silent::<u8>(&frames);
    silent::<i128>(&frames);
    silent::<f32>(&frames);
    silent::<bool>(&frames);
    silent::<char>(&frames);
    silent::<()>(&frames);
    silent::<NonZeroI8>(&frames);
    silent::<IpAddr>(&frames);
    silent::<SocketAddr>(&frames);
    silent::<Duration>(&frames);
    silent::<Strict>(&frames);
    silent::<Option<Kind>>(&frames);
    silent::<Vec<Kind>>(&frames);
    silent::<(Kind, u8)>(&frames);
    silent::<HashMap<Kind, Kind>>(&frames);
    silent::<BTreeMap<u8, u8>>(&frames);
    silent::<Untagged>(&frames);
    silent::<Tagged>(&frames);
    silent::<Flat>(&frames);
    silent::<Loud>(&frames);
    silent::<Vec<Loud>>(&frames);
    silent::<Never>(&frames);
    silent::<[bool; 2]>(&frames);
}

#[test]
fn what_a_visitor_does_not_take_is_named_by_its_type() {
    for (frame, message) in [
        (":5\r\n", "cannot decode a value as nothing at all"),
        ("$1\r\n5\r\n", "cannot decode a value as nothing at all"),
        (
            "+x\r\n",
            "cannot decode a string that is not one as an i128",
        ),
    ] {
        let error = reply(frame).deserialize::<Never>().unwrap_err();
        assert_eq!(error.to_string(), message);
    }
    // serde's own deserializers with this crate's error say the same.
    let from = U64Deserializer::<Error>::new(9_876_543);
    let error = u8::deserialize(from).unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot decode an integer that is not one as u8"
    );
}

#[test]
fn every_unexpected_thing_has_a_name() {
    for (found, name) in [
        (Unexpected::Bool(true), "a boolean"),
        (Unexpected::Signed(1), "an integer"),
        (Unexpected::Unsigned(1), "an integer"),
        (Unexpected::Float(1.0), "a double"),
        (Unexpected::Char('x'), "a string"),
        (Unexpected::Str("x"), "a string"),
        (Unexpected::Bytes(b"x"), "a string of bytes"),
        (Unexpected::Unit, "nil (for nil, ask for an Option)"),
        (Unexpected::Option, "an optional value"),
        (Unexpected::NewtypeStruct, "a newtype"),
        (Unexpected::Seq, "an array"),
        (Unexpected::Map, "a map"),
        (Unexpected::Enum, "an enum"),
        (Unexpected::UnitVariant, "a variant without content"),
        (Unexpected::NewtypeVariant, "a variant with one value"),
        (Unexpected::TupleVariant, "a variant with a tuple"),
        (Unexpected::StructVariant, "a variant with fields"),
        (Unexpected::Other("x"), "a value"),
    ] {
        let error = Error::invalid_type(found, &"another");
        assert_eq!(
            error.to_string(),
            format!("cannot decode {name} as another")
        );
        assert!(error.is_type_mismatch());
        let error = Error::invalid_value(found, &"another");
        assert_eq!(
            error.to_string(),
            format!("cannot decode {name} that is not one as another")
        );
    }
}

#[test]
fn what_cannot_be_an_argument_is_not_shown_either() {
    /// Quotes itself.
    struct Loud;
    impl Serialize for Loud {
        fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("hunter2 is not allowed"))
        }
    }
    #[derive(Serialize)]
    struct Row {
        loud: Loud,
    }
    let error = to_args(&Row { loud: Loud }).unwrap_err();
    let message = "cannot encode a value that its type refuses as an argument at loud";
    assert_eq!(error.to_string(), message);
    let map = HashMap::from([("hunter2", vec!["hunter2"])]);
    let list = to_args(&["hunter2"]).unwrap();
    let tree = Value::Array([Value::Null].into());
    let within = to_args(&HashMap::from([("hunter2", tree)])).unwrap_err();
    for said in [
        everything(&error),
        everything(&to_args(&map).unwrap_err()),
        everything(&within),
        format!("{list:?}"),
    ] {
        assert!(!said.contains("hunter2"), "{said}");
    }
}
