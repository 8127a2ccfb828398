use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::fmt::Debug;

use bytes::Bytes;
use slotline_resp::{Error, FromReplyOwned, Reader, Reply, ReplyKind, Value, error_code};

use crate::differential::compare;

fn reply(text: &str) -> Reply {
    Reply::from_frame(text.to_owned().into()).unwrap_or_else(|error| panic!("{text:?}: {error}"))
}

#[track_caller]
fn check<T: FromReplyOwned + PartialEq + Debug>(text: &str, expected: T) {
    compare(text.as_bytes());
    assert_eq!(reply(text).decode::<T>(), Ok(expected), "{text:?}");
    // The same inside a bigger segment, without a reference of its own.
    let segment = Bytes::from(format!("+before\r\n{text}+after\r\n"));
    let mut reader = Reader::new(&segment, 9..9 + text.len());
    assert!(T::from_reply(&mut reader).is_ok());
    assert_eq!(reader.remaining(), 0);
}

#[track_caller]
fn refuse<T: FromReplyOwned + Debug>(text: &str, message: &str) {
    let error = reply(text).decode::<T>().unwrap_err();
    assert!(error.is_type_mismatch(), "{error}");
    assert_eq!(error.to_string(), format!("cannot decode {message}"));
}

const NIL: &str = "nil (for nil, ask for an Option)";

#[test]
fn strings() {
    for text in ["$5\r\nhello\r\n", "+hello\r\n", "=9\r\ntxt:hello\r\n"] {
        check(text, "hello".to_owned());
        check(text, Bytes::from("hello"));
        check(text, Box::<str>::from("hello"));
        assert_eq!(reply(text).decode(), Ok("hello"));
        assert_eq!(reply(text).decode(), Ok(&b"hello"[..]));
    }
    check("$?\r\n;4\r\nhell\r\n;1\r\no\r\n;0\r\n", "hello".to_owned());
    check(
        "$?\r\n;4\r\nhell\r\n;1\r\no\r\n;0\r\n",
        Bytes::from("hello"),
    );
    check("(123\r\n", "123".to_owned());
    check("$0\r\n\r\n", String::new());
    check("|1\r\n+a\r\n:1\r\n$1\r\nx\r\n", "x".to_owned());
    refuse::<String>("$-1\r\n", &format!("{NIL} as a string"));
    refuse::<String>(":1\r\n", "an integer as a string");
    refuse::<Bytes>("*0\r\n", "an array as a string");
    let broken = Reply::from_frame(Bytes::from_static(b"$1\r\n\xff\r\n")).unwrap();
    let error = broken.decode::<String>().unwrap_err();
    assert!(std::error::Error::source(&error).is_some());
    assert_eq!(broken.decode(), Ok(&b"\xff"[..]));
}

#[test]
fn bytes_share_the_memory_of_the_reply() {
    let reply = reply("*1\r\n$5\r\nhello\r\n");
    let (part,): (Bytes,) = reply.decode().unwrap();
    assert_eq!(part.as_ptr(), reply.as_bytes()[8..].as_ptr());
}

