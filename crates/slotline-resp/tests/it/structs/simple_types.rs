use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::num::NonZeroU8;

use allocation_counter::measure;
use serde::Deserialize;
use slotline_resp::{Reply, Value};

use super::{NIL, bulk, check, hash, refuse, reply};

#[test]
fn strings_are_borrowed_where_they_lie() {
    #[derive(Deserialize)]
    struct Borrowed<'a> {
        text: &'a str,
        bytes: &'a [u8],
        #[serde(borrow)]
        either: Cow<'a, str>,
    }
    for frame in hash(&[("text", "aé"), ("bytes", "b"), ("either", "c")]) {
        let reply = reply(frame);
        let within = reply.as_bytes().as_ptr_range();
        let all: Borrowed = reply.deserialize().unwrap();
        assert_eq!((all.text, all.bytes), ("aé", &b"b"[..]));
        assert!(matches!(all.either, Cow::Borrowed("c")));
        assert!(within.contains(&all.text.as_ptr()) && within.contains(&all.bytes.as_ptr()));
    }
    let [resp2, resp3, ..] = hash(&[("text", "a"), ("bytes", "b"), ("either", "c")]).map(reply);
    let made = measure(|| {
        assert!(resp2.deserialize::<Borrowed>().is_ok());
        assert!(resp3.deserialize::<Borrowed>().is_ok());
    });
    assert_eq!(made.count_total, 0);
    let streamed = reply("$?\r\n;1\r\na\r\n;1\r\nb\r\n;0\r\n");
    assert_eq!(streamed.deserialize(), Ok("ab".to_owned()));
    assert_eq!(
        streamed.deserialize(),
        Ok(Cow::<str>::Owned("ab".to_owned()))
    );
    let error = streamed.deserialize::<&str>().unwrap_err().to_string();
    assert_eq!(error, "cannot decode a string as a borrowed string");
    let error = streamed.deserialize::<&[u8]>().unwrap_err().to_string();
    assert_eq!(
        error,
        "cannot decode a string of bytes as a borrowed byte array"
    );
    let raw = Reply::from_frame((&b"$1\r\n\xff\r\n"[..]).into()).unwrap();
    assert_eq!(raw.deserialize(), Ok(&b"\xff"[..]));
    let error = raw.deserialize::<String>().unwrap_err().to_string();
    assert_eq!(error, "cannot decode bytes that are not UTF-8 as a string");
}

#[test]
fn strings() {
    for text in [
        "$1\r\nx\r\n",
        "+x\r\n",
        "=5\r\ntxt:x\r\n",
        "$?\r\n;1\r\nx\r\n;0\r\n",
    ] {
        check([text], "x".to_owned());
        check([text], 'x');
        check([text], Box::<str>::from("x"));
    }
    check(["(12\r\n"], "12".to_owned());
    check([bulk("192.0.2.1")], IpAddr::from([192, 0, 2, 1]));
    refuse::<String>([":1\r\n"], "an integer as a string");
    refuse::<String>(["#t\r\n"], "a boolean as a string");
    refuse::<char>(
        ["+xy\r\n", "+\r\n"],
        "a string that is not one as a character",
    );
    refuse::<IpAddr>(
        ["+192.0.2\r\n"],
        "a value that its type refuses as what its type allows",
    );
}

#[test]
fn numbers() {
    check(
        [
            ":5\r\n",
            "$1\r\n5\r\n",
            "+5\r\n",
            "(5\r\n",
            "$?\r\n;1\r\n5\r\n;0\r\n",
        ],
        5_u8,
    );
    check([":-5\r\n", "$2\r\n-5\r\n"], -5_i64);
    check([":-5\r\n", "$2\r\n-5\r\n", "(-5\r\n"], -5_i128);
    let max = u128::MAX.to_string();
    check([bulk(&max), format!("({max}\r\n").into_bytes()], u128::MAX);
    check([",1.5\r\n", "$3\r\n1.5\r\n"], 1.5_f64);
    check([",1.5\r\n", "$3\r\n1.5\r\n"], 1.5_f32);
    check([",inf\r\n", "$3\r\ninf\r\n"], f64::INFINITY);
    check([":3\r\n", "$1\r\n3\r\n", ",3\r\n"], 3.0_f64);
    check([":3\r\n", "$1\r\n3\r\n"], NonZeroU8::new(3).unwrap());
    refuse::<NonZeroU8>([":0\r\n"], "an integer that is not one as a nonzero u8");
    refuse::<i64>(
        ["$5\r\n12abc\r\n", "$0\r\n\r\n"],
        "a string that is not one as an i64",
    );
    refuse::<u8>(
        ["$3\r\n256\r\n", "(256\r\n"],
        "a string that is not one as a u8",
    );
    refuse::<u8>(
        [":256\r\n", ":-1\r\n"],
        "an integer out of its range as a u8",
    );
    refuse::<u128>([":-1\r\n"], "an integer out of its range as a u128");
    refuse::<i64>([",1\r\n"], "a double as an i64");
    refuse::<i64>(["#t\r\n"], "a boolean as an i64");
    refuse::<i64>(NIL, "nil (for nil, ask for an Option) as an i64");
    refuse::<f64>(
        [":9007199254740993\r\n"],
        "an integer too large to be exact as an f64",
    );
}

