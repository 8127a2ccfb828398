//! Each type that `DEBUG PROTOCOL` can send.

use bytes::Bytes;
use slotline_resp::{Error, FromReply, FromReplyOwned, Reply, ReplyKind, Value};
use slotline_tests::server;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::fmt::Debug;

use crate::connection::{Connection, Resp2, Resp3, in_both};
use crate::values::{array, big, bulk, double, int, map, push, set, verbatim};

/// 3.141, which the linter would rather have as π.
const SAMPLE: f64 = 3141.0 / 1000.0;
const BIG: &str = "1234567999999999999999999999999999999";
const AFTER_PUSH: &str = "Some real reply following the push reply";
const AFTER_ATTRIBUTE: &str = "Some real reply following the attribute";
const LINES: &str = "This is a verbatim\nstring";

fn numbers() -> [Value; 3] {
    [int(0), int(1), int(2)]
}

/// What a type is answered with in RESP2 and in RESP3.
fn table() -> [(&'static str, Value, Value); 12] {
    let flags = [int(0), int(0), int(1), int(1), int(2), int(0)];
    let pairs = [
        (int(0), Value::Bool(false)),
        (int(1), Value::Bool(true)),
        (int(2), Value::Bool(false)),
    ];
    let hello = || bulk("Hello World");
    let attributed = || bulk(AFTER_ATTRIBUTE);
    [
        ("string", hello(), hello()),
        ("integer", int(12345), int(12345)),
        ("double", bulk("3.141"), double(SAMPLE)),
        ("null", Value::Null, Value::Null),
        ("array", array(numbers()), array(numbers())),
        ("set", array(numbers()), set(numbers())),
        ("map", array(flags), map(pairs)),
        ("attrib", attributed(), attributed()),
        ("verbatim", bulk(LINES), verbatim("txt", LINES)),
        ("true", int(1), Value::Bool(true)),
        ("false", int(0), Value::Bool(false)),
        ("bignum", bulk(BIG), big(BIG)),
    ]
}

async fn sample(connection: &mut Connection, name: &str) -> Reply {
    connection.ask(&["DEBUG", "PROTOCOL", name]).await
}

#[tokio::test]
async fn each_type_is_the_value_that_debug_protocol_is_known_to_send() {
    in_both(async |connection| {
        for (name, resp2, resp3) in table() {
            let expected = connection.either(resp2, resp3);
            let reply = sample(connection, name).await;
            assert_eq!(reply.value(), Ok(expected.clone()), "{name}");
            assert_eq!(reply.kind(), expected.kind(), "{name}");
            assert_eq!(reply.decode(), Ok(expected), "{name}");
        }
    })
    .await;
}

#[tokio::test]
async fn no_type_is_missing_from_the_table() {
    in_both(async |connection| {
        let reply = sample(connection, "no such type").await;
        let error = reply.error().expect("there is none of that name");
        // It ends in a list of those that there are.
        let message = error.message();
        let (_, known) = message.rsplit_once(": ").expect("a list");
        let mut known: Vec<&str> = known.split('|').collect();
        let mut ours: Vec<&str> = table().into_iter().map(|(name, ..)| name).collect();
        ours.push("push");
        ours.sort_unstable();
        known.sort_unstable();
        assert_eq!(known, ours);
    })
    .await;
}

#[track_caller]
fn is<T: FromReplyOwned + PartialEq + Debug>(reply: &Reply, expected: T) {
    assert_eq!(reply.decode::<T>(), Ok(expected));
}

#[track_caller]
fn is_no<T: FromReplyOwned + Debug>(reply: &Reply) {
    let error = reply.decode::<T>().expect_err("nothing is coerced");
    assert!(error.is_type_mismatch(), "{error}");
    let result = reply.decode::<Result<T, Error>>();
    assert_eq!(result.expect("the frame is sound").err(), Some(error));
}

#[tokio::test]
async fn scalars_decode_into_the_types_of_rust() {
    in_both(async |connection| {
        let string = sample(connection, "string").await;
        is(&string, "Hello World".to_owned());
        is(&string, Bytes::from("Hello World"));
        is(&string, Some("Hello World".to_owned()));
        assert_eq!(string.decode(), Ok("Hello World"));
        assert_eq!(string.decode(), Ok(&b"Hello World"[..]));
        is_no::<i64>(&string);
        is_no::<bool>(&string);

        let integer = sample(connection, "integer").await;
        is(&integer, 12345_i64);
        is(&integer, 12345_u16);
        is(&integer, 12345_f64);
        is(&integer, Some(12345_usize));
        is_no::<u8>(&integer);
        is_no::<bool>(&integer);
        is_no::<String>(&integer);

        let number = sample(connection, "double").await;
        is(&number, SAMPLE);
        is(&number, SAMPLE as f32);
        is_no::<i64>(&number);

        let null = sample(connection, "null").await;
        is(&null, None::<String>);
        is(&null, None::<i64>);
        is(&null, None::<Vec<bool>>);
        is_no::<String>(&null);
        is_no::<i64>(&null);
        is_no::<bool>(&null);
        is_no::<Vec<String>>(&null);

        for (name, truth) in [("true", true), ("false", false)] {
            let reply = sample(connection, name).await;
            is(&reply, truth);
            is(&reply, Some(truth));
            is_no::<String>(&reply);
        }

        let text = sample(connection, "verbatim").await;
        is(&text, LINES.to_owned());
        is(&text, Bytes::from(LINES));
        assert_eq!(text.decode(), Ok(LINES));

        let number = sample(connection, "bignum").await;
        is(&number, BIG.to_owned());
        is(
            &number,
            1_234_567_999_999_999_999_999_999_999_999_999_999_i128,
        );
        is_no::<i64>(&number);
    })
    .await;
}

#[tokio::test]
async fn aggregates_decode_into_the_collections_of_rust() {
    in_both(async |connection| {
        for name in ["array", "set"] {
            let reply = sample(connection, name).await;
            is(&reply, vec![0, 1, 2]);
            is(&reply, VecDeque::from([0_u8, 1, 2]));
            is(&reply, HashSet::from([0_i64, 1, 2]));
            is(&reply, BTreeSet::from([0_i64, 1, 2]));
            is(&reply, Some(vec![0.0, 1.0, 2.0]));
            is_no::<Vec<String>>(&reply);
            is_no::<HashMap<i64, i64>>(&reply);
            is_no::<i64>(&reply);
        }
        let three = sample(connection, "array").await;
        is(&three, (0_i64, true, 2.0_f64));
        is_no::<(i64, i64)>(&three);

        let pairs = sample(connection, "map").await;
        is(&pairs, HashMap::from([(0, false), (1, true), (2, false)]));
        is(&pairs, BTreeMap::from([(0, false), (1, true), (2, false)]));
        is_no::<HashMap<String, bool>>(&pairs);
    })
    .await;
}

#[tokio::test]
async fn an_attribute_is_part_of_the_frame_and_not_of_the_value() {
    in_both(async |connection| {
        let reply = sample(connection, "attrib").await;
        let begins = connection.either(b'$', b'|');
        assert_eq!(reply.as_bytes().first(), Some(&begins));
        assert_eq!(reply.kind(), ReplyKind::Bulk);
        is(&reply, AFTER_ATTRIBUTE.to_owned());
        is(&reply, Some(Bytes::from(AFTER_ATTRIBUTE)));
        assert_eq!(reply.decode(), Ok(AFTER_ATTRIBUTE));
        is_no::<i64>(&reply);
        let mut reader = reply.reader();
        reader.skip().expect("it is one element");
        assert_eq!(reader.remaining(), 0);

        // Whoever wants the attribute reads it first.
        let mut reader = reply.reader();
        let attributes = reader.attributes().expect("it is sound");
        assert_eq!(attributes.is_some(), connection.protocol() == Resp3);
        if let Some(mut attributes) = attributes {
            assert_eq!(attributes.left(), Some(2));
            assert_eq!(reader.has_next(&mut attributes), Ok(true));
            assert_eq!(reader.str(), Ok("key-popularity"));
            assert_eq!(reader.has_next(&mut attributes), Ok(true));
            let popularity = <(&str, i64)>::from_reply(&mut reader);
            assert_eq!(popularity, Ok(("key:123", 90)));
            assert_eq!(reader.has_next(&mut attributes), Ok(false));
        }
        assert_eq!(reader.str(), Ok(AFTER_ATTRIBUTE));
        assert_eq!(reader.remaining(), 0);
    })
    .await;
}

/// Version 7.0 sends the push before the reply, later ones after it.
#[tokio::test]
async fn a_push_is_told_from_the_reply_that_it_comes_with() {
    let server = server().await;
    let mut connection = Connection::open(&server, Resp3).await;
    connection.send(&["DEBUG", "PROTOCOL", "push"]).await;
    let frames = connection.frames(2).await;
    println!("{frames:?}");
    let (pushes, replies): (Vec<Reply>, Vec<Reply>) = frames.into_iter().partition(Reply::is_push);
    let usage = push([bulk("server-cpu-usage"), int(42)]);
    assert_eq!(pushes.len(), 1);
    assert_eq!(pushes[0].value(), Ok(usage));
    is(&pushes[0], ("server-cpu-usage".to_owned(), 42));
    assert_eq!(replies.len(), 1);
    is(&replies[0], AFTER_PUSH.to_owned());

    let mut connection = Connection::open(&server, Resp2).await;
    let refused = sample(&mut connection, "push").await;
    assert_eq!(refused.error_code(), Some("ERR"));
}
