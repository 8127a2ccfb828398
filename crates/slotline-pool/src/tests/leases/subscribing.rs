//! Subscriptions and MONITOR on a lease (R1, F5).

use super::*;
use crate::Protocol;

/// `subscribe c 1` as a push, or as RESP2 has it.
fn frame(protocol: Protocol, text: &str) -> String {
    let words: Vec<&str> = text.split(' ').collect();
    let kind = if protocol == Protocol::Resp2 {
        '*'
    } else {
        '>'
    };
    let mut frame = format!("{kind}{}\r\n", words.len());
    for word in words {
        frame += &match (word, word.parse::<u64>()) {
            ("nil", _) if protocol == Protocol::Resp2 => "$-1\r\n".to_owned(),
            ("nil", _) => "_\r\n".to_owned(),
            (_, Ok(number)) => format!(":{number}\r\n"),
            (word, Err(_)) => format!("${}\r\n{word}\r\n", word.len()),
        };
    }
    frame
}

/// A server that says nothing to subscriptions by itself.
fn silent(protocol: Protocol) -> (Pool, Peer) {
    let (builder, peer) = Peer::start(|_, _, command| {
        let is_subscription = command[0].ends_with("SUBSCRIBE");
        Some(match command[0].as_str() {
            _ if is_subscription => Vec::new(),
            "PING" => b"*2\r\n$4\r\npong\r\n$0\r\n\r\n".to_vec(),
            _ => usual(command),
        })
    });
    let builder = match protocol {
        Protocol::Resp2 => builder.protocol(protocol),
        _ => builder,
    };
    (builder.build(), peer)
}

const BOTH: [Protocol; 2] = [Protocol::Resp2, Protocol::Resp3];