#[test]
fn booleans() {
    check(["#t\r\n", ":1\r\n", "$1\r\n1\r\n", "+1\r\n"], true);
    check(["#f\r\n", ":0\r\n", "$1\r\n0\r\n", "+0\r\n"], false);
    refuse::<bool>([":2\r\n"], "an integer other than 0 and 1 as a boolean");
    refuse::<bool>(
        ["$4\r\ntrue\r\n", "+OK\r\n"],
        "a string other than 0 and 1 as a boolean",
    );
    refuse::<bool>(NIL, "nil (for nil, ask for an Option) as a boolean");
}

#[test]
fn nil_is_none_and_unit_and_nothing_else() {
    #[derive(Clone, Debug, PartialEq, Deserialize)]
    struct Unit;
    check(NIL, None::<String>);
    check(NIL, None::<(u8, Vec<String>)>);
    check(NIL, ());
    check(NIL, Unit);
    check(["$0\r\n\r\n"], Some(String::new()));
    check(["*0\r\n"], Some(Vec::<u8>::new()));
    refuse::<()>(["$0\r\n\r\n"], "a bulk string as nil");
    refuse::<Unit>([":0\r\n"], "an integer as nil");
    refuse::<Vec<u8>>(NIL, "nil (for nil, ask for an Option) as an array");
}

#[test]
fn tuples_have_exactly_their_length() {
    #[derive(Clone, Debug, PartialEq, Deserialize)]
    struct Point(i64, i64);
    #[derive(Clone, Debug, PartialEq, Deserialize)]
    struct Id(u64);
    check(
        [
            "*2\r\n:1\r\n$1\r\n2\r\n",
            "*?\r\n:1\r\n:2\r\n.\r\n",
            ">2\r\n:1\r\n:2\r\n",
        ],
        (1, 2),
    );
    check(["*2\r\n:1\r\n$1\r\n2\r\n"], Point(1, 2));
    check(["*2\r\n:1\r\n$1\r\n2\r\n"], [1_u8, 2]);
    check(["*2\r\n:1\r\n:2\r\n"], (Id(1), Some(Id(2))));
    for text in [
        "*1\r\n:1\r\n",
        "*3\r\n:1\r\n:2\r\n:3\r\n",
        "*?\r\n:1\r\n:2\r\n:3\r\n.\r\n",
    ] {
        refuse::<(i64, i64)>([text], "an array of another length as a tuple");
        refuse::<Point>([text], "an array of another length as Point");
    }
    let short = "*?\r\n:1\r\n.\r\n";
    refuse::<(i64, i64)>([short], "an array of another length as a tuple of size 2");
    refuse::<(i64, i64)>(["%1\r\n:1\r\n:2\r\n"], "a map as a tuple");
    refuse::<(i64, i64)>(["~2\r\n:1\r\n:2\r\n"], "a set as a tuple");
}

#[test]
fn collections() {
    check(
        [
            "*2\r\n:1\r\n:2\r\n",
            "~2\r\n:1\r\n:2\r\n",
            ">2\r\n:1\r\n:2\r\n",
        ],
        vec![1, 2],
    );
    check(
        ["~2\r\n:1\r\n:2\r\n", "*2\r\n:1\r\n:2\r\n"],
        BTreeSet::from([1, 2]),
    );
    let ages = [("ann".to_owned(), 30_u8), ("bob".to_owned(), 4)];
    check(
        hash(&[("ann", "30"), ("bob", "4")]),
        HashMap::from(ages.clone()),
    );
    check(hash(&[("bob", "4"), ("ann", "30")]), BTreeMap::from(ages));
    check(
        hash(&[("7", "1"), ("8", "0")]),
        BTreeMap::from([(7_u64, true), (8, false)]),
    );
    refuse::<Vec<u8>>(["$1\r\na\r\n"], "a bulk string as an array");
    refuse::<BTreeMap<String, u8>>(["~0\r\n"], "a set as a map");
    refuse::<Vec<Vec<i64>>>(
        ["*2\r\n*0\r\n*2\r\n:1\r\n+x\r\n"],
        "a string that is not one as an i64 at [1][1]",
    );
}

#[test]
fn what_takes_anything_gets_what_is_there() {
    let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    check(
        ["%1\r\n+a\r\n*2\r\n:1\r\n$1\r\n1\r\n"],
        json(r#"{"a": [1, "1"]}"#),
    );
    check(
        ["*2\r\n+a\r\n,1.5\r\n", "~2\r\n+a\r\n,1.5\r\n"],
        json(r#"["a", 1.5]"#),
    );
    check(NIL, json("null"));
    check(["#t\r\n"], json("true"));
    check(
        ["=6\r\nmkd:é\r\n", "$?\r\n;2\r\né\r\n;0\r\n"],
        json(r#""é""#),
    );
    check(
        ["(12345678901234567890123\r\n"],
        json(r#""12345678901234567890123""#),
    );
    // Through serde a tree has only serde's types; `decode` keeps the kinds.
    let expected = Value::Array([Value::Bulk("OK".into()), Value::Int(1)].into());
    check(["~2\r\n+OK\r\n:1\r\n"], expected);
    check(["$2\r\n\u{7f}\n\r\n"], Value::Bulk("\u{7f}\n".into()));
    check([b"$1\r\n\xff\r\n"], Value::Bulk((&b"\xff"[..]).into()));
}
