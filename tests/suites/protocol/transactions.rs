//! What EXEC answers: errors among results, and pushes within the reply.

use slotline_resp::{Error, Reply, ReplyKind, Value};

use crate::connection::{Connection, Resp3, in_both};
use crate::values::{array, bulk, error, int, simple};

/// Sends a transaction in one write, each of its commands being queued; what EXEC
/// answers are the frames that are still to be read.
async fn transaction(connection: &mut Connection, commands: &[&[&str]]) {
    connection.send(&["MULTI"]).await;
    for command in commands {
        connection.send(command).await;
    }
    connection.send(&["EXEC"]).await;
    let mut frames = connection.frames(1 + commands.len()).await.into_iter();
    let begun = frames.next().expect("MULTI");
    assert_eq!(begun.decode(), Ok("OK"));
    for (queued, command) in frames.zip(commands) {
        assert_eq!(queued.decode(), Ok("QUEUED"), "{command:?}");
    }
}

async fn exec(connection: &mut Connection, commands: &[&[&str]]) -> Reply {
    transaction(connection, commands).await;
    connection.frames(1).await.remove(0)
}

/// The next reply is the answer to what is asked next: nothing is left over.
async fn is_in_step(connection: &mut Connection) {
    let echo: String = connection.get(&["ECHO", "in step"]).await;
    assert_eq!(echo, "in step");
}

#[tokio::test]
async fn an_error_within_exec_costs_no_other_result() {
    in_both(async |connection| {
        let reply = exec(
            connection,
            &[
                &["SET", "k", "v"],
                &["LPUSH", "k", "x"],
                &["GET", "k"],
                &["GET", "none"],
                &["EVAL", "return {err = 'MY own'}", "0"],
            ],
        )
        .await;
        let wrong = "Operation against a key holding the wrong kind of value";
        let expected = array([
            simple("OK"),
            error("WRONGTYPE", wrong),
            bulk("v"),
            Value::Null,
            error("MY", "own"),
        ]);
        assert_eq!(reply.value(), Ok(expected.clone()));
        assert_eq!(reply.decode(), Ok(expected));

        type Each = Result<i64, Error>;
        let typed: (String, Each, String, Option<String>, Each) =
            reply.decode().expect("five of them");
        assert_eq!(
            (typed.0.as_str(), typed.2.as_str(), typed.3),
            ("OK", "v", None)
        );
        assert_eq!(typed.1.expect_err("an error").code(), Some("WRONGTYPE"));
        assert_eq!(typed.4.expect_err("an error").message(), "MY own");

        let each: Vec<Result<Option<String>, Error>> = reply.decode().expect("an array");
        let failed = each.iter().map(Result::is_err);
        assert!(failed.eq([false, true, false, false, true]));
        // Where no Result was asked for, the first error is the reply's.
        let error = reply.decode::<Vec<Option<String>>>().expect_err("an error");
        assert_eq!(error.code(), Some("WRONGTYPE"));
        is_in_step(connection).await;
    })
    .await;
}

#[tokio::test]
async fn a_transaction_that_does_not_run_is_nil_or_an_error() {
    in_both(async |connection| {
        assert_eq!(exec(connection, &[]).await.decode(), Ok([0_u8; 0].to_vec()));

        connection
            .set_up(&[&["WATCH", "k"], &["SET", "k", "v"]])
            .await;
        let reply = exec(connection, &[&["GET", "k"]]).await;
        let nil = connection.either("*-1\r\n", "_\r\n");
        assert_eq!(reply.as_bytes(), nil.as_bytes());
        assert_eq!(reply.decode(), Ok(None::<(String,)>));

        connection.set_up(&[&["MULTI"]]).await;
        let refused = connection.ask(&["GET"]).await;
        assert_eq!(refused.error_code(), Some("ERR"));
        let aborted = connection.ask(&["EXEC"]).await;
        assert_eq!(aborted.error_code(), Some("EXECABORT"));
        is_in_step(connection).await;
    })
    .await;
}

#[tokio::test]
async fn what_confirms_one_channel_is_an_element_of_execs_reply() {
    in_both(async |connection| {
        let commands: &[&[&str]] = &[
            &["SUBSCRIBE", "channel"],
            &["SET", "k", "v"],
            &["PSUBSCRIBE", "pat*"],
            &["INCR", "k"],
        ];
        let reply = exec(connection, commands).await;
        assert_eq!(reply.kind(), ReplyKind::Array);
        assert!(!reply.is_push());
        let told = connection.either(Value::Array as fn(_) -> _, Value::Push);
        let confirmed =
            |kind: &str, channel: &str, count| told([bulk(kind), bulk(channel), int(count)].into());
        let not_an_integer = error("ERR", "value is not an integer or out of range");
        let expected = array([
            confirmed("subscribe", "channel", 1),
            simple("OK"),
            confirmed("psubscribe", "pat*", 2),
            not_an_integer,
        ]);
        assert_eq!(reply.value(), Ok(expected));
        type Confirmed<'a> = (&'a str, &'a str, u32);
        let typed: (Confirmed<'_>, &str, Confirmed<'_>, Result<i64, Error>) =
            reply.decode().expect("four of them");
        assert_eq!(typed.0, ("subscribe", "channel", 1));
        assert_eq!(typed.2, ("psubscribe", "pat*", 2));

        // In RESP2 a subscriber can only leave; in RESP3 in a transaction, too.
        let left = [
            confirmed("unsubscribe", "channel", 1),
            confirmed("punsubscribe", "pat*", 0),
        ];
        let leave: [&[&str]; 2] = [&["UNSUBSCRIBE", "channel"], &["PUNSUBSCRIBE"]];
        if connection.protocol() == Resp3 {
            let reply = exec(connection, &leave).await;
            assert_eq!(reply.value(), Ok(array(left)));
        } else {
            for (command, left) in leave.into_iter().zip(left) {
                assert_eq!(connection.value(command).await, left);
            }
        }
        is_in_step(connection).await;
    })
    .await;
}

/// For a second channel every server sends an element more than the array's header
/// says, in both versions; where it ends nobody can tell from the bytes. What was not
/// counted comes as frames of their own, so a connection must not be used for it.
#[tokio::test]
async fn more_channels_than_one_are_more_elements_than_exec_says() {
    in_both(async |connection| {
        transaction(
            connection,
            &[&["SUBSCRIBE", "one", "two"], &["SET", "k", "v"]],
        )
        .await;
        let frames = connection.frames(2).await;
        let said: Vec<Value> = frames[0].decode().expect("an array");
        assert_eq!(said.len(), 2);
        for (value, channel) in said.iter().zip(["one", "two"]) {
            let parts = value.as_slice().expect("a confirmation");
            assert_eq!(parts[1], bulk(channel));
        }
        assert_eq!(
            frames[1].value(),
            Ok(simple("OK")),
            "SET's reply, left over"
        );
        connection.set_up(&[&["RESET"]]).await;
        is_in_step(connection).await;
    })
    .await;
}
