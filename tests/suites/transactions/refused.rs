//! What a transaction is not run for, and what one of its commands alone fails with.

use slotline::{Client, Delivery};
use slotline_testkit::FaultProxy;
use slotline_tests::{calls, on_shared_cluster, reset_counters, server};

/// Fails when EXEC's error is told without those of the commands (in
/// `batch/transaction.rs`, leave them out).
#[tokio::test]
async fn what_was_not_queued_is_told_with_its_command_and_nothing_has_run() {
    let server = server().await;
    let client = Client::connect(server.url()).await.expect("connecting");
    let sent = client.transaction(|t| {
        t.incr("n");
        let _ = t.command("NOSUCH").arg("x");
        t.incr("n");
        let _ = t.command("GET");
        // The server's own rule, which no table here knows.
        let _ = t.command("SAVE");
    });
    let error = sent.await.expect_err("it is no transaction");
    assert_eq!(error.code(), Some("EXECABORT"), "{error}");
    assert_eq!(error.delivery(), Delivery::Rejected);
    assert_eq!(error.command(), Some("EXEC"));
    assert!(error.is_server() && !error.is_cluster() && !error.is_conflict());
    let refused = error.refused().iter();
    let refused: Vec<_> = refused
        .map(|it| (it.index(), it.command(), it.code()))
        .collect();
    let expected = [(1, "NOSUCH"), (3, "GET"), (4, "SAVE")];
    assert_eq!(
        refused,
        expected.map(|(index, name)| (Some(index), name, "ERR"))
    );
    let text = error.to_string();
    assert!(text.contains("NOSUCH (command 1): ERR unknown"), "{text}");
    assert_eq!(client.get::<Option<i64>>("n").await.expect("GET"), None);
}

/// Fails when the first error within EXEC's answer is the error of the whole.
#[tokio::test]
async fn a_command_that_fails_while_they_run_fails_alone() {
    let server = server().await;
    let client = Client::connect(server.url()).await.expect("connecting");
    client.set("text", "x").await.expect("SET");
    let mut transaction = client.pipeline().transaction();
    transaction.incr("n");
    transaction.incr("text");
    transaction.hgetall("text");
    let _ = transaction
        .command("EVALSHA")
        .arg("0".repeat(40))
        .arg(1)
        .key("n");
    transaction.incr("n");
    let all = transaction.send().await.expect("it has run");
    assert_eq!(all.decode::<i64>(0).expect("INCR"), 1);
    assert_eq!(all.decode::<i64>(4).expect("INCR"), 2);
    for (index, code, delivery) in [
        (1, "ERR", Delivery::Answered),
        (2, "WRONGTYPE", Delivery::Answered),
        (3, "NOSCRIPT", Delivery::Rejected),
    ] {
        let error = all.decode::<i64>(index).expect_err("it has failed");
        assert_eq!(error.code(), Some(code), "{error}");
        assert_eq!(error.delivery(), delivery, "{error}");
    }
    let names = ["INCR", "INCR", "HGETALL", "EVALSHA", "INCR"];
    for (reply, name) in all.into_iter().zip(names) {
        let error = reply.decode::<i64>().err();
        assert!(error.is_none_or(|error| error.command() == Some(name)));
    }
    assert_eq!(client.get::<i64>("n").await.expect("GET"), 2);
}

