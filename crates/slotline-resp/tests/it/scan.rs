use slotline_resp::{Error, Limits, Reply, Scanner};

use crate::differential::compare;

/// Scans with each prefix of `bytes` whose length is in `cuts`, then with all
/// of them, until the frame is complete or broken.
pub(crate) fn scan_cut(
    limits: Limits,
    bytes: &[u8],
    cuts: &[usize],
) -> Result<Option<usize>, Error> {
    let mut scanner = Scanner::new(limits);
    for &cut in cuts {
        if let Some(len) = scanner.scan(&bytes[..cut])? {
            assert!(len <= cut, "a frame longer than what was there");
            return Ok(Some(len));
        }
    }
    scanner.scan(bytes)
}

/// The result of scanning `bytes`, the same whole, byte by byte, and cut at
/// every position.
fn check(limits: Limits, bytes: &[u8]) -> Result<Option<usize>, Error> {
    let whole = scan_cut(limits, bytes, &[]);
    let each: Vec<usize> = (0..bytes.len()).collect();
    assert_eq!(scan_cut(limits, bytes, &each), whole, "byte by byte");
    for cut in 0..bytes.len() {
        assert_eq!(scan_cut(limits, bytes, &[cut]), whole, "cut at {cut}");
    }
    whole
}

#[track_caller]
fn whole(text: &str) {
    let limits = Limits::default();
    let bytes = text.as_bytes();
    compare(bytes);
    assert_eq!(check(limits, bytes), Ok(Some(bytes.len())), "{text:?}");
    let longer = format!("{text}:1\r\n");
    assert_eq!(check(limits, longer.as_bytes()), Ok(Some(bytes.len())));
    for cut in 0..bytes.len() {
        assert_eq!(check(limits, &bytes[..cut]), Ok(None), "{text:?} to {cut}");
    }
}

#[track_caller]
fn broken(text: &str, offset: usize, what: &str) {
    compare(text.as_bytes());
    let error = check(Limits::default(), text.as_bytes()).unwrap_err();
    assert!(error.is_protocol(), "{text:?}: {error}");
    assert_eq!(error.offset(), Some(offset), "{text:?}: {error}");
    assert!(error.to_string().ends_with(what), "{text:?}: {error}");
    let reply = Reply::from_frame(text.to_owned().into());
    assert_eq!(reply.unwrap_err(), error);
}

#[track_caller]
fn beyond(limits: Limits, text: &str, what: &str) {
    let error = check(limits, text.as_bytes()).unwrap_err();
    assert!(error.is_limit(), "{text:?}: {error}");
    assert!(error.to_string().starts_with(what), "{text:?}: {error}");
}

#[test]
fn every_type_of_both_versions_is_one_frame() {
    for text in [
        "+OK\r\n",
        "+\r\n",
        "-ERR unknown command\r\n",
        ":0\r\n",
        ":-9223372036854775808\r\n",
        ":9223372036854775807\r\n",
        ":+5\r\n",
        "$0\r\n\r\n",
        "$5\r\nhello\r\n",
        "$4\r\n\r\n\r\n\r\n",
        "$-1\r\n",
        "*-1\r\n",
        "_\r\n",
        "*0\r\n",
        "*2\r\n:1\r\n$1\r\na\r\n",
        "*2\r\n*1\r\n*0\r\n*-1\r\n",
        "#t\r\n",
        "#f\r\n",
        ",1\r\n",
        ",1.5\r\n",
        ",-1.0000000000000001e+300\r\n",
        ",1E5\r\n",
        ",inf\r\n",
        ",-inf\r\n",
        ",nan\r\n",
        ",-nan\r\n",
        "(3492890328409238509324850943850943825024385\r\n",
        "(-1\r\n",
        // A script's word for it, which no server checks.
        "(abc\r\n",
        "(\r\n",
        "!21\r\nSYNTAX invalid\r\nsynta\r\n",
        "=8\r\nmkd:text\r\n",
        "=4\r\ntxt:\r\n",
        "%0\r\n",
        "%2\r\n+a\r\n:1\r\n*1\r\n:1\r\n_\r\n",
        "~2\r\n:1\r\n:1\r\n",
        ">2\r\n+message\r\n+hi\r\n",
    ] {
        whole(text);
    }
}

