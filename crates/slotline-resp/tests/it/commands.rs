//! What a server reads: the same commands and the same error however the bytes
//! are cut.

use bytes::{BufMut, BytesMut};
use slotline_resp::{
    CommandBuffer, CommandDecoder, CommandInfo, Error, Limits, ReceivedCommand, Run, Scanner, known,
};

/// The commands in `bytes`, given in pieces that end at `cuts`, up to the first
/// error; and how many bytes were left over, or that error.
pub(crate) fn decode_cut(
    limits: Limits,
    bytes: &[u8],
    cuts: &[usize],
) -> (Vec<ReceivedCommand>, Result<usize, Error>) {
    let mut decoder = CommandDecoder::new(limits);
    let mut buffer = BytesMut::new();
    let mut commands = Vec::new();
    let mut start = 0;
    for &cut in cuts.iter().chain([&bytes.len()]) {
        buffer.extend_from_slice(&bytes[start..cut]);
        start = cut;
        loop {
            match decoder.decode(&mut buffer) {
                Ok(Some(command)) => commands.push(command),
                Ok(None) => break,
                Err(error) => {
                    assert_eq!(decoder.decode(&mut buffer).unwrap_err(), error, "it stays");
                    return (commands, Err(error));
                }
            }
        }
    }
    (commands, Ok(buffer.len()))
}

pub(crate) fn args_of(commands: &[ReceivedCommand]) -> Vec<Vec<Vec<u8>>> {
    let args = |command: &ReceivedCommand| {
        let args: Vec<Vec<u8>> = command.args().map(<[u8]>::to_vec).collect();
        for (index, arg) in args.iter().enumerate() {
            assert_eq!(command.arg(index).as_deref(), Some(&arg[..]));
        }
        assert_eq!(command.arg(args.len()), None);
        assert_eq!((command.len(), command.is_empty()), (args.len(), false));
        args
    };
    commands.iter().map(args).collect()
}

/// The arguments of each command, and what came after them; the same whole, byte
/// by byte, and cut at every position.
fn check(limits: Limits, bytes: &[u8]) -> (Vec<Vec<Vec<u8>>>, Result<usize, Error>) {
    let result = |cuts: &[usize]| {
        let (commands, end) = decode_cut(limits, bytes, cuts);
        (args_of(&commands), end)
    };
    let whole = result(&[]);
    let each: Vec<usize> = (0..bytes.len()).collect();
    assert_eq!(result(&each), whole, "byte by byte");
    for cut in 0..bytes.len() {
        assert_eq!(result(&[cut]), whole, "cut at {cut}");
    }
    whole
}

#[track_caller]
fn reads(text: impl AsRef<[u8]>, expected: &[&[&[u8]]]) {
    let text = text.as_ref();
    let shown = text.escape_ascii();
    let (commands, left) = check(Limits::default(), text);
    assert_eq!(commands, expected, "{shown}");
    assert_eq!(left, Ok(0), "{shown}");
}

#[track_caller]
fn broken(text: impl AsRef<[u8]>, offset: usize, what: &str) {
    let text = text.as_ref();
    let shown = text.escape_ascii();
    let (_, end) = check(Limits::default(), text);
    let error = end.unwrap_err();
    assert!(error.is_protocol(), "{shown}: {error}");
    assert_eq!(error.offset(), Some(offset), "{shown}: {error}");
    assert!(error.to_string().ends_with(what), "{shown}: {error}");
}

#[track_caller]
fn beyond(limits: Limits, text: &str, offset: usize, what: &str) {
    let error = check(limits, text.as_bytes()).1.unwrap_err();
    assert!(error.is_limit(), "{text:?}: {error}");
    assert_eq!(error.offset(), Some(offset), "{text:?}: {error}");
    assert!(error.to_string().starts_with(what), "{text:?}: {error}");
}

