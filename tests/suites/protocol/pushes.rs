//! Out-of-band data: publish and subscribe, and client-side caching.

use slotline_resp::{Reply, ReplyKind, Value};
use slotline_tests::server;

use crate::connection::{Connection, Resp2, Resp3, in_both};
use crate::values::{array, bulk, int, push, simple};

/// So many frames as values, pushes and replies apart, each in their order.
async fn apart(connection: &mut Connection, count: usize) -> (Vec<Value>, Vec<Value>) {
    let frames = connection.frames(count).await;
    let (pushes, replies): (Vec<Reply>, Vec<Reply>) = frames.into_iter().partition(Reply::is_push);
    let values = |frames: Vec<Reply>| {
        let values = frames
            .iter()
            .map(|frame| frame.value().expect("it was scanned"));
        values.collect()
    };
    (values(pushes), values(replies))
}

#[tokio::test]
async fn messages_are_pushes_in_resp3_and_arrays_in_resp2() {
    let server = server().await;
    let mut publisher = Connection::open(&server, Resp3).await;
    for protocol in [Resp2, Resp3] {
        let mut subscriber = Connection::open(&server, protocol).await;
        let told = |parts: Vec<Value>| match protocol {
            Resp2 => Value::Array(parts.into()),
            Resp3 => Value::Push(parts.into()),
        };
        // One reply for each channel, none for the command.
        subscriber.send(&["SUBSCRIBE", "a", "\r\n"]).await;
        subscriber.send(&["PSUBSCRIBE", "a*"]).await;
        let frames = subscriber.frames(3).await;
        for (frame, (kind, channel, count)) in frames.iter().zip([
            ("subscribe", "a", 1),
            ("subscribe", "\r\n", 2),
            ("psubscribe", "a*", 3),
        ]) {
            let expected = told(vec![bulk(kind), bulk(channel), int(count)]);
            assert_eq!(frame.value(), Ok(expected));
            assert_eq!(frame.is_push(), protocol == Resp3);
            assert_eq!(frame.decode(), Ok((kind, channel, count)));
        }
        for (channel, payload) in [("a", "first"), ("\r\n", ""), ("ab", "\0\r\n>3\r\n")] {
            let heard: u32 = publisher.get(&["PUBLISH", channel, payload]).await;
            assert_eq!(heard, if channel == "a" { 2 } else { 1 });
        }
        let frames = subscriber.frames(4).await;
        let message = |channel: &str, payload: &str| {
            told(vec![bulk("message"), bulk(channel), bulk(payload)])
        };
        let matched = |channel: &str, payload: &str| {
            told(vec![
                bulk("pmessage"),
                bulk("a*"),
                bulk(channel),
                bulk(payload),
            ])
        };
        for (frame, expected) in frames.iter().zip([
            message("a", "first"),
            matched("a", "first"),
            message("\r\n", ""),
            matched("ab", "\0\r\n>3\r\n"),
        ]) {
            assert_eq!(frame.value(), Ok(expected));
            assert_eq!(frame.is_push(), protocol == Resp3);
        }
        // In RESP2 a subscriber's PING is answered in the messages' form.
        let pong = subscriber.value(&["PING"]).await;
        let expected = subscriber.either(array([bulk("pong"), bulk("")]), simple("PONG"));
        assert_eq!(pong, expected);
        subscriber.send(&["UNSUBSCRIBE"]).await;
        let frames = subscriber.frames(2).await;
        let kinds = frames
            .iter()
            .map(|frame| frame.decode::<(&str, &str, u32)>());
        let mut channels: Vec<&str> = kinds.map(|told| told.expect("three").1).collect();
        channels.sort_unstable();
        assert_eq!(channels, ["\r\n", "a"]);
        subscriber.send(&["PUNSUBSCRIBE"]).await;
        subscriber.send(&["UNSUBSCRIBE"]).await;
        let frames = subscriber.frames(2).await;
        assert_eq!(frames[0].decode(), Ok(("punsubscribe", "a*", 0)));
        // With nothing to leave the channel is nil; Valkey 8.0 has an error instead.
        if frames[1].error_code() != Some("NOSUB") {
            assert_eq!(frames[1].decode(), Ok(("unsubscribe", None::<&str>, 0)));
        }
        let echo: String = subscriber.get(&["ECHO", "in step"]).await;
        assert_eq!(echo, "in step");
    }
}

