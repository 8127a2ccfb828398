//! What connections are: with servers that refuse HELLO (E8), and after a reconnect
//! (E11).

use std::collections::BTreeMap;
use std::time::Duration;

use slotline_pool::{
    Credentials, Intent, Pool, PoolBuilder, Protocol, Push, Setup, Tracking, WhileAway, hook,
};
use slotline_resp::Delivery;
use slotline_testkit::{FaultProxy, LocalServer, Node};
use slotline_tests::{binary, connections_of, in_time, kill, server, until};
use tokio::time::Instant;

use crate::setting::{admin, builder, send, texts, the_connection, words};

async fn without_hello(node: &Node, code: &str) {
    let pool = builder(node, "plain").build();
    assert_eq!(texts(&send(&pool, &["ECHO two"]).await), ["two"]);
    let greeting = pool.greeting().expect("a connection");
    assert_eq!(greeting.protocol(), Protocol::Resp2);
    let own = the_connection(node, "plain").await;
    // Servers show it from 7.0 on.
    assert!(["2", ""].contains(&own.field("resp")), "{own:?}");

    let strict = builder(node, "strict").protocol(Protocol::Resp3).build();
    let error = strict.connect().await.expect_err("there is no RESP3");
    assert_eq!((error.step(), error.code()), (Some("HELLO"), Some(code)));
    assert!(error.is_handshake() && !error.is_network(), "{error}");
    let answer = in_time(send(&strict, &["ECHO three"])).await;
    assert_eq!(answer.failure.expect("it is told").first_unsent, 0);
    assert!(connections_of(node, "strict").await.is_empty());

    let tracking = Tracking::of_keys_read();
    let cache = builder(node, "cache").tracking(tracking).build();
    let error = cache.connect().await.expect_err("there is no RESP3");
    assert_eq!(error.step(), Some("CLIENT TRACKING"), "{error}");
    assert!(connections_of(node, "cache").await.is_empty());
}

/// Fails when a refused HELLO is no reason to speak RESP2 (`is_no_hello`), and when
/// it is one though RESP3 was asked for.
#[tokio::test]
async fn a_server_that_knows_no_hello_is_spoken_to_in_resp2() {
    let server = LocalServer::builder(&binary()).option("rename-command", "HELLO OTHER");
    let server = server.start().await.expect("a server");
    without_hello(&server, "ERR").await;
}

/// Servers so far let HELLO through whatever the ACL says of it, since it is how a
/// user comes in. Where one does not, RESP2 is spoken.
#[tokio::test]
async fn a_user_to_whom_hello_is_forbidden_can_connect() {
    let server = server().await;
    admin(&server, "ACL SETUSER default -hello").await;
    let pool = builder(&server, "plain").build();
    assert_eq!(texts(&send(&pool, &["ECHO on"]).await), ["on"]);
    let is_refused = server.call(&["HELLO", "3"]).await.is_err();
    let protocol = pool.greeting().expect("a connection").protocol();
    assert_eq!(protocol == Protocol::Resp2, is_refused);
}

/// The server says nothing of a wrong password, as some did while other replies were
/// pending, so that each answer seems to be that of the step before (A3).
///
/// Fails when AUTH goes out uncounted with the steps behind it (in `Recipe::in_resp2`,
/// write it without `HalfOpen::call`) and their answers are not looked at (in
/// `Recipe::check`).
#[tokio::test]
async fn a_recipe_whose_refused_password_went_unanswered_lends_nothing() {
    let server = server().await;
    admin(&server, "ACL SETUSER default >right").await;
    let proxy = FaultProxy::before(server.address()).await.expect("a proxy");
    for protocol in [None, Some(Protocol::Resp2)] {
        let wrong = Credentials::new(None, "wrong");
        let mut pool = Pool::builder(proxy.address().into())
            .client_name("shifted")
            .connect_timeout(Duration::from_secs(1))
            .credentials(wrong)
            .database(3);
        if let Some(protocol) = protocol {
            pool = pool.protocol(protocol);
        }
        let pool = pool.build();
        let is_refusal = |frame: &[u8]| frame.starts_with(b"-WRONGPASS");
        proxy
            .to_client()
            .rewrite(move |frame| is_refusal(frame).then(Vec::new));
        let rewritten = proxy.to_client().traffic().rewritten;
        let error = in_time(pool.connect()).await.expect_err("it is refused");
        assert!(error.is_handshake(), "{error}");
        assert!(proxy.to_client().traffic().rewritten > rewritten);
        assert_eq!(pool.greeting(), None);
        let answer = in_time(pool.send(
            words(&["SET k v"]),
            Instant::now() + Duration::from_millis(500),
            WhileAway::Wait,
        ));
        let failure = answer.await.failure.expect("nothing is lent");
        assert_eq!(failure.delivery(0), Delivery::NotSent);
    }
}