/// Fails where a `Vec<u8>` is read as a list of numbers only.
#[test]
fn a_vec_of_bytes_is_a_string_or_a_list_of_small_numbers() {
    let bytes = b"\xff\0\r\n".to_vec();
    for text in [
        &b"$4\r\n\xff\0\r\n\r\n"[..],
        b"=8\r\ntxt:\xff\0\r\n\r\n",
        b"$?\r\n;1\r\n\xff\r\n;3\r\n\0\r\n\r\n;0\r\n",
        b"*4\r\n:255\r\n:0\r\n:13\r\n:10\r\n",
    ] {
        let reply = Reply::from_frame(Bytes::copy_from_slice(text)).unwrap();
        assert_eq!(reply.decode().as_ref(), Ok(&bytes));
        assert_eq!(reply.decode(), Ok(Some(bytes.clone())));
        assert_eq!(reply.decode(), Ok(bytes.clone().into_boxed_slice()));
        assert_eq!(reply.decode(), Ok(VecDeque::from(bytes.clone())));
    }
    check("+OK\r\n", b"OK".to_vec());
    check("$0\r\n\r\n", Vec::<u8>::new());
    check("_\r\n", None::<Vec<u8>>);
    let pair = [b"a".to_vec(), b"12".to_vec()];
    check("*2\r\n$1\r\na\r\n$2\r\n12\r\n", pair.to_vec());
    check(
        "%1\r\n$1\r\na\r\n$2\r\n12\r\n",
        HashMap::from([<(_, _)>::from(pair)]),
    );
    refuse::<Vec<u8>>("_\r\n", &format!("{NIL} as bytes"));
    refuse::<Vec<u8>>(":1\r\n", "an integer as bytes");
    refuse::<Vec<u8>>(
        "*1\r\n:256\r\n",
        "an integer out of its range as a u8 at [0]",
    );
    assert!(
        reply("-ERR no\r\n")
            .decode::<Vec<u8>>()
            .unwrap_err()
            .is_server()
    );
}

#[test]
fn numbers() {
    check(":5\r\n", 5_i64);
    check(":5\r\n", 5_u8);
    check("$2\r\n-5\r\n", -5_i32);
    check("+7\r\n", 7_usize);
    check("(7\r\n", 7_i64);
    check("(170141183460469231731687303715884105727\r\n", i128::MAX);
    check("$?\r\n;1\r\n1\r\n;1\r\n2\r\n;0\r\n", 12_i64);
    check(",1.5\r\n", 1.5_f64);
    check(",-inf\r\n", f64::NEG_INFINITY);
    check(",1.0000000000000001e+300\r\n", 1e300_f64);
    check("$3\r\n1.5\r\n", 1.5_f32);
    check(":3\r\n", 3.0_f64);
    assert!(reply(",-nan\r\n").decode::<f64>().unwrap().is_nan());
    refuse::<i64>("$5\r\n12abc\r\n", "a string that is not one as an i64");
    refuse::<i64>("$0\r\n\r\n", "a string that is not one as an i64");
    refuse::<i64>("$2\r\n 1\r\n", "a string that is not one as an i64");
    refuse::<i64>("(12abc\r\n", "a string that is not one as an i64");
    refuse::<i64>("_\r\n", &format!("{NIL} as an i64"));
    refuse::<u8>(":256\r\n", "an integer out of its range as a u8");
    refuse::<u64>(":-1\r\n", "an integer out of its range as a u64");
    refuse::<i64>(",1\r\n", "a double as an i64");
    refuse::<i64>("#t\r\n", "a boolean as an i64");
    refuse::<i64>("*1\r\n:1\r\n", "an array as an i64");
    refuse::<f64>(
        ":9007199254740993\r\n",
        "an integer too large to be exact as an f64",
    );
}

#[test]
fn booleans() {
    check("#t\r\n", true);
    check(":0\r\n", false);
    check(":1\r\n", true);
    refuse::<bool>(":2\r\n", "an integer other than 0 and 1 as a boolean");
    // A field of a hash comes as a string.
    check("$1\r\n1\r\n", true);
    check("+0\r\n", false);
    check("$?\r\n;1\r\n1\r\n;0\r\n", true);
    for text in [
        "+OK\r\n",
        "$0\r\n\r\n",
        "$4\r\ntrue\r\n",
        "$2\r\n01\r\n",
        "$2\r\n 1\r\n",
        "$?\r\n;1\r\n1\r\n;1\r\n0\r\n;0\r\n",
    ] {
        refuse::<bool>(text, "a string other than 0 and 1 as a boolean");
    }
    refuse::<bool>("=5\r\ntxt:1\r\n", "a verbatim string as a boolean");
    refuse::<bool>("(1\r\n", "a big number as a boolean");
    refuse::<bool>("$-1\r\n", &format!("{NIL} as a boolean"));
}