#[tokio::test]
async fn what_is_no_longer_cached_is_told_between_replies() {
    let server = server().await;
    let mut connection = Connection::open(&server, Resp3).await;
    let mut other = Connection::open(&server, Resp2).await;
    connection.set_up(&[&["CLIENT", "TRACKING", "on"]]).await;
    let gone = |key: &str| push([bulk("invalidate"), array([bulk(key)])]);
    let all_gone = || push([bulk("invalidate"), Value::Null]);

    // By another client: the push comes whenever it comes.
    let odd = "k\r\n\0";
    connection.get::<Option<String>>(&["GET", odd]).await;
    other.set_up(&[&["SET", odd, "v"]]).await;
    let (pushes, replies) = apart(&mut connection, 1).await;
    assert_eq!((pushes, replies), (vec![gone(odd)], vec![]));

    // By itself: around the reply, and never within it.
    for command in [
        &["SET", "k", "w"][..],
        &[
            "EVAL",
            "redis.call('SET', 'k', 'x') return {1, {2}}",
            "1",
            "k",
        ],
        &["DEL", "k"],
    ] {
        connection
            .set_up(&[&["SET", "k", "v"], &["GET", "k"]])
            .await;
        connection.send(command).await;
        let (pushes, replies) = apart(&mut connection, 2).await;
        assert_eq!(pushes, [gone("k")], "{command:?}");
        assert_eq!(replies.len(), 1, "{command:?}");
    }
    connection.get::<Option<String>>(&["GET", "k"]).await;
    connection.send(&["FLUSHALL"]).await;
    let (pushes, replies) = apart(&mut connection, 2).await;
    assert_eq!((pushes, replies), (vec![all_gone()], vec![simple("OK")]));

    // By itself in a transaction: once for what was read before, once for within.
    connection.get::<Option<String>>(&["GET", "k"]).await;
    let commands: [&[&str]; 5] = [
        &["MULTI"],
        &["SET", "k", "v"],
        &["GET", "k"],
        &["SET", "k", "w"],
        &["EXEC"],
    ];
    for command in commands {
        connection.send(command).await;
    }
    let (pushes, replies) = apart(&mut connection, 7).await;
    assert_eq!(pushes, [gone("k"), gone("k")]);
    let results = array([simple("OK"), bulk("v"), simple("OK")]);
    assert_eq!(replies.last(), Some(&results));
    let echo: String = connection.get(&["ECHO", "in step"]).await;
    assert_eq!(echo, "in step");
}

#[tokio::test]
async fn broadcast_names_all_keys_at_once() {
    let server = server().await;
    let mut connection = Connection::open(&server, Resp3).await;
    let mut other = Connection::open(&server, Resp3).await;
    let tracking = ["CLIENT", "TRACKING", "on", "BCAST", "PREFIX", "k"];
    connection.set_up(&[&tracking]).await;
    let mut set = vec!["MSET".to_owned()];
    set.extend((0..500).flat_map(|n| [format!("k:{n}"), "v".to_owned()]));
    other.ask(&set).await;
    let told = connection.frames(1).await.remove(0);
    assert!(told.is_push());
    let (kind, mut keys): (&str, Vec<&str>) = told.decode().expect("a kind and keys");
    assert_eq!(kind, "invalidate");
    keys.sort_unstable();
    let mut expected: Vec<&str> = set[1..].iter().step_by(2).map(String::as_str).collect();
    expected.sort_unstable();
    assert_eq!(keys, expected);
}

/// RESP2 has no pushes: another connection is told, as by a message.
#[tokio::test]
async fn in_resp2_a_second_connection_is_told_what_is_no_longer_cached() {
    let server = server().await;
    let mut reader = Connection::open(&server, Resp2).await;
    let mut listener = Connection::open(&server, Resp2).await;
    let channel = "__redis__:invalidate";
    let id: u64 = listener.get(&["CLIENT", "ID"]).await;
    let subscribed: (String, String, u32) = listener.get(&["SUBSCRIBE", channel]).await;
    assert_eq!(subscribed.1, channel);
    let id = id.to_string();
    reader
        .set_up(&[&["CLIENT", "TRACKING", "on", "REDIRECT", &id]])
        .await;
    for key in ["k", "", "\r\n"] {
        reader.get::<Option<String>>(&["GET", key]).await;
        reader.set_up(&[&["SET", key, "v"]]).await;
        let told = listener.frames(1).await.remove(0);
        assert_eq!(told.decode(), Ok(("message", channel, vec![key])));
    }
    reader.set_up(&[&["FLUSHALL"]]).await;
    let told = listener.frames(1).await.remove(0);
    assert_eq!(told.decode(), Ok(("message", channel, None::<Vec<&str>>)));
}

/// Version 7.0 sends a message to the one who publishes it before the reply, and so
/// within the reply of EXEC, whose header does not count it: from there on it is
/// out of step. Later versions send it behind the whole reply.
#[tokio::test]
async fn ones_own_message_in_a_transaction_is_within_the_reply_of_version_7_0() {
    let server = server().await;
    let mut connection = Connection::open(&server, Resp3).await;
    let info: String = connection.get(&["INFO", "server"]).await;
    let is_old = info.contains("redis_version:7.0.");
    connection.send(&["SUBSCRIBE", "channel"]).await;
    connection.frames(1).await;
    let message = push([bulk("message"), bulk("channel"), bulk("hello")]);

    connection.send(&["PUBLISH", "channel", "hello"]).await;
    let (pushes, replies) = apart(&mut connection, 2).await;
    assert_eq!((pushes, replies), (vec![message.clone()], vec![int(1)]));

    for command in [&["MULTI"][..], &["PUBLISH", "channel", "hello"], &["EXEC"]] {
        connection.send(command).await;
    }
    let frames = connection.frames(4).await;
    let values: Vec<Value> = frames.iter().flat_map(Reply::value).collect();
    println!("{:?}", &values[2..]);
    let expected = match is_old {
        true => [array([message]), int(1)],
        false => [array([int(1)]), message],
    };
    assert_eq!(values[2..], expected);
}

#[tokio::test]
async fn a_monitor_is_a_stream_of_simple_strings() {
    in_both(async |connection| {
        connection.set_up(&[&["MONITOR"]]).await;
        connection.send(&["ECHO", "two words\r\n\0"]).await;
        let frames = connection.frames(2).await;
        let (lines, replies): (Vec<Reply>, Vec<Reply>) = frames
            .into_iter()
            .partition(|frame| frame.kind() == ReplyKind::Simple);
        let line: &str = lines[0].decode().expect("a line");
        assert!(line.ends_with(r#""ECHO" "two words\r\n\x00""#), "{line}");
        assert_eq!(replies[0].decode(), Ok("two words\r\n\0"));
    })
    .await;
}
