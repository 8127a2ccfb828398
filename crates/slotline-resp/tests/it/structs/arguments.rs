use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::net::IpAddr;

use allocation_counter::measure;
use serde::Serialize;
use slotline_resp::{CommandBuffer, Value, to_args};

#[track_caller]
fn check<T: Serialize + ?Sized>(value: &T, expected: &[&str]) {
    let list = to_args(value).unwrap();
    let args: Vec<_> = list.iter().map(String::from_utf8_lossy).collect();
    assert_eq!(args, expected);
    assert_eq!(list.len(), expected.len());
    assert_eq!(list.is_empty(), expected.is_empty());
    // As a command has it, twice, and as keys.
    let mut by_hand = CommandBuffer::new();
    by_hand.begin_named("X").args(expected).args(expected);
    let mut buffer = CommandBuffer::new();
    buffer.begin_named("X").args(&list).args(&list);
    assert_eq!(buffer.freeze().to_vec(), by_hand.freeze().to_vec());
    let mut buffer = CommandBuffer::new();
    buffer.begin_named("X").keys(&list);
    let commands = buffer.freeze();
    assert_eq!(commands.get(0).unwrap().keys().count(), expected.len());
}

#[track_caller]
fn refuse<T: Serialize + ?Sized>(value: &T, message: &str) {
    let error = to_args(value).unwrap_err();
    assert!(error.is_type_mismatch());
    assert_eq!(error.to_string(), format!("cannot encode {message}"));
}

#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "UPPERCASE")]
enum Expiry {
    KeepTtl,
    Ex(u64),
    Between(u64, u64),
    Limit { offset: u64, count: Option<u64> },
}

#[derive(Serialize)]
struct Id(u64);

#[derive(Serialize)]
struct Maybe(Option<Id>);

#[derive(Serialize)]
struct Unit;