#[test]
fn nil_is_none_in_each_spelling_and_nothing_else_is() {
    for nil in ["_\r\n", "$-1\r\n", "*-1\r\n", "|1\r\n+a\r\n:1\r\n_\r\n"] {
        check(nil, None::<String>);
        check(nil, None::<Vec<i64>>);
        check(nil, Value::Null);
    }
    check("$0\r\n\r\n", Some(String::new()));
    check("*0\r\n", Some(Vec::<i64>::new()));
    check("*2\r\n$-1\r\n:1\r\n", vec![None, Some(1)]);
}

#[test]
fn collections() {
    for text in [
        "*3\r\n:1\r\n:2\r\n:1\r\n",
        "~3\r\n:1\r\n:2\r\n:1\r\n",
        "*?\r\n:1\r\n:2\r\n:1\r\n.\r\n",
    ] {
        check(text, vec![1, 2, 1]);
        check(text, VecDeque::from([1, 2, 1]));
        check(text, Box::<[i64]>::from([1, 2, 1]));
        check(text, HashSet::from([1, 2]));
        check(text, BTreeSet::from([1, 2]));
    }
    check("*2\r\n*1\r\n:1\r\n*0\r\n", vec![vec![1], vec![]]);
    refuse::<Vec<u16>>("$1\r\na\r\n", "a bulk string as an array");
    refuse::<Vec<i64>>("_\r\n", &format!("{NIL} as an array"));
    refuse::<Vec<Vec<i64>>>(
        "*2\r\n*0\r\n*2\r\n:1\r\n+x\r\n",
        "a string that is not one as an i64 at [1][1]",
    );
}

#[test]
fn maps_of_both_versions() {
    let expected = [("a".to_owned(), 1), ("b".to_owned(), 2)];
    for text in [
        "%2\r\n+a\r\n:1\r\n+b\r\n:2\r\n",
        "*4\r\n+a\r\n:1\r\n+b\r\n:2\r\n",
        "%?\r\n+a\r\n:1\r\n+b\r\n:2\r\n.\r\n",
        "*?\r\n+a\r\n:1\r\n+b\r\n:2\r\n.\r\n",
        "%3\r\n+a\r\n:9\r\n+b\r\n:2\r\n+a\r\n:1\r\n",
    ] {
        check(text, HashMap::from(expected.clone()));
        check(text, BTreeMap::from(expected.clone()));
    }
    check("%1\r\n+a\r\n+b\r\n", vec!["a".to_owned(), "b".to_owned()]);
    // Arrays of pairs, as XREAD sends in RESP2.
    check(
        "*2\r\n*2\r\n+a\r\n:1\r\n*2\r\n+b\r\n:2\r\n",
        HashMap::from(expected.clone()),
    );
    check("*0\r\n", HashMap::<String, i64>::new());
    type Map = HashMap<String, i64>;
    refuse::<Map>(
        "*2\r\n*2\r\n+a\r\n:1\r\n*1\r\n+b\r\n",
        "an array of another length as a pair at [1]",
    );
    refuse::<Map>(
        "*1\r\n*?\r\n+b\r\n:2\r\n.\r\n",
        "a streamed array as a pair at [0]",
    );
    refuse::<Map>(
        "*2\r\n*2\r\n+a\r\n:1\r\n+b\r\n",
        "a simple string as a pair at [1]",
    );
    refuse::<Map>("*1\r\n+a\r\n", "an array of odd length as a map");
    refuse::<Map>("*?\r\n+a\r\n.\r\n", "an array of odd length as a map");
    refuse::<Map>("~0\r\n", "a set as a map");
    refuse::<Map>(
        "%2\r\n+a\r\n:1\r\n+b\r\n+x\r\n",
        "a string that is not one as an i64 at [1]",
    );
}

