//! What a server writes, in both versions of the protocol.

use bytes::{Bytes, BytesMut};
use slotline_resp::{
    Limits, Protocol, Reply, ReplyBuffer, ReplyDecoder, ReplyKind, Scanner, Value,
};

use Protocol::{Resp2, Resp3};

#[track_caller]
fn check(write: impl Fn(&mut ReplyBuffer), resp2: &str, resp3: &str) {
    for (protocol, expected) in [(Resp2, resp2), (Resp3, resp3)] {
        let mut replies = ReplyBuffer::new(protocol);
        write(&mut replies);
        let shown = replies.as_bytes().escape_ascii().to_string();
        assert_eq!(shown, expected.escape_default().to_string(), "{protocol:?}");
        let scanned = Scanner::new(Limits::default()).scan(replies.as_bytes());
        assert_eq!(scanned, Ok(Some(replies.len())), "{shown}");
    }
}

/// The same by its own method and as a tree.
#[track_caller]
fn check_value(
    write: impl Fn(&mut ReplyBuffer) -> &mut ReplyBuffer,
    value: &Value,
    resp2: &str,
    resp3: &str,
) {
    check(
        |replies| {
            write(replies);
        },
        resp2,
        resp3,
    );
    check(
        |replies| {
            replies.value(value);
        },
        resp2,
        resp3,
    );
}

#[track_caller]
fn same(write: impl Fn(&mut ReplyBuffer) -> &mut ReplyBuffer, value: &Value, text: &str) {
    check_value(write, value, text, text);
}

#[test]
fn what_both_versions_have_is_written_alike() {
    same(|r| r.simple("OK"), &Value::Simple("OK".into()), "+OK\r\n");
    same(|r| r.simple(""), &Value::Simple(String::new()), "+\r\n");
    same(|r| r.integer(-5), &Value::Int(-5), ":-5\r\n");
    same(
        |r| r.integer(i64::MIN),
        &Value::Int(i64::MIN),
        ":-9223372036854775808\r\n",
    );
    same(
        |r| r.bulk("a\r\nb"),
        &Value::Bulk("a\r\nb".into()),
        "$4\r\na\r\nb\r\n",
    );
    same(|r| r.bulk([]), &Value::Bulk(Bytes::new()), "$0\r\n\r\n");
    let error = |code: &str, message: &str| Value::Error {
        code: code.into(),
        message: message.into(),
    };
    same(
        |r| r.error("ERR no such key"),
        &error("ERR", "no such key"),
        "-ERR no such key\r\n",
    );
    same(|r| r.error("ERR"), &error("ERR", ""), "-ERR\r\n");
    let nested = Value::Array([Value::Int(1), Value::Array([].into())].into());
    same(
        |r| r.array(2).integer(1).array(0),
        &nested,
        "*2\r\n:1\r\n*0\r\n",
    );
}

#[test]
fn what_resp2_lacks_is_written_as_a_server_does() {
    check_value(|r| r.null(), &Value::Null, "$-1\r\n", "_\r\n");
    check(
        |r| {
            r.null_array();
        },
        "*-1\r\n",
        "_\r\n",
    );
    check_value(|r| r.boolean(true), &Value::Bool(true), ":1\r\n", "#t\r\n");
    check_value(
        |r| r.boolean(false),
        &Value::Bool(false),
        ":0\r\n",
        "#f\r\n",
    );
    check_value(
        |r| r.big_number("-12345678901234567890"),
        &Value::BigNumber("-12345678901234567890".into()),
        "$21\r\n-12345678901234567890\r\n",
        "(-12345678901234567890\r\n",
    );
    check_value(
        |r| r.verbatim("mkd", "# a\r\n"),
        &Value::Verbatim {
            format: "mkd".into(),
            text: "# a\r\n".into(),
        },
        "$5\r\n# a\r\n\r\n",
        "=9\r\nmkd:# a\r\n\r\n",
    );
    check_value(
        |r| r.map(1).bulk("k").map(0),
        &Value::Map([(Value::Bulk("k".into()), Value::Map([].into()))].into()),
        "*2\r\n$1\r\nk\r\n*0\r\n",
        "%1\r\n$1\r\nk\r\n%0\r\n",
    );
    check_value(
        |r| r.set(1).integer(1),
        &Value::Set([Value::Int(1)].into()),
        "*1\r\n:1\r\n",
        "~1\r\n:1\r\n",
    );
    check_value(
        |r| r.push(1).bulk("x"),
        &Value::Push([Value::Bulk("x".into())].into()),
        "*1\r\n$1\r\nx\r\n",
        ">1\r\n$1\r\nx\r\n",
    );
}

