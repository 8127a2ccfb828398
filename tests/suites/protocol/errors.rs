//! Errors: any text that `DEBUG ERROR` can be made to send, and errors in earnest.

use slotline_resp::{Delivery, Error, Replies, Reply, Value, command_info};

use crate::connection::{Connection, in_both};
use crate::values::error;

/// Each code that servers use, and what it says of a GET.
const CODES: &[(&str, Delivery)] = &[
    ("MOVED 1234 127.0.0.1:7001", Delivery::Rejected),
    ("MOVED 1234 [::1]:7001", Delivery::Rejected),
    ("MOVED 1234 :7001", Delivery::Rejected),
    ("ASK 16383 host.example:7001", Delivery::Rejected),
    ("TRYAGAIN half of it is elsewhere", Delivery::Rejected),
    ("CLUSTERDOWN The cluster is down", Delivery::Rejected),
    ("CLUSTERDOWN Hash slot not served", Delivery::Rejected),
    ("LOADING from disk", Delivery::Rejected),
    ("MASTERDOWN no link", Delivery::Rejected),
    ("READONLY a replica", Delivery::Rejected),
    ("NOREPLICAS too few", Delivery::Rejected),
    ("OOM no memory", Delivery::Rejected),
    ("MISCONF cannot save", Delivery::Rejected),
    ("BUSY with a script", Delivery::Rejected),
    ("NOSCRIPT of that name", Delivery::Rejected),
    ("NOAUTH who are you", Delivery::Rejected),
    ("WRONGPASS not that", Delivery::Rejected),
    ("NOPERM not you", Delivery::Rejected),
    ("CROSSSLOT not together", Delivery::Rejected),
    ("EXECABORT not at all", Delivery::Rejected),
    ("DENIED from outside", Delivery::Rejected),
    ("NOPROTO such", Delivery::Rejected),
    ("UNBLOCKED by force", Delivery::Rejected),
    ("WRONGTYPE of value", Delivery::Answered),
    ("ERR max number of clients reached", Delivery::Answered),
    ("ERR Protocol error: so they say", Delivery::Answered),
];

async fn provoke(connection: &mut Connection, text: &[u8]) -> Reply {
    connection.ask(&[b"DEBUG", &b"ERROR"[..], text]).await
}

/// That all ways of looking at an error see `line` and `code` in it.
#[track_caller]
fn says(reply: &Reply, line: &str, code: &str) {
    assert!(reply.is_error() && !reply.is_push());
    assert_eq!(reply.error_line().as_deref(), Some(line));
    assert_eq!(reply.error_code(), Some(code), "{line:?}");

    let told = reply.error().expect("it is an error");
    assert!(told.is_server());
    assert_eq!(told.code(), Some(code), "{line:?}");
    assert_eq!(told.message(), line);
    assert_eq!(told.to_string(), line);
    assert_eq!(told, Error::server(line));

    let mut replies = Replies::new();
    replies.push_segment(reply.as_bytes().clone(), [reply.as_bytes().len()]);
    assert!(replies.is_error(0));
    // Borrowed, it ends where it is no text; elsewhere that is replaced.
    assert_eq!(replies.error_line(0), line.split('\u{fffd}').next());
    assert_eq!(replies.get(0).as_ref(), Some(reply));

    // It is Err for every type, Option too, and costs no more than its place.
    assert_eq!(reply.decode::<String>(), Err(told.clone()));
    assert_eq!(reply.decode::<Option<i64>>(), Err(told.clone()));
    assert_eq!(reply.decode::<Vec<bool>>(), Err(told.clone()));
    assert_eq!(reply.decode::<Value>(), Err(told.clone()));
    assert_eq!(reply.decode::<Result<i64, Error>>(), Ok(Err(told.clone())));

    let value = reply.value().expect("it was scanned");
    let message = line[code.len()..].strip_prefix(' ').unwrap_or_default();
    assert_eq!(value, error(code, message));
    let back = value.to_error().expect("it is an error");
    assert_eq!(back.code(), told.code());
    if line != format!("{code} ") {
        assert_eq!(back, told);
    }
}

#[tokio::test]
async fn every_code_is_the_first_word_and_says_whether_the_command_ran() {
    in_both(async |connection| {
        for (line, delivery) in CODES {
            let reply = provoke(connection, line.as_bytes()).await;
            let code = line.split(' ').next().unwrap_or_default();
            says(&reply, line, code);
            let of = Delivery::of_error(command_info("GET"), line);
            assert_eq!(of, *delivery, "{line}");
        }
    })
    .await;
}