#[test]
fn a_command_is_an_array_of_bulk_strings() {
    reads(
        "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n*1\r\n$4\r\nping\r\n",
        &[&[b"GET", b"k"], &[b"ping"]],
    );
    reads(
        b"*2\r\n$0\r\n\r\n$5\r\n\r\n*1\xff\r\n",
        &[&[b"", b"\r\n*1\xff"]],
    );
    let args = [&b"x"[..]; 9];
    reads(format!("*9\r\n{}", "$1\r\nx\r\n".repeat(9)), &[&args]);
    let (commands, left) = check(Limits::default(), b"*1\r\n$1\r\nx\r\n*2\r\n$1\r\n");
    assert_eq!((commands.len(), left), (1, Ok(8)));
}

#[test]
fn an_empty_line_is_no_command() {
    reads("\r\n\n \t\r\n*0\r\n*-1\r\n", &[]);
    reads(
        "*0\r\n\nPING\r\n*-1\r\n*1\r\n$1\r\nx\r\n\n",
        &[&[b"PING"], &[b"x"]],
    );
    // The offset counts from the command's own first byte.
    broken(
        "\r\n*0\r\n*1\r\n:1\r\n",
        4,
        "bulk string expected in a command",
    );
}

#[test]
fn a_line_is_a_command_too() {
    reads("PING\r\n", &[&[b"PING"]]);
    reads("ping\n", &[&[b"ping"]]);
    reads("  SET\tk \x0b v\x0c \r\n", &[&[b"SET", b"k", b"v\x0c"]]);
    reads("GET k\r\nGET l\n", &[&[b"GET", b"k"], &[b"GET", b"l"]]);
    reads("$3\r\n", &[&[b"$3"]]);
    reads(b"\xff \xc3\xa9\n", &[&[b"\xff", b"\xc3\xa9"]]);
    reads("a\rb\n", &[&[b"a", b"b"]]);
    let (commands, left) = check(Limits::default(), b"GET k");
    assert_eq!((commands.len(), left), (0, Ok(5)));
}

#[test]
fn quotes_hold_an_argument_together() {
    reads(
        r#"SET k "a b" '' """#.to_owned() + "\n",
        &[&[b"SET", b"k", b"a b", b"", b""]],
    );
    reads(
        br#""\n\r\t\b\a\\\"\q\x41\xfF\x4\xg1'" x"#
            .iter()
            .chain(b"\n")
            .copied()
            .collect::<Vec<_>>(),
        &[&[b"\n\r\t\x08\x07\\\"qA\xffx4xg1'", b"x"]],
    );
    reads("'a\\'b\\n\"' y\n", &[&[b"a'b\\n\"", b"y"]]);
    // A quote may open within a word, and ends it when it closes.
    reads("a\"b c\" d\r\n", &[&[b"ab c", b"d"]]);
    reads("\"\\x00\"\n", &[&[b"\0"]]);
}

#[test]
fn unbalanced_quotes_are_an_error() {
    const WHAT: &str = "unbalanced quotes in an inline command";
    broken("GET \"k\r\n", 4, WHAT);
    broken("GET 'k\n", 4, WHAT);
    broken("\"k\\\"\n", 0, WHAT);
    broken("\"k\\\n", 0, WHAT);
    broken("'k\\'\n", 0, WHAT);
    broken("GET \"k\"x\n", 7, WHAT);
    broken("GET 'k''x'\n", 7, WHAT);
    broken("GET \"a\"\"b\"\n", 7, WHAT);
    broken("GET k\0\n", 5, "NUL byte in an inline command");
}

#[test]
fn only_bulk_strings_are_arguments() {
    const WHAT: &str = "bulk string expected in a command";
    broken("*1\r\n:1\r\n", 4, WHAT);
    broken("*1\r\n*1\r\n", 4, WHAT);
    broken("*1\r\n+x\r\n", 4, WHAT);
    broken("*2\r\n$1\r\nx\r\nGET\r\n", 11, WHAT);
    broken("*1\r\n\r\n", 4, WHAT);
}

