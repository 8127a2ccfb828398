//! MONITOR and subscriptions on a lease, in both versions of the protocol.

use slotline_pool::Protocol;
use slotline_tests::{in_time, server, until};

use super::setting::{ask, ask_shared, lease};
use crate::setting::{BOTH, builder, late, words};

/// Fails if the lines of MONITOR are taken for replies to nothing.
#[tokio::test]
async fn monitor_shows_what_the_server_runs() {
    let server = server().await;
    for protocol in BOTH {
        let pool = builder(&server, "watcher").protocol(protocol).build();
        let mut monitor = lease(&pool).await;
        assert_eq!(ask(&mut monitor, &["ECHO a", "MONITOR"]).await, ["a", "OK"]);
        for turn in 0..50 {
            let set = format!("SET seen {turn}");
            assert_eq!(ask_shared(&pool, &[&set]).await, ["OK"]);
            loop {
                let push = in_time(monitor.next_push()).await.expect("a line");
                let line: String = push.decode().expect("a line");
                assert!(line.contains('['), "{line}");
                if line.ends_with(&format!("\"SET\" \"seen\" \"{turn}\"")) {
                    break;
                }
            }
        }
        let answer = monitor.call(words(&["GET k"]), late()).await;
        assert!(answer.failure.expect("a failure").error.is_refused());
        drop(monitor);
        assert_eq!(pool.statistics().leases.discarded, 1);
    }
}

/// Every message, in order, beside commands where that is possible. Fails if a message
/// completes a command, or if pushes that come before a reply are dropped.
#[tokio::test]
async fn messages_come_in_order_beside_replies() {
    let server = server().await;
    for protocol in BOTH {
        let pool = builder(&server, "listener").protocol(protocol).build();
        let mut lease = lease(&pool).await;
        let answer = lease
            .call(words(&["SUBSCRIBE news", "PSUBSCRIBE new?"]), late())
            .await;
        // The reply of each is its last confirmation.
        for (index, kind, name, count) in
            [(0, "subscribe", "news", 1), (1, "psubscribe", "new?", 2)]
        {
            let confirmation = answer.replies.decode::<(String, String, i64)>(index);
            let confirmation = confirmation.expect("a reply").expect("a confirmation");
            assert_eq!(confirmation, (kind.to_owned(), name.to_owned(), count));
        }
        for n in 0..300 {
            let said = ask_shared(&pool, &[&format!("PUBLISH news {n}")]).await;
            assert_eq!(said, ["2"]);
            if n % 10 == 0 && protocol == Protocol::Resp3 {
                let (set, get) = (format!("SET k {n}"), "GET k");
                assert_eq!(
                    ask(&mut lease, &[&set, get]).await,
                    ["OK".to_owned(), n.to_string()]
                );
            }
            if n % 7 == 0 {
                let pong = ask(&mut lease, &["PING"]).await;
                let expected = if protocol == Protocol::Resp2 {
                    "[pong ]"
                } else {
                    "PONG"
                };
                assert_eq!(pong, [expected]);
            }
        }
        for n in 0..300 {
            for kind in ["message", "pmessage"] {
                let push = in_time(lease.next_push()).await.expect("a message");
                let parts: Vec<String> = push.decode().expect("strings");
                assert_eq!((&parts[0][..], parts.last()), (kind, Some(&n.to_string())));
            }
        }
    }
}

