//! Nests of any depth on a stack of 2 MiB, the tests' own.

use std::collections::BTreeMap;

use serde::de::value::{Error as Plain, SeqDeserializer};
use serde::de::{DeserializeOwned, IntoDeserializer, Visitor};
use serde::{Deserialize, Deserializer, Serialize, forward_to_deserialize_any};
use slotline_resp::structs::DEEPEST;
use slotline_resp::{Error, Reply, Value, to_args};

/// The nest of so many `open`s, and the deepest of them that is a `T`.
#[track_caller]
fn check<T: DeserializeOwned + Send + 'static>(open: &str, inside: &str, deepest: usize) {
    let nest = |levels: usize| {
        // As the reply to a client whose limits are wide.
        Reply::from_scanned(format!("{}{inside}", open.repeat(levels)).into())
    };
    let (last, first_too_deep) = (nest(deepest), nest(deepest + 1));
    let far_too_deep = nest(100_000);
    small_stack(move || {
        last.deserialize::<T>().map(drop).unwrap();
        for reply in [first_too_deep, far_too_deep] {
            let error = reply.deserialize::<T>().map(drop).unwrap_err();
            assert!(error.is_limit(), "{error}");
            assert!(
                error
                    .to_string()
                    .starts_with("nesting depth exceeds the limit of 128 at byte")
            );
        }
    });
}

#[track_caller]
fn small_stack(test: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(2 << 20);
    thread.spawn(test).unwrap().join().unwrap();
}

const LEVELS: usize = DEEPEST as usize;

#[derive(Deserialize)]
#[expect(dead_code, reason = "only its depth is looked at")]
struct Chain {
    a: Option<String>,
    b: Option<String>,
    c: Option<String>,
    d: Option<String>,
    next: Option<Box<Chain>>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "only its depth is looked at")]
struct Tree(u8, Vec<Tree>);

#[derive(Deserialize)]
#[expect(dead_code, reason = "only its depth is looked at")]
enum Step {
    Last,
    On(Box<Step>),
}

#[derive(Deserialize)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its depth is looked at")]
enum Either {
    Number(i64),
    List(Vec<Either>),
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "only its depth is looked at")]
struct Flat {
    #[serde(flatten)]
    rest: BTreeMap<String, Flat>,
}

/// Every value but nil is one more newtype and option around itself.
#[derive(Deserialize)]
#[expect(dead_code, reason = "it is never made")]
struct Endless(Option<Box<Endless>>);

#[test]
fn nested_types_end_at_the_bound() {
    check::<Value>("*1\r\n", ":1\r\n", LEVELS);
    check::<Value>("%1\r\n+a\r\n", ":1\r\n", LEVELS);
    check::<serde_json::Value>("*1\r\n", ":1\r\n", LEVELS);
    check::<Either>("*1\r\n", ":1\r\n", LEVELS);
    check::<Flat>("%1\r\n+a\r\n", "%0\r\n", LEVELS - 1);
    check::<Step>("*2\r\n+On\r\n", "+Last\r\n", LEVELS);
    check::<Step>("%1\r\n+On\r\n", "+Last\r\n", LEVELS);
    // Two levels each: struct and option, tuple and list.
    check::<Chain>("%1\r\n+next\r\n", "_\r\n", LEVELS / 2);
    check::<Chain>("*2\r\n+next\r\n", "_\r\n", LEVELS / 2);
    check::<Tree>("*2\r\n:1\r\n*1\r\n", "*2\r\n:1\r\n*0\r\n", LEVELS / 2 - 1);
}

/// There is no such value.
#[derive(Deserialize)]
#[expect(dead_code, reason = "it is never made")]
struct Impossible(Box<Impossible>);

#[test]
fn a_type_that_nests_without_bytes_ends_too() {
    small_stack(|| {
        let reply = Reply::from_frame(":1\r\n".into()).unwrap();
        let error = reply.deserialize::<Endless>().map(drop).unwrap_err();
        assert!(error.is_limit(), "{error}");
        let error = reply.deserialize::<Impossible>().map(drop).unwrap_err();
        assert!(error.is_limit(), "{error}");
        let nil = Reply::from_frame("_\r\n".into()).unwrap();
        assert!(nil.deserialize::<Endless>().is_ok());
    });
}