#[test]
fn attributes_do_not_count_as_elements() {
    for text in [
        "|1\r\n+ttl\r\n:9\r\n+OK\r\n",
        "|0\r\n+OK\r\n",
        "|1\r\n+a\r\n:1\r\n|1\r\n+b\r\n:2\r\n+OK\r\n",
        "*2\r\n:1\r\n|1\r\n+a\r\n:1\r\n:2\r\n",
        // An attribute on a value of an attribute.
        "|1\r\n+a\r\n|1\r\n+b\r\n:1\r\n:2\r\n*1\r\n|0\r\n:3\r\n",
        "*?\r\n|1\r\n+a\r\n:1\r\n:2\r\n.\r\n",
    ] {
        whole(text);
    }
}

#[test]
fn streamed_strings_and_aggregates_end_where_they_say() {
    for text in [
        "$?\r\n;0\r\n",
        "$?\r\n;4\r\nHell\r\n;1\r\no\r\n;0\r\n",
        "*2\r\n$?\r\n;1\r\na\r\n;0\r\n:1\r\n",
        "*?\r\n.\r\n",
        "*?\r\n:1\r\n*?\r\n:2\r\n.\r\n*1\r\n:3\r\n.\r\n",
        "~?\r\n:1\r\n.\r\n",
        "%?\r\n+a\r\n:1\r\n.\r\n",
        // A push within a reply, as EXEC around SUBSCRIBE gives it.
        "*2\r\n>3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n:5\r\n",
    ] {
        whole(text);
    }
}

#[test]
fn lengths_are_digits_and_nothing_else() {
    broken("$-5\r\n", 1, "negative length");
    broken("*-2\r\n", 1, "negative length");
    broken("%-1\r\n", 1, "negative length");
    broken("!-1\r\n", 1, "negative length");
    broken("$+5\r\nhello\r\n", 1, "digit expected in a length");
    broken("$05\r\nhello\r\n", 1, "leading zero in a length");
    broken("*00\r\n", 1, "leading zero in a length");
    broken("$\r\n", 1, "digit expected in a length");
    broken("$5x\r\nhello\r\n", 2, "digit expected in a length");
    broken("*99999999999999999999\r\n", 1, "length out of range");
    broken("$18446744073709551615\r\n", 1, "length out of range");
    broken("%18446744073709551615\r\n", 1, "length out of range");
    broken("|9223372036854775808\r\n", 1, "length out of range");
}

#[test]
fn lines_end_in_cr_and_lf_together() {
    broken("+OK\n", 3, "CR LF expected");
    broken("+O\rK\r\n", 3, "CR without LF");
    broken("$5\nhello\r\n", 2, "digit expected in a length");
    broken("$5\rhello\r\n", 3, "CR without LF");
    broken("$5\r\nhelloXY", 9, "CR LF expected after a string");
    broken("$5\r\nhello\rX", 9, "CR LF expected after a string");
    broken("_x\r\n", 1, "CR LF expected");
    broken("*1\r\n:1\n", 6, "digit expected in an integer");
}

#[test]
fn scalars_are_spelt_as_specified() {
    broken("#x\r\n", 1, "a boolean is t or f");
    broken("#true\r\n", 2, "CR LF expected");
    broken(":\r\n", 1, "digit expected in an integer");
    broken(":1.5\r\n", 2, "digit expected in an integer");
    broken(":--1\r\n", 2, "digit expected in an integer");
    broken(":9223372036854775808\r\n", 1, "integer out of range");
    broken(":-9223372036854775809\r\n", 1, "integer out of range");
    broken(",.5\r\n", 1, "not a double");
    broken(",1.\r\n", 1, "not a double");
    broken(",1e\r\n", 1, "not a double");
    broken(",infinity\r\n", 1, "not a double");
    broken(",\r\n", 1, "not a double");
    broken("=3\r\ntxt\r\n", 4, "verbatim string without its format");
    broken("=5\r\ntext:\r\n", 4, "verbatim string without its format");
}

#[test]
fn what_is_out_of_place_is_refused() {
    broken("HTTP/1.1 400\r\n", 0, "unknown type byte");
    broken("*1\r\nX\r\n", 4, "unknown type byte");
    broken(";1\r\na\r\n", 0, "chunk outside a streamed string");
    broken("*1\r\n;0\r\n", 4, "chunk outside a streamed string");
    broken("$?\r\n:1\r\n", 4, "chunk expected in a streamed string");
    broken(".\r\n", 0, "end mark outside a streamed aggregate");
    broken("*1\r\n.\r\n", 4, "end mark outside a streamed aggregate");
    broken("%?\r\n:1\r\n.\r\n", 8, "odd number of elements in a map");
    broken("*?\r\n|0\r\n.\r\n", 8, "attribute without its element");
    broken(
        "*?\r\n|1\r\n:1\r\n:2\r\n.\r\n",
        16,
        "attribute without its element",
    );
    broken(">?\r\n", 1, "digit expected in a length");
}