#[test]
fn doubles_have_the_fewest_digits_and_no_bare_point() {
    for (number, text) in [
        (0.0, "0"),
        (-0.0, "-0"),
        (1.0, "1"),
        (-1.5, "-1.5"),
        (0.1, "0.1"),
        (10.0, "10"),
        (1e15, "1000000000000000"),
        (1e300, "1e300"),
        (-1.25e-7, "-1.25e-7"),
        (f64::MAX, "1.7976931348623157e308"),
        (f64::MIN_POSITIVE / 4.0, "5.562684646268003e-309"),
        (f64::INFINITY, "inf"),
        (f64::NEG_INFINITY, "-inf"),
        (f64::NAN, "nan"),
        (-f64::NAN, "nan"),
    ] {
        let resp2 = format!("${}\r\n{text}\r\n", text.len());
        let resp3 = format!(",{text}\r\n");
        check_value(|r| r.double(number), &Value::Double(number), &resp2, &resp3);
        for frame in [resp2, resp3] {
            let back: f64 = Reply::from_frame(frame.into()).unwrap().decode().unwrap();
            let is_same = back.to_bits() == number.to_bits();
            assert!(is_same || (back.is_nan() && number.is_nan()), "{text}");
        }
    }
}

#[test]
fn no_text_breaks_its_frame() {
    same(
        |r| r.simple("a\r\n:1\r\n"),
        &Value::Simple("a\r\n:1\r\n".into()),
        "+a  :1  \r\n",
    );
    check_value(
        |r| r.error("ERR a\r\nb"),
        &Value::Error {
            code: "ERR".into(),
            message: "a\r\nb".into(),
        },
        "-ERR a  b\r\n",
        "!8\r\nERR a\r\nb\r\n",
    );
    check_value(
        |r| r.error("A\nB"),
        &Value::Error {
            code: "A\nB".into(),
            message: String::new(),
        },
        "-A B\r\n",
        "!3\r\nA\nB\r\n",
    );
    for odd in ["1\r\n:2", "", "-", "1.5", "x"] {
        let bulk = format!("${}\r\n{odd}\r\n", odd.len());
        same(|r| r.big_number(odd), &Value::BigNumber(odd.into()), &bulk);
    }
    for format in ["", "text", "\r\n", "é"] {
        let value = Value::Verbatim {
            format: format.into(),
            text: "x".into(),
        };
        let resp3 = "=5\r\ntxt:x\r\n";
        check_value(|r| r.verbatim(format, "x"), &value, "$1\r\nx\r\n", resp3);
    }
}

#[test]
fn attributes_stand_before_their_element_or_not_at_all() {
    let pairs = [(
        Value::Simple("ttl".into()),
        Value::Array([Value::Int(1), Value::Null].into()),
    )];
    check(
        |r| {
            r.array(1).attributes(&pairs).attributes(&[]).integer(7);
        },
        "*1\r\n:7\r\n",
        "*1\r\n|1\r\n+ttl\r\n*2\r\n:1\r\n_\r\n:7\r\n",
    );
}