/// F5. Fails if an UNSUBSCRIBE without names waits for nil alone, or for one
/// confirmation alone.
#[tokio::test]
async fn unsubscribing_ends_while_a_pattern_remains() {
    let server = server().await;
    for protocol in BOTH {
        let pool = builder(&server, "leaving").protocol(protocol).build();
        let mut lease = lease(&pool).await;
        let batch = [
            "SUBSCRIBE a b c",
            "PSUBSCRIBE p*",
            "SSUBSCRIBE s",
            "UNSUBSCRIBE",
        ];
        let said = in_time(ask(&mut lease, &batch)).await;
        assert_eq!(said.len(), 4);
        assert!(
            said[3].starts_with("[unsubscribe ") && said[3].ends_with(" 1]"),
            "{said:?}"
        );
        // Nothing of it is left over for the next one.
        let batch = [
            "PUNSUBSCRIBE nothing",
            "UNSUBSCRIBE",
            "PUNSUBSCRIBE",
            "SUNSUBSCRIBE",
        ];
        let said = in_time(ask(&mut lease, &batch)).await;
        let expected = [
            "[punsubscribe nothing 1]",
            "[unsubscribe nil 1]",
            "[punsubscribe p* 0]",
            "[sunsubscribe s 0]",
        ];
        assert_eq!(said, expected, "{protocol:?}");
        if protocol == Protocol::Resp3 {
            assert_eq!(ask(&mut lease, &["ECHO x"]).await, ["x"]);
        }
        let none = tokio::time::timeout(std::time::Duration::from_millis(50), lease.next_push());
        assert!(none.await.is_err(), "no confirmation is left over");
    }
}

/// B1, F7: who reads nothing makes nothing grow here. The server closes the connection
/// when its own limit is reached, and the lease tells. Fails if it does not take the end
/// of the stream for one.
#[tokio::test]
async fn a_subscriber_that_does_not_read_is_closed_by_the_server() {
    let server = server().await;
    let limit = "pubsub 256kb 0 0";
    server
        .call(&["CONFIG", "SET", "client-output-buffer-limit", limit])
        .await
        .expect("CONFIG SET");
    let pool = builder(&server, "slow").build();
    let mut lease = lease(&pool).await;
    ask(&mut lease, &["SUBSCRIBE news"]).await;
    let message = "x".repeat(64 << 10);
    let closed = async || {
        server
            .call(&["PUBLISH", "news", &message])
            .await
            .expect("PUBLISH");
        server
            .ask::<u64>(&["PUBLISH", "news", "end"])
            .await
            .expect("PUBLISH")
            == 0
    };
    until("the server has had enough", closed).await;
    // What lay in the system's buffers is still told, in whole.
    let mut told = 0;
    let error = loop {
        match in_time(lease.next_push()).await {
            Ok(push) => {
                let parts: Vec<String> = push.decode().expect("strings");
                assert!(parts[2] == message || parts[2] == "end");
                told += 1;
            }
            Err(error) => break error,
        }
    };
    assert!(told > 0 && error.is_network(), "{error}");
    assert_eq!(pool.statistics().leases.lost, 1);
}

/// Names that look like the protocol are names (G6): in a subscription, in a message,
/// and in its confirmation.
///
/// Fails when a confirmation is told by how its bytes begin or end (in
/// `Subscriptions`, compare names up to the first line break).
#[tokio::test]
async fn channels_that_look_like_replies_are_names() {
    let server = server().await;
    let channels = [
        "a\r\n+OK\r\n",
        "\r\n",
        "$-1\r\n",
        ">3\r\n$7\r\nmessage\r\n",
        "-ERR\r\n",
    ];
    for protocol in BOTH {
        let pool = builder(&server, "odd").protocol(protocol).build();
        let mut lease = lease(&pool).await;
        for channel in channels {
            let subscribe = format!("SUBSCRIBE {channel}");
            let answer = lease.call(words(&[subscribe]), late()).await;
            assert!(
                answer.failure.is_none(),
                "{channel:?}: {:?}",
                answer.failure
            );
            let publish = format!("PUBLISH {channel} {channel}{channel}");
            assert_eq!(ask_shared(&pool, &[&publish]).await, ["1"], "{channel:?}");
            let push = in_time(lease.next_push()).await.expect("a message");
            let message: (String, String, String) = push.decode().expect("a message");
            let twice = channel.repeat(2);
            assert_eq!(message, ("message".to_owned(), channel.to_owned(), twice));
        }
        for channel in channels {
            let unsubscribe = format!("UNSUBSCRIBE {channel}");
            let answer = lease.call(words(&[unsubscribe]), late()).await;
            assert!(
                answer.failure.is_none(),
                "{channel:?}: {:?}",
                answer.failure
            );
        }
        assert_eq!(pool.statistics().leases.lost, 0);
    }
}