/// After `before` has been sent and confirmed, `command` is answered only by the last
/// of `frames`, which is its reply. `pushes` are what is left for `next_push`.
async fn check(
    protocol: Protocol,
    before: &[(&str, &str)],
    command: &str,
    frames: &[&str],
    pushes: &[&str],
) {
    let (pool, peer) = silent(protocol);
    let mut lease = lease(&pool).await;
    for (line, confirmations) in before {
        let mut call = lease.call(words(&[line]), soon());
        poll_once(Pin::new(&mut call)).await;
        for text in confirmations.split(", ") {
            peer.say(0, &frame(protocol, text));
        }
        assert_eq!(call.await.replies.len(), 1, "{line}");
    }
    let mut call = lease.call(words(&[command]), soon());
    poll_once(Pin::new(&mut call)).await;
    for (index, text) in frames.iter().enumerate() {
        assert!(
            poll_once(Pin::new(&mut call)).await.is_none(),
            "{command} was done after {index} frames"
        );
        peer.say(0, &frame(protocol, text));
        settle().await;
    }
    let answer = poll_once(Pin::new(&mut call)).await;
    let answer = answer.unwrap_or_else(|| panic!("{command} is not done"));
    assert!(answer.failure.is_none(), "{:?}", answer.failure);
    assert_eq!(answer.replies.len(), 1);
    let last = frame(protocol, frames.last().unwrap());
    assert_eq!(answer.replies.bytes(0).unwrap(), last.as_bytes());
    drop(call);
    for text in pushes {
        let push = lease.next_push().await.unwrap();
        assert_eq!(push.as_bytes(), frame(protocol, text).as_bytes());
    }
    let mut next = Box::pin(lease.next_push());
    assert!(poll_once(next.as_mut()).await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_subscription_waits_for_the_last_confirmation_of_its_own() {
    for protocol in BOTH {
        check(protocol, &[], "SUBSCRIBE a", &["subscribe a 1"], &[]).await;
        let frames = [
            "subscribe a 1",
            "message a x",
            "subscribe b 2",
            "subscribe a 2",
        ];
        check(protocol, &[], "SUBSCRIBE a b a", &frames, &["message a x"]).await;
        // Another kind, another name: an unsolicited one completes nothing.
        let frames = [
            "sunsubscribe a 0",
            "psubscribe a 1",
            "subscribe x 2",
            "subscribe a 3",
        ];
        check(protocol, &[], "SUBSCRIBE a", &frames, &frames[..3]).await;
        let before = [(
            "SSUBSCRIBE {x}1 {x}2",
            "ssubscribe {x}1 1, ssubscribe {x}2 2",
        )];
        let moved = ["sunsubscribe {x}1 1", "sunsubscribe {x}2 0"];
        check(protocol, &before, "SUNSUBSCRIBE {x}2", &moved, &moved[..1]).await;
    }
}

/// F5: UNSUBSCRIBE while a pattern remains, whose count never comes to 0.
/// Fails if `Awaited::confirm` waits for nil alone, or for one confirmation alone.
#[tokio::test(start_paused = true)]
async fn an_unsubscription_of_everything_ends_with_the_last_of_its_kind() {
    for protocol in BOTH {
        let before = [
            ("SUBSCRIBE a b", "subscribe a 1, subscribe b 2"),
            ("PSUBSCRIBE p*", "psubscribe p* 3"),
        ];
        let frames = ["unsubscribe b 2", "message a x", "unsubscribe a 1"];
        check(protocol, &before, "UNSUBSCRIBE", &frames, &["message a x"]).await;
        check(
            protocol,
            &before,
            "PUNSUBSCRIBE",
            &["punsubscribe p* 2"],
            &[],
        )
        .await;
        let none = ["message a x", "sunsubscribe nil 0"];
        check(protocol, &before, "SUNSUBSCRIBE", &none, &none[..1]).await;
        check(protocol, &[], "UNSUBSCRIBE", &["unsubscribe nil 0"], &[]).await;
        check(
            protocol,
            &before,
            "UNSUBSCRIBE zzz",
            &["unsubscribe zzz 3"],
            &[],
        )
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_is_the_answer_to_a_subscription() {
    for protocol in BOTH {
        let (pool, peer) = silent(protocol);
        let mut lease = lease(&pool).await;
        let mut call = lease.call(words(&["SSUBSCRIBE a b", "PING"]), soon());
        poll_once(Pin::new(&mut call)).await;
        peer.say(
            0,
            "-CROSSSLOT Keys in request don't hash to the same slot\r\n",
        );
        // The server of this test has answered PING already.
        let answer = call.await;
        assert_eq!(answer.replies.len(), 2);
    }
}

/// A message may look like a reply under RESP2, and a reply like a message.
#[tokio::test(start_paused = true)]
async fn under_resp2_arrays_go_where_they_belong() {
    let (builder, peer) = Peer::start(|_, _, command| {
        Some(match command.join(" ").as_str() {
            "LRANGE l 0 -1" => b"*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\nx\r\n".to_vec(),
            "SUBSCRIBE a" => b"*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n\
                               *3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1\r\ny\r\n"
                .to_vec(),
            "PING" => b"*2\r\n$4\r\npong\r\n$0\r\n\r\n".to_vec(),
            _ => usual(command),
        })
    });
    let pool = builder.protocol(Protocol::Resp2).build();
    let mut lease = lease(&pool).await;
    // In one batch: before the subscription it is a reply.
    let batch = words(&["LRANGE l 0 -1", "SUBSCRIBE a", "PING"]);
    let answer = lease.call(batch, soon()).await;
    let list = answer.replies.decode::<Vec<String>>(0).unwrap().unwrap();
    assert_eq!(list, ["message", "a", "x"]);
    let pong = answer.replies.decode::<Vec<String>>(2).unwrap().unwrap();
    assert_eq!(pong, ["pong", ""]);
    let push = lease.next_push().await.unwrap();
    assert_eq!(push.decode::<Vec<String>>().unwrap(), ["message", "a", "y"]);
    // After it nothing else may be asked.
    let answer = lease.call(words(&["LRANGE l 0 -1"]), soon()).await;
    assert!(answer.failure.unwrap().error.is_refused());
    assert_eq!(
        ask_raw(&mut lease, "PING").await,
        b"*2\r\n$4\r\npong\r\n$0\r\n\r\n"
    );
    peer.say(0, "*3\r\n$12\r\nsunsubscribe\r\n$1\r\nz\r\n:0\r\n");
    let push = lease.next_push().await.unwrap();
    assert!(push.decode::<(String, String, i64)>().is_ok());
    // Anything else is a reply to nothing.
    peer.say(0, "*1\r\n$4\r\nwhat\r\n");
    assert!(lease.next_push().await.unwrap_err().is_network());
}

async fn ask_raw(lease: &mut Lease, line: &str) -> Vec<u8> {
    let answer = lease.call(words(&[line]), soon()).await;
    answer.replies.bytes(0).unwrap().to_vec()
}

#[tokio::test(start_paused = true)]
async fn the_lines_of_monitor_are_pushes() {
    for protocol in BOTH {
        let (pool, peer) = silent(protocol);
        let mut lease = lease(&pool).await;
        assert_eq!(ask(&mut lease, &["GET k", "MONITOR"]).await, ["k", "OK"]);
        let line = "1339518083.107412 [0 127.0.0.1:1] \"get\" \"k\"";
        peer.say(0, &format!("+{line}\r\n+OK\r\n"));
        for expected in [line, "OK"] {
            let push = lease.next_push().await.unwrap();
            assert_eq!(push.decode::<String>().unwrap(), expected);
        }
        let answer = lease.call(words(&["GET k"]), soon()).await;
        assert!(answer.failure.unwrap().error.is_refused());
    }
}

/// `next_push` can be dropped at any poll without losing one.
#[tokio::test(start_paused = true)]
async fn no_push_is_lost_by_whoever_stops_waiting() {
    let (pool, peer) = silent(Protocol::Resp3);
    let mut lease = lease(&pool).await;
    let mut next = 0;
    for number in 0..200 {
        let push = frame(Protocol::Resp3, &format!("message c n{number}"));
        let (head, tail) = push.split_at(number % (push.len() - 1) + 1);
        for piece in [head, tail] {
            peer.say(0, piece);
            settle().await;
            let mut waiting = Box::pin(lease.next_push());
            if number % 3 > 0
                && let Some(push) = poll_once(waiting.as_mut()).await
            {
                let push: Vec<String> = push.unwrap().decode().unwrap();
                assert_eq!(push[2], format!("n{next}"));
                next += 1;
            }
        }
    }
    while next < 200 {
        let push: Vec<String> = lease.next_push().await.unwrap().decode().unwrap();
        assert_eq!(push[2], format!("n{next}"));
        next += 1;
    }
}

/// B1: what nobody takes is not read, and what comes before a reply is bounded.
#[tokio::test(start_paused = true)]
async fn pushes_that_nobody_takes_are_bounded() {
    let (builder, peer) = Peer::start(|_, _, command| {
        Some(match command[0].as_str() {
            "PING" => Vec::new(),
            _ => usual(command),
        })
    });
    let pool = builder.build();
    let mut lease = lease(&pool).await;
    let message = frame(
        Protocol::Resp3,
        &format!("message c {}", "x".repeat(10_000)),
    );
    for _ in 0..2_000 {
        peer.say(0, &message);
    }
    settle().await;
    let mut call = lease.call(words(&["PING"]), soon());
    let answer = (&mut call).await;
    drop(call);
    assert_eq!(fates(&answer, 1), "?");
    let text = answer.failure.unwrap().error.to_string();
    assert!(text.contains("more pushes"), "{text}");
    assert!(!lease.is_connected());
    assert_eq!(peer.connections().0, 1);
}