#[test]
fn what_nobody_asked_for_is_skipped_however_deep() {
    #[derive(Deserialize)]
    struct Row {
        id: u8,
    }
    let deep = format!(
        "%2\r\n+x\r\n{}:1\r\n+id\r\n:7\r\n",
        "*1\r\n".repeat(100_000)
    );
    small_stack(move || {
        let row: Row = Reply::from_scanned(deep.into()).deserialize().unwrap();
        assert_eq!(row.id, 7);
    });
}

fn array(levels: usize) -> Value {
    let wrap = |inner, _| Value::Array([inner].into());
    (0..levels).fold(Value::Int(1), wrap)
}

fn map(levels: usize) -> Value {
    let wrap = |inner, _| {
        let pair = (Value::Simple("a".into()), inner);
        Value::Map([pair].into())
    };
    (0..levels).fold(Value::Int(1), wrap)
}

#[test]
fn a_value_of_any_depth_serialises_or_is_refused() {
    small_stack(|| {
        for nest in [array, map] {
            let last = nest(LEVELS);
            let text = serde_json::to_string(&last).unwrap();
            assert!(text.contains('1'));
            for levels in [LEVELS + 1, 100_000] {
                let deep = nest(levels);
                let error = serde_json::to_string(&deep).unwrap_err();
                assert_eq!(error.to_string(), "nesting depth exceeds the limit of 128");
                assert!(serde_json::to_value(&deep).is_err());
                assert!(to_args(&deep).is_err());
            }
        }
        assert_eq!(to_args(&array(LEVELS)).unwrap().len(), 1);
    });
}

/// What a format would be that nests forever, by sequences or by options.
#[derive(Clone, Copy)]
struct Bottomless {
    options: bool,
}

impl<'de> Deserializer<'de> for Bottomless {
    type Error = Plain;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Plain> {
        match self.options {
            true => visitor.visit_some(self),
            false => visitor.visit_seq(SeqDeserializer::new(std::iter::once(self))),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        option unit unit_struct newtype_struct seq tuple tuple_struct map struct enum
        identifier ignored_any
    }
}

impl IntoDeserializer<'_, Plain> for Bottomless {
    type Deserializer = Self;
    fn into_deserializer(self) -> Self {
        self
    }
}

#[test]
fn a_value_out_of_a_nest_of_any_depth_is_refused() {
    small_stack(|| {
        for options in [false, true] {
            let error = Value::deserialize(Bottomless { options }).unwrap_err();
            assert_eq!(error.to_string(), "nesting depth exceeds the limit of 128");
        }
        let json = |levels| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(serde_json::from_str::<Value>(&json(100)).is_ok());
        assert!(serde_json::from_str::<Value>(&json(100_000)).is_err());
    });
}

#[test]
fn arguments_nest_no_deeper_than_the_bound() {
    #[derive(Serialize)]
    struct List(Vec<List>);
    /// Serialises as itself in a newtype, forever.
    struct Loop;
    impl Serialize for Loop {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.serialize_newtype_struct("Loop", self)
        }
    }
    fn is_too_deep(error: &Error) -> bool {
        error
            .to_string()
            .starts_with("cannot encode a nest that is too deep as arguments")
    }
    small_stack(|| {
        let nest = |levels| (1..levels).fold(List(vec![]), |inner, _| List(vec![inner]));
        // A newtype and a sequence each.
        assert!(to_args(&nest(LEVELS / 2)).unwrap().is_empty());
        assert!(is_too_deep(&to_args(&nest(LEVELS / 2 + 1)).unwrap_err()));
        assert!(is_too_deep(&to_args(&Loop).unwrap_err()));
        assert!(is_too_deep(
            &to_args(&BTreeMap::from([("a", Loop)])).unwrap_err()
        ));
    });
}