/// Fails when nothing looks at the slots, or at what only a part of the cluster would
/// answer (in `place_of_transaction` in `plan.rs`, leave a look out). What does not
/// belong in it is refused there and by the pool: both would have to let it through.
#[test]
fn what_is_no_transaction_is_refused_before_anything_is_sent() {
    on_shared_cluster(async |cluster| {
        let client = Client::connect(cluster.url()).await.expect("connecting");
        client.ping().await.expect("PING");
        let nodes = cluster.nodes();
        reset_counters(nodes).await;
        let two_slots = client.transaction(|t| {
            t.incr("{a}n");
            t.incr("{b}n");
        });
        let error = two_slots.await.expect_err("two slots");
        assert!(error.is_cluster() && !error.is_server(), "{error}");
        assert_eq!(error.delivery(), Delivery::NotSent);
        assert!(error.to_string().contains("several slots"), "{error}");
        for (name, args) in [
            ("WATCH", &["{a}n"][..]),
            ("MULTI", &[]),
            ("EXEC", &[]),
            ("DISCARD", &[]),
            ("SUBSCRIBE", &["c"]),
            ("SELECT", &["1"]),
            ("WAIT", &["1", "0"]),
            ("DBSIZE", &[]),
        ] {
            let sent = client.transaction(|t| {
                t.incr("{a}n");
                let mut command = t.command(name);
                for arg in args {
                    command = command.arg(*arg);
                }
            });
            let error = sent.await.expect_err(name);
            let is_partial = name == "DBSIZE" && error.is_cluster();
            assert!(error.is_refused() || is_partial, "{error}");
            assert_eq!(error.delivery(), Delivery::NotSent, "{error}");
            assert!(error.to_string().contains(name), "{error}");
        }
        let mut multi = 0;
        for node in nodes {
            multi += calls(node, "multi").await + calls(node, "incr").await;
        }
        assert_eq!(multi, 0);
    });
}

/// Fails when a bare MULTI is let through since transactions are carried (in `plan.rs`
/// or in the pool, refuse by `refused_in_transaction` alone).
#[tokio::test]
async fn a_pipeline_is_no_way_around_and_takes_no_multi() {
    let server = server().await;
    let client = Client::connect(server.url()).await.expect("connecting");
    let mut pipe = client.pipeline();
    let _ = pipe.command("MULTI");
    pipe.incr("n");
    let _ = pipe.command("EXEC");
    let all = pipe.send().await.expect("sending");
    for reply in all {
        assert_eq!(reply.delivery(), Some(Delivery::NotSent));
    }
    assert_eq!(client.get::<Option<i64>>("n").await.expect("GET"), None);
}

/// No connection that is shared can watch, so the answer is made up on the way.
///
/// Fails when null is a reply like any other.
#[tokio::test]
async fn an_exec_that_is_answered_with_null_is_told_as_a_conflict() {
    let server = server().await;
    for null in ["_\r\n", "*-1\r\n"] {
        let proxy = FaultProxy::before(server.address()).await;
        let proxy = proxy.expect("a proxy");
        let client = Client::connect(proxy.url()).await.expect("connecting");
        let made_up = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let counter = std::sync::Arc::clone(&made_up);
        proxy.open()[0].to_client().rewrite(move |frame| {
            let exec = frame.starts_with(b"*1\r\n");
            exec.then(|| {
                counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                null.as_bytes().to_vec()
            })
        });
        let sent = client.transaction(|t| {
            t.incr("n");
        });
        let error = sent.await.expect_err("a conflict");
        assert_eq!(made_up.load(std::sync::atomic::Ordering::Relaxed), 1);
        assert!(error.is_conflict() && !error.is_server(), "{error}");
        assert_eq!(error.delivery(), Delivery::Rejected);
        // The connection is as good as before.
        assert_eq!(client.ping().await.expect("PING"), "PONG");
        assert_eq!(proxy.accepted(), 1);
    }
}

/// A server that takes no MULTI runs the commands one by one, and says so at EXEC.
///
/// Fails when EXEC's error is taken for one that says nothing has run.
#[tokio::test]
async fn without_its_multi_nobody_says_that_nothing_has_run() {
    let server = server().await;
    let user = [
        "ACL", "SETUSER", "one", "on", "nopass", "~*", "+@all", "-multi",
    ];
    server.call(&user).await.expect("ACL SETUSER");
    let builder = Client::builder().nodes([server.url()]);
    let client = builder.credentials(Some("one"), "any").connect().await;
    let client = client.expect("connecting");
    let sent = client.transaction(|t| {
        t.incr("n");
    });
    let error = sent.await.expect_err("it is no transaction");
    assert_eq!(client.get::<i64>("n").await.expect("GET"), 1, "it ran");
    assert!(error.delivery().may_have_run(), "{error}");
    let refused = &error.refused()[0];
    assert_eq!((refused.index(), refused.command()), (None, "MULTI"));
    assert_eq!(refused.code(), "NOPERM");
}