#[test]
fn an_error_stays() {
    let mut scanner = Scanner::new(Limits::default());
    let first = scanner.scan(b"X").unwrap_err();
    assert_eq!(scanner.scan(b"+OK\r\n").unwrap_err(), first);
}

#[test]
fn limits_are_met_before_anything_is_kept() {
    let tight = Limits::default().bulk(4).elements(4).depth(2).total(64);
    beyond(tight, "$5\r\n", "string length exceeds the limit of 4");
    beyond(tight, "+hello\r\n", "string length");
    beyond(tight, "$?\r\n;3\r\nabc\r\n;2\r\n", "string length");
    beyond(tight, "*5\r\n", "element count exceeds the limit of 4");
    beyond(tight, "%2\r\n", "element count");
    beyond(tight, "*2\r\n*1\r\n:1\r\n*1\r\n:1\r\n", "element count");
    beyond(tight, "|0\r\n|0\r\n|0\r\n|0\r\n|0\r\n", "element count");
    beyond(
        tight,
        "*1\r\n*1\r\n*1\r\n",
        "nesting depth exceeds the limit of 2",
    );
    beyond(tight.elements(8), "*1\r\n|1\r\n*1\r\n", "nesting depth");
    beyond(Limits::default(), "$536870913\r\n", "string length");
    beyond(Limits::default(), "*134217728\r\n", "element count");
    beyond(
        Limits::default().total(8),
        "*3\r\n:1\r\n:2\r\n",
        "frame length exceeds the limit of 8",
    );
    beyond(Limits::default().total(8), "$9\r\n", "frame length");
    beyond(Limits::default().total(8), "+abcdefgh", "frame length");
    // What is wrong beyond the limit does not count, however it was cut.
    let short = Limits::default().total(8);
    beyond(short, "$99999999999999999999\r\n", "frame length");
    beyond(short, "*2\r\n:1\r\n:x\r\n", "frame length");
    // At its limits exactly, a frame is fine.
    let text = b"*2\r\n*1\r\n$4\r\nabcd\r\n:1\r\n";
    assert_eq!(check(tight, text), Ok(Some(text.len())));
}

#[test]
fn missing_counts_the_rest_of_the_bulk() {
    let mut scanner = Scanner::new(Limits::default());
    assert_eq!(scanner.scan(b"*1\r\n$1"), Ok(None));
    assert_eq!(scanner.missing(), 0);
    assert_eq!(scanner.scan(b"*1\r\n$100\r\nabc"), Ok(None));
    assert_eq!(scanner.missing(), 99);
    let full = [b"*1\r\n$100\r\n".as_slice(), &[b'x'; 100], b"\r\n"].concat();
    assert_eq!(scanner.scan(&full), Ok(Some(full.len())));
    assert_eq!(scanner.missing(), 0);
}

#[test]
fn a_million_elements_in_1_kib_pieces_are_linear() {
    let mut frame = b"*1000000\r\n".to_vec();
    for n in 0..1_000_000 {
        frame.extend_from_slice(format!(":{n}\r\n").as_bytes());
    }
    let cuts: Vec<usize> = (0..frame.len()).step_by(1024).collect();
    // Starting over at each piece would look at 32 GB and not end here.
    let scanned = scan_cut(Limits::default(), &frame, &cuts);
    assert_eq!(scanned, Ok(Some(frame.len())));
    let numbers: Vec<u32> = Reply::from_scanned(frame.into()).decode().unwrap();
    assert!(numbers.iter().copied().eq(0..1_000_000));
}

#[test]
fn long_lines_and_long_bodies_byte_by_byte_are_linear() {
    let line = format!("+{}\r\n", "x".repeat(200_000));
    let body = format!("$200000\r\n{}\r\n", "x".repeat(200_000));
    for frame in [line, body] {
        let cuts: Vec<usize> = (0..frame.len()).collect();
        let scanned = scan_cut(Limits::default(), frame.as_bytes(), &cuts);
        assert_eq!(scanned, Ok(Some(frame.len())));
    }
}