#[test]
fn streamed_types_are_for_resp3_alone() {
    let mut replies = ReplyBuffer::new(Resp2);
    assert!(replies.streamed().is_none());
    assert!(replies.is_empty());

    replies.set_protocol(Resp3);
    let mut streamed = replies.streamed().unwrap();
    streamed.bulk().chunk("ab").chunk("").chunk("c").end_bulk();
    let first = replies.split();
    assert_eq!(first, "$?\r\n;2\r\nab\r\n;1\r\nc\r\n;0\r\n");
    let text: String = Reply::from_frame(first).unwrap().decode().unwrap();
    assert_eq!(text, "abc");

    replies.streamed().unwrap().array();
    replies.integer(1);
    replies.streamed().unwrap().map().end().set();
    replies.integer(2);
    // What is there can be sent before the rest.
    let mut sent = BytesMut::from(&replies.split()[..]);
    replies.streamed().unwrap().end().end();
    sent.extend_from_slice(&replies.split());
    assert_eq!(sent, "*?\r\n:1\r\n%?\r\n.\r\n~?\r\n:2\r\n.\r\n.\r\n");
    let tree = Reply::from_frame(sent.freeze()).unwrap().value().unwrap();
    let set = Value::Set([Value::Int(2)].into());
    let expected = [Value::Int(1), Value::Map([].into()), set];
    assert_eq!(tree, Value::Array(expected.into()));
}

#[test]
fn a_buffer_goes_on_behind_what_it_was_given() {
    let mut replies = ReplyBuffer::onto(BytesMut::from("+before\r\n"), Resp3);
    let upstream = Reply::from_frame("|1\r\n+a\r\n:1\r\n%0\r\n".into()).unwrap();
    replies.simple("OK").reply(&upstream);
    let shown = format!("{replies:?}");
    assert_eq!(shown, "ReplyBuffer { protocol: Resp3, len: 30 }");
    let expected = "+before\r\n+OK\r\n|1\r\n+a\r\n:1\r\n%0\r\n";
    assert_eq!(replies.clone().into_bytes(), expected);
    replies.clear();
    assert!(replies.is_empty() && replies.protocol() == Resp3);
}

#[test]
fn hello_names_a_version() {
    for protocol in [Resp2, Resp3] {
        let version = protocol.version().to_string();
        assert_eq!(Protocol::from_version(version.as_bytes()), Some(protocol));
    }
    for other in ["", "1", "4", "03", "3 ", "three"] {
        assert_eq!(Protocol::from_version(other.as_bytes()), None, "{other:?}");
    }
}

#[test]
fn replies_are_taken_from_the_front_of_a_buffer() {
    let mut replies = ReplyBuffer::new(Resp3);
    replies.push(2).bulk("message").bulk("hello").simple("OK");
    let mut decoder = ReplyDecoder::default();
    let mut buffer = BytesMut::new();
    let mut kinds = Vec::new();
    for byte in replies.as_bytes() {
        buffer.extend_from_slice(&[*byte]);
        while let Some(reply) = decoder.decode(&mut buffer).unwrap() {
            kinds.push(reply.kind());
        }
    }
    assert_eq!(kinds, [ReplyKind::Push, ReplyKind::Simple]);
    assert!(buffer.is_empty());
    buffer.extend_from_slice(b"?\r\n");
    let error = decoder.decode(&mut buffer).unwrap_err();
    assert!(error.is_protocol());
    assert_eq!(decoder.decode(&mut buffer).unwrap_err(), error);
}

#[test]
fn a_long_reply_reserves_what_it_lacks_and_no_more_than_has_arrived() {
    let mut decoder = ReplyDecoder::new(Limits::default());
    let mut buffer = BytesMut::from("$100000\r\nabc");
    assert!(decoder.decode(&mut buffer).unwrap().is_none());
    assert!(buffer.capacity() - buffer.len() >= 99_999);
    buffer.resize(9 + 100_000, b'x');
    let start = buffer.as_ptr();
    buffer.extend_from_slice(b"\r\n");
    let reply = decoder.decode(&mut buffer).unwrap().unwrap();
    // Neither grown again nor copied.
    assert_eq!(reply.as_bytes().as_ptr(), start);

    let mut buffer = BytesMut::from("$500000000\r\n");
    assert!(decoder.decode(&mut buffer).unwrap().is_none());
    assert!(buffer.capacity() <= (1 << 20) + (16 << 10));
}