#[test]
fn lengths_and_counts_are_digits_and_nothing_else() {
    broken("*-2\r\n", 1, "negative length");
    broken("*+1\r\n", 1, "digit expected in a length");
    broken("*?\r\n", 1, "digit expected in a length");
    broken("*01\r\n", 1, "leading zero in a length");
    broken("*1 \r\n", 2, "digit expected in a length");
    broken("*\r\n", 1, "digit expected in a length");
    broken("*1\n", 2, "digit expected in a length");
    broken("*1\rX", 3, "CR without LF");
    broken("*18446744073709551616\r\n", 1, "length out of range");
    broken("*1\r\n$-1\r\n", 5, "negative length");
    broken("*1\r\n$-5\r\n", 5, "negative length");
    broken("*1\r\n$?\r\n", 5, "digit expected in a length");
    broken("*1\r\n$00\r\n", 5, "leading zero in a length");
    broken("*1\r\n$x\r\n", 5, "digit expected in a length");
    broken("*1\r\n$18446744073709551615\r\n", 5, "length out of range");
    broken("*1\r\n$1\r\nxyz", 9, "CR LF expected after a string");
    broken("*1\r\n$1\r\nx\rz", 9, "CR LF expected after a string");
}

#[test]
fn limits_are_met_before_anything_is_kept() {
    const MANY: &str = "element count exceeds the limit of 4";
    let few = Limits::default().elements(4);
    beyond(few, "*4\r\n", 0, MANY);
    beyond(few, "a b c d\n", 0, MANY);
    const LONG: &str = "string length exceeds the limit of 4";
    const LINE: &str = "inline command length exceeds the limit of 4";
    let small = Limits::default().bulk(4);
    beyond(small, "*1\r\n$5\r\n", 8, LONG);
    beyond(small, "abcde\n", 4, LINE);
    beyond(small, "abcd\r\n", 4, LINE);
    beyond(small, "abcde", 4, LINE);
    const TOTAL: &str = "command length exceeds the limit of 11";
    let short = Limits::default().total(11);
    beyond(short, "*1\r\n$2\r\n", 11, TOTAL);
    beyond(short, "*2\r\n$1\r\nx\r\n$", 11, TOTAL);
    beyond(short, "abcdefghijk\n", 10, "inline command length");
    // What is wrong beyond the limit does not count.
    beyond(short, "*1\r\n$99999999999999999999\r\n", 11, TOTAL);
    beyond(short, "*2\r\n$1\r\nx\r\n:1\r\n", 11, TOTAL);
    beyond(Limits::default(), "*134217728\r\n", 0, "element count");
    beyond(Limits::default(), "*1\r\n$536870913\r\n", 16, "string");
    // At its limits exactly, a command is fine.
    let exact = Limits::default().bulk(1).elements(2).total(11);
    assert_eq!(check(exact, b"*1\r\n$1\r\nx\r\nx\n").0.len(), 2);
}

#[test]
fn a_line_has_at_most_64_kib() {
    let longest = format!("{}\n", "x".repeat(64 << 10));
    let (commands, end) = decode_cut(Limits::default(), longest.as_bytes(), &[9, 60_000]);
    assert_eq!((commands.len(), end), (1, Ok(0)));
    for rest in ["x\n", "x", "\r\n"] {
        let longer = "x".repeat(64 << 10) + rest;
        for cuts in [&[][..], &[65_536], &[9, 60_000]] {
            let (commands, end) = decode_cut(Limits::default(), longer.as_bytes(), cuts);
            assert!(commands.is_empty());
            assert_eq!(end.unwrap_err().offset(), Some(64 << 10));
        }
    }
}