/// What CLIENT LIST says that a connection is.
async fn shown(node: &Node, name: &str) -> BTreeMap<&'static str, String> {
    let own = the_connection(node, name).await;
    let fields = [
        "name", "db", "flags", "resp", "user", "lib-name", "lib-ver", "redir",
    ];
    let value = |field| (field, own.field(field).to_owned());
    fields.map(value).into_iter().collect()
}

/// A connection that was killed is made again as exactly what it was.
async fn is_the_same_again(node: &Node, builder: PoolBuilder, name: &str, flags: &str) {
    let pool = builder.build();
    assert_eq!(texts(&send(&pool, &["ECHO first"]).await), ["first"]);
    let before = shown(node, name).await;
    for flag in flags.chars() {
        assert!(before["flags"].contains(flag), "{flag} of {before:?}");
    }
    for round in 1..=5 {
        assert_eq!(kill(node, &connections_of(node, name).await).await, 1);
        until("it is noticed", async || {
            pool.statistics().connections_lost == round
        })
        .await;
        assert_eq!(texts(&send(&pool, &["ECHO again"]).await), ["again"]);
        assert_eq!(shown(node, name).await, before);
    }
}

/// Fails when a reconnect leaves steps out (in `Step::of`, none after the first dial).
#[tokio::test]
async fn a_reconnect_is_what_the_connection_was() {
    let alone = server().await;
    admin(&alone, "ACL SETUSER app on nopass ~* &* +@all").await;
    // Version 7.0 is the first that shows it.
    let no_evict = hook("no eviction", |setup: Setup| async move {
        setup.command("CLIENT NO-EVICT").arg("ON").await?;
        Ok(())
    });
    let whole = builder(&alone, "whole")
        .credentials(Credentials::new(Some("app"), "any"))
        .database(3)
        .tracking(Tracking::broadcast(["a:"]).no_loop())
        .init_hook(no_evict);
    is_the_same_again(&alone, whole, "whole", "tBe").await;
    let plain = builder(&alone, "plain")
        .protocol(Protocol::Resp2)
        .library_info(false)
        .database(1);
    is_the_same_again(&alone, plain, "plain", "N").await;

    let node = LocalServer::builder(&binary()).option("cluster-enabled", "yes");
    let node = node.start().await.expect("a node");
    let reading = builder(&node, "reading").intent(Intent::ReadOnly);
    is_the_same_again(&node, reading, "reading", "r").await;
}

/// An invalidation is here before the reply behind it, and the end of a connection
/// is told, since it is the end of what the server would have told.
///
/// Fails when pushes are dropped (in `Protocol::distribute`).
#[tokio::test]
async fn a_tracking_pool_hears_of_keys_that_change() {
    let server = server().await;
    let pool = builder(&server, "cache")
        .tracking(Tracking::of_keys_read())
        .build();
    let mut pushes = pool.pushes();
    let other = Pool::builder(server.address().into()).build();
    for value in 0..50 {
        let key = format!("k:{value}");
        assert_eq!(texts(&send(&pool, &[format!("GET {key}")]).await), ["nil"]);
        let set = send(&other, &[format!("SET {key} {value}")]).await;
        assert_eq!(texts(&set), ["OK"]);
        // Written by the server before the answer to this, which is asked for later.
        let answer = send(&pool, &[format!("GET {key}")]).await;
        assert_eq!(texts(&answer), [value.to_string()]);
        let push = pushes
            .try_next()
            .expect("it is here")
            .expect("none is missed");
        let Push::Message { message, .. } = push else {
            panic!("{push:?}");
        };
        let (kind, keys) = message.decode::<(String, Vec<String>)>().expect("a push");
        assert_eq!((kind.as_str(), keys), ("invalidate", vec![key]));
    }
    kill(&server, &connections_of(&server, "cache").await).await;
    let lost = in_time(async {
        while !matches!(pushes.next().await, Some(Ok(Push::Lost { connection: 0 }))) {}
    });
    lost.await;
    assert!(pool.statistics().pushes >= 50);
}

/// A name with a line break is refused by the server, as a name: what stands behind
/// the break is no command (G6).
///
/// Fails when the name is written as a line instead of an argument.
#[tokio::test]
async fn a_name_with_a_line_break_is_no_command() {
    let server = server().await;
    for protocol in crate::setting::BOTH {
        for name in ["a\r\nSET broken in\r\n", "\r\n*1\r\n$8\r\nFLUSHALL\r\n"] {
            admin(&server, "SET kept here").await;
            let pool = builder(&server, name).protocol(protocol).build();
            assert_eq!(
                texts(&send(&pool, &["GET kept", "GET broken"]).await),
                ["here", "nil"]
            );
            let client: String = server.ask(&["CLIENT", "LIST"]).await.expect("CLIENT LIST");
            assert!(
                !client.contains("FLUSHALL") && !client.contains("broken"),
                "{client}"
            );
            assert_eq!(pool.statistics().connections_lost, 0);
        }
    }
}