#[test]
fn tuples_have_exactly_their_length() {
    check("*1\r\n:1\r\n", (1_i64,));
    check("*2\r\n:1\r\n+x\r\n", (1_i64, "x".to_owned()));
    check(">2\r\n+message\r\n:1\r\n", ("message".to_owned(), 1_u8));
    check("*?\r\n:1\r\n:2\r\n.\r\n", (1_i64, 2_i64));
    check(
        "*8\r\n:1\r\n:2\r\n:3\r\n:4\r\n:5\r\n:6\r\n:7\r\n:8\r\n",
        (1_u8, 2_u8, 3_u8, 4_u8, 5_u8, 6_u8, 7_u8, 8_u8),
    );
    for text in [
        "*1\r\n:1\r\n",
        "*3\r\n:1\r\n:2\r\n:3\r\n",
        "*?\r\n:1\r\n.\r\n",
    ] {
        refuse::<(i64, i64)>(text, "an array of another length as an array of 2");
    }
}

#[test]
fn an_error_says_where_by_index_and_by_field() {
    let error = || Error::mismatch("an i64", "a map");
    for (error, place) in [
        (error(), ""),
        (error().at(1).at(2), " at [2][1]"),
        (error().at_field("age"), " at age"),
        (error().at_field("age").at(1), " at [1].age"),
        (
            error().at(1).at_field("ages").at_field("user"),
            " at user.ages[1]",
        ),
    ] {
        assert_eq!(
            error.to_string(),
            format!("cannot decode a map as an i64{place}")
        );
    }
    // A server's error is nobody's place.
    assert_eq!(
        Error::server("ERR no").at_field("age").to_string(),
        "ERR no"
    );
}

#[test]
fn a_list_of_tuples_is_read_from_both_versions() {
    let expected = vec![("a".to_owned(), 1.5), ("b".to_owned(), 2.0)];
    for text in [
        "*2\r\n*2\r\n+a\r\n,1.5\r\n*2\r\n+b\r\n,2\r\n",
        "*4\r\n+a\r\n$3\r\n1.5\r\n+b\r\n$1\r\n2\r\n",
        "%2\r\n+a\r\n,1.5\r\n+b\r\n,2\r\n",
        "*?\r\n+a\r\n,1.5\r\n+b\r\n,2\r\n.\r\n",
    ] {
        check(text, expected.clone());
    }
    check("*3\r\n:1\r\n:2\r\n:3\r\n", vec![(1, 2, 3)]);
    check("*0\r\n", Vec::<(i64, i64)>::new());
    let nil_and_pair = "*2\r\n*-1\r\n*2\r\n:1\r\n:2\r\n";
    check(nil_and_pair, vec![None, Some((1, 2))]);
    let rest = "the rest of a flat array as an array of 2 at [1]";
    refuse::<Vec<(i64, i64)>>("*3\r\n:1\r\n:2\r\n:3\r\n", rest);
    refuse::<Vec<(i64, i64)>>(
        "*2\r\n*2\r\n:1\r\n:2\r\n*1\r\n:1\r\n",
        "an array of another length as an array of 2 at [1]",
    );
}

#[test]
fn a_broken_element_leaves_the_others_alone() {
    let text = "*4\r\n-WRONGTYPE no\r\n*2\r\n:1\r\n+x\r\n!7\r\nERR a b\r\n*2\r\n:3\r\n:4\r\n";
    let all: Vec<Result<(i64, i64), Error>> = reply(text).decode().unwrap();
    assert_eq!(all[0].as_ref().unwrap_err().code(), Some("WRONGTYPE"));
    assert!(all[1].as_ref().unwrap_err().is_type_mismatch());
    assert_eq!(all[2].as_ref().unwrap_err().message(), "ERR a b");
    assert_eq!(all[3], Ok((3, 4)));
    // Where nobody asked for a Result, an element's error is the reply's.
    let error = reply(text).decode::<Vec<Value>>().unwrap_err();
    assert_eq!(error.code(), Some("WRONGTYPE"));
}