struct Raw(&'static [u8]);

impl Serialize for Raw {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

#[test]
fn scalars_are_one_argument() {
    check("text", &["text"]);
    check(&'é', &["é"]);
    check(&true, &["1"]);
    check(&false, &["0"]);
    check(&-1_i8, &["-1"]);
    check(&u64::MAX, &["18446744073709551615"]);
    check(&i128::MIN, &["-170141183460469231731687303715884105728"]);
    check(&1.5_f32, &["1.5"]);
    check(&-0.1_f64, &["-0.1"]);
    check(&f64::NEG_INFINITY, &["-inf"]);
    check(&Raw(b"a\r\n"), &["a\r\n"]);
    check(&Id(7), &["7"]);
    check(&Maybe(Some(Id(7))), &["7"]);
    check(&Expiry::KeepTtl, &["KEEPTTL"]);
    check(&IpAddr::from([192, 0, 2, 1]), &["192.0.2.1"]);
    check(&Value::Int(5), &["5"]);
}

#[test]
fn what_is_none_is_not_there() {
    check(&None::<u8>, &[]);
    check(&Some(Some(5)), &["5"]);
    check(&Maybe(None), &[]);
    check(&(1, None::<u8>, 2), &["1", "2"]);
    check(&[Some(1), None], &["1"]);
    check(&Value::Null, &[]);
    check(&BTreeMap::from([("a", None), ("b", Some(1))]), &["b", "1"]);
}

#[test]
fn sequences_and_tuples_are_their_elements() {
    check(&[1, 2, 3], &["1", "2", "3"]);
    check::<[u8]>(&[], &[]);
    check(&(1, "a", true), &["1", "a", "1"]);
    check(&[(1.5, "a"), (2.0, "b")], &["1.5", "a", "2.0", "b"]);
    check(&("k", BTreeMap::from([("f", 1)])), &["k", "f", "1"]);
    check(&[Id(1), Id(2)], &["1", "2"]);
}

#[test]
fn a_variant_is_its_name_and_then_its_content() {
    check(&Expiry::Ex(60), &["EX", "60"]);
    check(&Expiry::Between(1, 2), &["BETWEEN", "1", "2"]);
    let limit = Expiry::Limit {
        offset: 0,
        count: Some(5),
    };
    check(&limit, &["LIMIT", "offset", "0", "count", "5"]);
    check(&("k", "v", Some(Expiry::Ex(60))), &["k", "v", "EX", "60"]);
}

#[test]
fn structs_and_maps_are_fields_and_values() {
    #[derive(Serialize)]
    struct User<'a> {
        name: &'a str,
        #[serde(rename = "AGE")]
        age: u8,
        email: Option<&'a str>,
        expiry: Expiry,
        maybe: Maybe,
        #[serde(skip)]
        _skipped: Vec<u8>,
        #[serde(flatten)]
        rest: BTreeMap<&'a str, f64>,
    }
    let user = User {
        name: "",
        age: 30,
        email: None,
        expiry: Expiry::KeepTtl,
        maybe: Maybe(None),
        _skipped: vec![],
        rest: BTreeMap::from([("x", 1.5)]),
    };
    check(
        &user,
        &["name", "", "AGE", "30", "expiry", "KEEPTTL", "x", "1.5"],
    );
    check(&BTreeMap::from([(2, "b"), (1, "a")]), &["1", "a", "2", "b"]);
    check(&BTreeMap::from([(false, true)]), &["0", "1"]);
    let map = Value::Map([("a", 1), ("b", 2)].map(pair).into());
    check(&map, &["a", "1", "b", "2"]);
}

#[test]
fn a_large_argument_is_shared_with_the_command() {
    let list = to_args(&[("small", "x".repeat(100)), ("large", "y".repeat(1 << 20))]).unwrap();
    let made = measure(|| {
        let mut buffer = CommandBuffer::new();
        buffer.begin_named("HSET").key("k").args(&list);
        let command = buffer.freeze();
        assert!(command.byte_len() > 1 << 20);
    });
    assert!(made.bytes_total < 16 << 10, "{} bytes", made.bytes_total);
}

fn pair((key, n): (&'static str, i64)) -> (Value, Value) {
    (Value::Simple(key.into()), Value::Int(n))
}

#[test]
fn what_has_no_flat_spelling_is_an_error_that_names_the_field() {
    #[derive(Serialize)]
    struct Row<T> {
        id: u8,
        part: T,
    }
    let row = |part| Row { id: 1, part };
    refuse(&row(vec![1]), "a sequence as one argument at part");
    refuse(
        &Row {
            id: 1,
            part: (1, 2),
        },
        "a tuple as one argument at part",
    );
    refuse(
        &Row {
            id: 1,
            part: Some(vec![1]),
        },
        "a sequence as one argument at part",
    );
    refuse(
        &Row {
            id: 1,
            part: row(vec![1]),
        },
        "a struct as one argument at part",
    );
    let map = BTreeMap::from([("a", 1)]);
    refuse(&Row { id: 1, part: map }, "a map as one argument at part");
    for expiry in [
        Expiry::Ex(1),
        Expiry::Between(1, 2),
        Expiry::Limit {
            offset: 0,
            count: None,
        },
    ] {
        let message = "a variant with content as one argument at part";
        refuse(
            &Row {
                id: 1,
                part: expiry,
            },
            message,
        );
    }
    refuse(&Row { id: 1, part: () }, "a unit as an argument at part");
    refuse(&Row { id: 1, part: Unit }, "a unit as an argument at part");
    let nothing = PhantomData::<u8>;
    refuse(
        &Row {
            id: 1,
            part: nothing,
        },
        "a unit as an argument at part",
    );
    refuse(&(), "a unit as an argument");
    refuse(&[row(vec![1])], "a sequence as one argument at [0].part");
    let keys = BTreeMap::from([(vec![1], 1)]);
    refuse(&keys, "a sequence as one argument at [0]");
    refuse(&BTreeMap::from([(None::<u8>, 1)]), "nil as a key at [0]");
    let map = BTreeMap::from([(1, vec![]), (2, vec![1])]);
    refuse(&map, "a sequence as one argument at [0]");
    let error = Value::Error {
        code: "ERR".into(),
        message: "no".into(),
    };
    refuse(
        &row_of(error),
        "a variant with content as one argument at part",
    );

    fn row_of<T>(part: T) -> Row<T> {
        Row { id: 1, part }
    }
}