#[test]
fn a_million_arguments_in_1_kib_pieces_are_one_command() {
    let mut buffer = CommandBuffer::new();
    buffer.begin(&known::MGET, 1_000_000);
    for n in 0..1_000_000 {
        buffer.key(&n);
    }
    let bytes = buffer.freeze().to_vec();
    let cuts: Vec<usize> = (0..bytes.len()).step_by(1024).collect();
    let (commands, end) = decode_cut(Limits::default(), &bytes, &cuts);
    assert_eq!((commands.len(), end), (1, Ok(0)));
    let command = &commands[0];
    assert_eq!(command.len(), 1_000_001);
    assert_eq!(command.arg(1_000_000).unwrap(), "999999");
    let sum: usize = command.args().skip(1).map(<[u8]>::len).sum();
    assert_eq!(sum, 5_888_890);
}

/// Reads as a socket does: into the room that there is.
#[test]
fn a_long_argument_reserves_what_it_lacks_and_no_more_than_has_arrived() {
    const LONG: usize = 16 << 20;
    let mut frame = format!("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n${LONG}\r\n").into_bytes();
    frame.resize(frame.len() + LONG, b'v');
    frame.extend_from_slice(b"\r\n");
    let mut decoder = CommandDecoder::new(Limits::default());
    let mut buffer = BytesMut::with_capacity(16 << 10);
    let mut rest = &frame[..];
    let mut moves = 0;
    let command = loop {
        if buffer.capacity() == buffer.len() {
            buffer.reserve(1);
        }
        let room = buffer.capacity() - buffer.len();
        let (piece, after) = rest.split_at(rest.len().min(room).min(16 << 10));
        buffer.put_slice(piece);
        rest = after;
        let before = buffer.as_ptr();
        let capacity = buffer.capacity();
        if let Some(command) = decoder.decode(&mut buffer).unwrap() {
            break command;
        }
        moves += usize::from(buffer.as_ptr() != before || buffer.capacity() != capacity);
        let ahead = buffer.capacity() - buffer.len();
        assert!(
            ahead <= buffer.len().max(1 << 20) + (16 << 10),
            "{ahead} ahead of {}",
            buffer.len()
        );
    };
    // 1, 2, 4, 8 and 16 MiB: each time twice what there was.
    assert!((1..=6).contains(&moves), "moved {moves} times");
    assert_eq!(command.as_bytes(), &frame);
    let value = command.arg(2).unwrap();
    assert_eq!(value.len(), LONG);
    let start = frame.len() - LONG - 2;
    assert_eq!(value.as_ptr(), command.as_bytes()[start..].as_ptr());
    // What is announced and does not come costs nothing to speak of.
    let mut buffer = BytesMut::from("*1\r\n$500000000\r\n");
    let waiting = CommandDecoder::new(Limits::default()).decode(&mut buffer);
    assert!(waiting.unwrap().is_none());
    assert!(buffer.capacity() <= (1 << 20) + (16 << 10));
}

fn one(text: impl AsRef<[u8]>) -> ReceivedCommand {
    let (mut commands, end) = decode_cut(Limits::default(), text.as_ref(), &[]);
    assert_eq!((commands.len(), end), (1, Ok(0)));
    commands.remove(0)
}

#[test]
fn the_facts_about_a_command_are_found_by_its_name() {
    let info = |text: &str| one(text).info();
    assert_eq!(info("get k\n"), &known::GET);
    assert_eq!(info("config Get x\n"), &known::CONFIG_GET);
    assert_eq!(info("config\n"), &known::CONFIG);
    assert_eq!(info("config nonsense\n"), &known::CONFIG);
    assert_eq!(info("get config\n"), &known::GET);
    assert_eq!(info("no.such x\n"), &CommandInfo::UNKNOWN);
    assert_eq!(info("\"CONFIG GET\" x\n"), &CommandInfo::UNKNOWN);
    assert_eq!(one("config Get x\n").name(), "CONFIG GET");
    assert_eq!(one("No.Such x\n").name(), "No.Such");
    assert_eq!(one("*1\r\n$0\r\n\r\n").name(), "");
    assert_eq!(one(b"\xff\n").name(), "?");
}