/// The specification of RESP3, "Simple types": the code goes from the first byte to
/// the first space or newline, so there may be none.
#[tokio::test]
async fn odd_spacing_is_kept_and_the_code_ends_at_the_first_space() {
    in_both(async |connection| {
        for (line, code) in [
            ("", ""),
            (" ", ""),
            ("  leading", ""),
            ("ALONE", "ALONE"),
            ("ERR ", "ERR"),
            ("ERR   many   spaces   ", "ERR"),
            ("ERR \ttab", "ERR"),
            ("ERR\ttab first", "ERR\ttab"),
            ("lower case", "lower"),
            ("-ERR with a marker", "-ERR"),
            ("!5 another marker", "!5"),
            ("ERR +OK", "ERR"),
            ("ERR $5 *3 :1", "ERR"),
            ("ERR \u{7f}\u{1b}[31m", "ERR"),
        ] {
            let reply = provoke(connection, line.as_bytes()).await;
            says(&reply, line, code);
        }
    })
    .await;
}

/// The server puts a space for each CR and LF, or its line would end there.
#[tokio::test]
async fn line_breaks_arrive_as_spaces() {
    in_both(async |connection| {
        for (sent, line, code) in [
            ("ERR two\r\nlines", "ERR two  lines", "ERR"),
            ("\r\n", "  ", ""),
            ("ERR\n:1", "ERR :1", "ERR"),
            ("ERR \r\n-MOVED 1 a:1\r\n", "ERR   -MOVED 1 a:1  ", "ERR"),
        ] {
            let reply = provoke(connection, sent.as_bytes()).await;
            says(&reply, line, code);
        }
    })
    .await;
}

#[tokio::test]
async fn text_beyond_ascii_is_kept_and_what_is_no_text_is_replaced() {
    in_both(async |connection| {
        for line in ["ERR café 世界 🦀", "ÄRGER gibt es", "🦀"] {
            let reply = provoke(connection, line.as_bytes()).await;
            let code = line.split(' ').next().unwrap_or_default();
            says(&reply, line, code);
        }
        let reply = provoke(connection, b"ERR \xff\xfe\0end").await;
        says(&reply, "ERR \u{fffd}\u{fffd}\0end", "ERR");
    })
    .await;
}

#[tokio::test]
async fn a_long_error_is_whole() {
    in_both(async |connection| {
        for len in [100, 1_000, 5_000, 100_000, 1 << 20] {
            let line = format!("ERR {}", "long ".repeat(len / 5));
            let reply = provoke(connection, line.as_bytes()).await;
            says(&reply, &line, "ERR");
        }
    })
    .await;
}

#[tokio::test]
async fn errors_in_earnest_have_their_codes() {
    in_both(async |connection| {
        connection.set_up(&[&["SET", "text", "x"]]).await;
        for (command, code) in [
            (&["LPUSH", "text", "x"][..], "WRONGTYPE"),
            (&["INCR", "text"], "ERR"),
            (&["GET"], "ERR"),
            (&["NO SUCH COMMAND", "a\r\nb"], "ERR"),
            (&["", "x"], "ERR"),
            (&["HELLO", "4"], "NOPROTO"),
            (&["EVALSHA", "0", "0"], "NOSCRIPT"),
            (&["EXEC"], "ERR"),
            (&["AUTH", "nobody", "nothing"], "WRONGPASS"),
            (
                &["XREADGROUP", "GROUP", "g", "c", "STREAMS", "s", ">"],
                "NOGROUP",
            ),
            (&["EVAL", "return redis.call('INCR', 'text')", "0"], "ERR"),
            (
                &["EVAL", "return redis.error_reply('MOVED 1 a:1')", "0"],
                "MOVED",
            ),
            (&["EVAL", "syntax", "0"], "ERR"),
        ] {
            let reply = connection.ask(command).await;
            assert_eq!(reply.error_code(), Some(code), "{command:?}");
            let line = reply.error_line().expect("it is an error").into_owned();
            says(&reply, &line, code);
        }
        // The name of a key comes back, whatever it is made of.
        let read: [&[u8]; 7] = [
            b"XREADGROUP",
            b"GROUP",
            b"g",
            b"c",
            b"STREAMS",
            b"\xffkey",
            b">",
        ];
        let reply = connection.ask(&read).await;
        let line = reply.error_line().expect("it is an error").into_owned();
        assert!(line.contains("\u{fffd}key"), "{line:?}");
        says(&reply, &line, "NOGROUP");
        // So does that of an unknown command.
        let reply = connection.ask(&["no\r\nsuch\u{e9}"]).await;
        let line = reply.error_line().expect("it is an error").into_owned();
        assert!(line.contains("no  such\u{e9}"), "{line:?}");
        says(&reply, &line, "ERR");
    })
    .await;
}