#[test]
fn an_error_reply_is_err_for_every_type() {
    let reply = reply("-ERR no such key\r\n");
    assert!(reply.is_error());
    assert_eq!(reply.error_code(), Some("ERR"));
    assert_eq!(reply.error_line().as_deref(), Some("ERR no such key"));
    for error in [
        reply.decode::<String>().unwrap_err(),
        reply.decode::<Option<i64>>().unwrap_err(),
        reply.decode::<Vec<String>>().unwrap_err(),
        reply.decode::<(i64, i64)>().unwrap_err(),
        reply.decode::<HashMap<String, String>>().unwrap_err(),
        reply.decode::<Value>().unwrap_err(),
        reply.decode::<Result<i64, Error>>().unwrap().unwrap_err(),
    ] {
        assert!(error.is_server());
        assert_eq!(error.to_string(), "ERR no such key");
    }
    let tree = reply.value().unwrap();
    assert_eq!(tree.to_error(), reply.error());
}

#[test]
fn the_code_of_an_error_is_the_same_word_wherever_it_is_asked_for() {
    for (text, code, message) in [
        ("-\r\n", "", ""),
        ("- \r\n", "", ""),
        ("-  two before\r\n", "", " two before"),
        ("-ALONE\r\n", "ALONE", ""),
        ("-ERR  spaces \r\n", "ERR", " spaces "),
        ("-ERR\ttab\r\n", "ERR\ttab", ""),
        ("!9\r\nERR\nlines\r\n", "ERR", "lines"),
        ("!10\r\nERR\r\nlines\r\n", "ERR", "lines"),
    ] {
        let reply = reply(text);
        assert_eq!(reply.error_code(), Some(code), "{text:?}");
        assert_eq!(reply.error().unwrap().code(), Some(code), "{text:?}");
        assert_eq!(error_code(&reply.error_line().unwrap()), code, "{text:?}");
        let (code, message) = (code.to_owned(), message.to_owned());
        assert_eq!(reply.value(), Ok(Value::Error { code, message }));
    }
}

#[test]
fn kinds() {
    for (text, kind) in [
        ("|1\r\n+a\r\n:1\r\n$1\r\nx\r\n", ReplyKind::Bulk),
        ("$-1\r\n", ReplyKind::Null),
        ("$?\r\n;0\r\n", ReplyKind::Bulk),
        (">1\r\n:1\r\n", ReplyKind::Push),
        ("!3\r\nERR\r\n", ReplyKind::Error),
        ("~0\r\n", ReplyKind::Set),
    ] {
        assert_eq!(reply(text).kind(), kind, "{text:?}");
    }
    assert_eq!(
        reply("|1\r\n+a\r\n:1\r\n-MOVED 1 h:1\r\n").error_code(),
        Some("MOVED")
    );
    assert!(!reply("*1\r\n-ERR\r\n").is_error());
}

#[test]
fn debug_shows_no_value() {
    let secret = reply("*2\r\n$6\r\nsecret\r\n$6\r\nsecret\r\n");
    let shown = format!(
        "{secret:?} {:?} {:?}",
        secret.reader(),
        secret.reader().token()
    );
    assert!(!shown.contains("secret"), "{shown}");
    let error = secret.decode::<Vec<i64>>().unwrap_err();
    assert!(
        !format!("{error} {error:?}").contains("secret"),
        "{error:?}"
    );
    assert_eq!(
        format!("{:?}", reply("-NOPERM no\r\n")),
        "Reply { kind: Error, code: \"NOPERM\", len: 12 }"
    );
}

#[test]
fn unscanned_bytes_are_errors_and_never_panics() {
    for text in [
        "",
        "$5\r\nhel",
        "*2\r\n:1\r\n",
        "%1\r\n:1\r\n",
        "*9999999999\r\n",
        "|9999999999\r\n",
        ".\r\n",
        "X",
    ] {
        let reply = Reply::from_scanned(text.into());
        assert!(reply.decode::<Vec<Value>>().is_err(), "{text:?}");
        assert!(reply.value().is_err(), "{text:?}");
        let _ = (reply.kind(), reply.error_line());
    }
    let segment = Bytes::from_static(b":1\r\n");
    for range in [7..9, 0..99, 4..4] {
        assert!(Reader::new(&segment, range.clone()).skip().is_err() || range == (0..99));
    }
}