#[test]
fn debug_shows_the_name_only() {
    let command = one("set secret secret\n");
    assert_eq!(format!("{command:?}"), "SET");
    assert_eq!(format!("{:?}", command.clone()), "SET");
    let mut decoder = CommandDecoder::new(Limits::default());
    let mut buffer = BytesMut::from("*2\r\n$6\r\nsecret\r\n$9\r\nsec");
    assert!(decoder.decode(&mut buffer).unwrap().is_none());
    assert!(!format!("{decoder:?}").contains("sec"), "{decoder:?}");
}

#[test]
fn a_received_command_is_sent_on() {
    let text = "*3\r\n$3\r\nset\r\n$1\r\nk\r\n$3\r\na b\r\n";
    let array = one(text);
    assert_eq!(array.as_bytes(), text);
    assert!(!array.is_inline());
    let inline = one("set k \"a b\"\r\n");
    assert_eq!(inline.as_bytes(), "set k \"a b\"\r\n");
    assert!(inline.is_inline());

    let mut buffer = CommandBuffer::new();
    buffer.begin(&known::GET, 3).key("before");
    buffer.append_received(&array).append_received(&inline);
    buffer.append_received(&one("no.such \"CONFIG GET\"\n"));
    buffer
        .append_received(&one("\"CONFIG GET\" x\n"))
        .arg("more");
    buffer
        .append_received(&one("*1\r\n$4\r\nmget\r\n"))
        .key("later");
    let commands = buffer.freeze();
    let sent: Vec<Vec<u8>> = commands.iter().map(|command| command.to_vec()).collect();
    assert_eq!(sent[0], b"*2\r\n$3\r\nGET\r\n$6\r\nbefore\r\n");
    assert_eq!(sent[1], text.as_bytes());
    assert_eq!(sent[2], text.as_bytes());
    assert_eq!(sent[3], b"*2\r\n$7\r\nno.such\r\n$10\r\nCONFIG GET\r\n");
    assert_eq!(
        sent[4],
        b"*3\r\n$10\r\nCONFIG GET\r\n$1\r\nx\r\n$4\r\nmore\r\n"
    );
    assert_eq!(sent[5], b"*2\r\n$4\r\nmget\r\n$5\r\nlater\r\n");
    let keys: Vec<Vec<&[u8]>> = commands.iter().map(|c| c.keys().collect()).collect();
    let expected: [&[&[u8]]; 6] = [&[b"before"], &[b"k"], &[b"k"], &[], &[], &[b"later"]];
    assert_eq!(keys, expected);
    for command in sent {
        let scanned = Scanner::new(Limits::default()).scan(&command);
        assert_eq!(scanned, Ok(Some(command.len())));
    }
}

#[test]
fn a_large_argument_is_sent_on_from_where_it_lies() {
    let large = "v".repeat(16 << 10);
    let array = one(format!(
        "*5\r\n$4\r\nMSET\r\n$1\r\na\r\n${0}\r\n{large}\r\n${0}\r\n{large}\r\n$1\r\n1\r\n",
        large.len()
    ));
    let inline = one(format!("set k {large}\n"));
    let mut buffer = CommandBuffer::new();
    buffer.append_received(&array).append_received(&inline);
    let commands = buffer.freeze();
    let expected = format!("*3\r\n$3\r\nset\r\n$1\r\nk\r\n$16384\r\n{large}\r\n");
    assert_eq!(commands.get(0).unwrap().to_vec(), array.as_bytes()[..]);
    assert_eq!(commands.get(1).unwrap().to_vec(), expected.as_bytes());
    let keys: Vec<&[u8]> = commands.iter().flat_map(|command| command.keys()).collect();
    assert_eq!(keys, [b"a", large.as_bytes(), b"k"]);
    let mut shared = Vec::new();
    commands.for_each_run(|run| {
        if let Run::Shared(bytes) = run {
            shared.push(bytes.as_ptr());
        }
    });
    let given = [array.arg(2), array.arg(3), inline.arg(2)];
    assert_eq!(shared, given.map(|arg| arg.unwrap().as_ptr()));
}
