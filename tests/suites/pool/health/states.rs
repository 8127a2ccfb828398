//! Servers that are there and refuse (E4): an answer is an answer, whatever it says.

use std::fs;
use std::future::Future;
use std::time::Duration;

use slotline_pool::Pool;
use slotline_testkit::{FaultProxy, LocalServer, Node};
use slotline_tests::{binary, connections_of, kill, server, until};

use crate::setting::{admin, builder, send, texts, the_connection};

const OFTEN: Duration = Duration::from_millis(100);
const SOON: Duration = Duration::from_secs(2);

/// The code with which the server answers PING just now; empty if with PONG.
async fn pinged(node: &Node) -> String {
    match node.call(&["PING"]).await {
        Ok(_) => String::new(),
        Err(error) => error.code().expect("an answer").to_owned(),
    }
}

/// One that pings often.
fn watchful(node: &Node) -> Pool {
    builder(node, "watchful")
        .ping_when_idle(OFTEN, SOON)
        .build()
}

/// While the server answers PING with `code`, the pool keeps its connection, hands
/// out the server's own errors, and makes a new connection if that one is killed.
async fn stays_calm(node: &Node, pool: &Pool, code: &str) {
    let before = pool.statistics();
    some_pings(pool).await;
    assert_eq!(texts(&send(pool, &["PING"]).await), [format!("-{code}")]);
    let killed = kill(node, &connections_of(node, "watchful").await).await;
    assert_eq!(killed, 1);
    until("there is another connection", async || {
        let now = pool.statistics();
        now.connected && now.connections_lost == before.connections_lost + 1
    })
    .await;
    assert_eq!(texts(&send(pool, &["PING"]).await), [format!("-{code}")]);
    some_pings(pool).await;
    assert_eq!(
        pinged(node).await,
        code,
        "the server is in that state still"
    );
    let after = pool.statistics();
    assert_eq!(after.connections_lost, before.connections_lost + 1);
    assert!(after.dials <= before.dials + 3, "{} dials", after.dials);
}

/// Waits until some more pings have been answered.
async fn some_pings(pool: &Pool) {
    let before = pool.statistics();
    until("some pings are answered", async || {
        let now = pool.statistics();
        now.pings >= before.pings + 5 && now.replies >= before.replies + 5
    })
    .await;
}

/// The whole of it: a pool that is calm before, in, and after the state.
async fn check<F: Future<Output = ()>>(node: &Node, code: &str, end: impl FnOnce() -> F) {
    until("the server is in its state", async || {
        pinged(node).await == code
    })
    .await;
    let pool = watchful(node);
    pool.connect().await.expect("a connection");
    stays_calm(node, &pool, code).await;
    end().await;
    until("it is over", async || pinged(node).await.is_empty()).await;
    let lost = pool.statistics().connections_lost;
    assert_eq!(texts(&send(&pool, &["PING"]).await), ["PONG"]);
    some_pings(&pool).await;
    assert_eq!(pool.statistics().connections_lost, lost);
}

/// Fails when an error counts as no answer (in `State::look_after`, lose the
/// connection on a reply to PING that is one): it is lost again and again. So do the
/// three below.
#[tokio::test]
async fn a_busy_server_is_no_dead_one() {
    let server = server().await;
    admin(&server, "CONFIG SET busy-reply-threshold 100").await;
    let busy = server.node().clone();
    let script = tokio::spawn(async move {
        // Its reply comes too late for an administrator's patience, if ever.
        let _ = busy.call(&["EVAL", "while true do end", "0"]).await;
    });
    // Their own connection each: the one above is taken.
    let other = slotline_pool::Pool::builder(server.address().into()).build();
    until("the script is noticed", async || {
        texts(&send(&other, &["PING"]).await) == ["-BUSY"]
    })
    .await;
    let pool = watchful(&server);
    pool.connect().await.expect("a connection");
    let before = pool.statistics();
    until("some pings are answered", async || {
        let now = pool.statistics();
        now.pings >= before.pings + 5 && now.replies >= before.replies + 5
    })
    .await;
    assert_eq!(texts(&send(&pool, &["PING"]).await), ["-BUSY"]);
    let after = pool.statistics();
    assert_eq!((after.dials, after.connections_lost), (1, 0));
    assert_eq!(texts(&send(&other, &["SCRIPT KILL"]).await), ["OK"]);
    until("it is over", async || {
        texts(&send(&pool, &["PING"]).await) == ["PONG"]
    })
    .await;
    assert_eq!(pool.statistics().dials, 1);
    script.await.expect("the script ends");
}

#[tokio::test]
async fn a_server_that_loads_is_no_dead_one() {
    let server = server().await;
    admin(&server, "DEBUG POPULATE 20000").await;
    for setting in [
        "key-load-delay 500",
        "loading-process-events-interval-bytes 1024",
    ] {
        admin(&server, &format!("CONFIG SET {setting}")).await;
    }
    let loader = Pool::builder(server.address().into()).build();
    let reload = tokio::spawn(send(&loader, &["DEBUG RELOAD"]));
    check(&server, "LOADING", || async {
        // It answers once it has loaded; hurry.
        let _ = server.call(&["CONFIG", "SET", "key-load-delay", "0"]).await;
        assert_eq!(texts(&reload.await.expect("it ends")), ["OK"]);
    })
    .await;
}

#[tokio::test]
async fn a_server_that_cannot_save_is_no_dead_one() {
    let server = LocalServer::builder(&binary()).option("save", "3600 1");
    let server = server.start().await.expect("a server");
    // What it would write is a folder by the time it has written it.
    let found: Vec<String> = server.ask(&["CONFIG", "GET", "dir"]).await.expect("dir");
    let dump = std::path::Path::new(&found[1]).join("dump.rdb");
    fs::create_dir_all(dump.join("in-the-way")).expect("a folder");
    admin(&server, "SET k v").await;
    admin(&server, "BGSAVE").await;
    check(&server, "MISCONF", || async {
        fs::remove_dir_all(&dump).expect("removed");
        admin(&server, "BGSAVE").await;
    })
    .await;
}

#[tokio::test]
async fn a_replica_without_its_primary_is_no_dead_server() {
    let server = server().await;
    admin(&server, "CONFIG SET replica-serve-stale-data no").await;
    admin(&server, "REPLICAOF 127.0.0.1 1").await;
    check(&server, "MASTERDOWN", || async {
        admin(&server, "REPLICAOF NO ONE").await;
    })
    .await;
}

/// The line goes dead while nobody uses it: it is replaced before anyone does (E3).
///
/// Fails when nothing is pinged (in `State::ping`): nobody notices.
#[tokio::test]
async fn a_line_that_dies_while_it_is_idle_is_replaced_before_it_is_needed() {
    let server = server().await;
    let proxy = FaultProxy::before(server.address()).await.expect("a proxy");
    let pool = Pool::builder(proxy.address().into())
        .ping_when_idle(OFTEN, 3 * OFTEN)
        .build();
    assert_eq!(texts(&send(&pool, &["INCR n"]).await), ["1"]);
    let line = proxy.open().remove(0);
    line.to_server().swallow();
    until("it is noticed", async || {
        let now = pool.statistics();
        now.connections_lost == 1 && now.connected
    })
    .await;
    assert!(
        line.to_server().traffic().swallowed > 0,
        "a ping, and no more"
    );
    assert_eq!(proxy.accepted(), 2);
    assert_eq!(texts(&send(&pool, &["INCR n"]).await), ["2"]);
    let error = pool.state().connections.remove(0).last_error.expect("why");
    assert!(error.is_timeout() && error.is_network(), "{error}");
}

/// The server would close what is idle for a second (E6). Pinged, it is not idle;
/// not pinged, it costs no command.
///
/// Fails, without pings, when the driver takes no notice of the end of a stream (in
/// `Driver::read`) and nobody asks the system for it either (`State::has_ended`);
/// one of them is enough.
#[tokio::test]
async fn what_the_server_would_close_for_being_idle() {
    let server = server().await;
    admin(&server, "CONFIG SET timeout 1").await;
    for pings in [true, false] {
        let builder = builder(&server, "idle");
        let pool = match pings {
            true => builder.ping_when_idle(3 * OFTEN, SOON).build(),
            false => builder.never_ping().build(),
        };
        let key = format!("n:{pings}");
        assert_eq!(texts(&send(&pool, &[format!("INCR {key}")]).await), ["1"]);
        if pings {
            until("it is pinged long enough", async || {
                pool.statistics().pings >= 10
            })
            .await;
        } else {
            // There may be another by then.
            let own = the_connection(&server, "idle").await;
            until("the server closes it", async || {
                let all = connections_of(&server, "idle").await;
                all.iter().all(|it| it.address() != own.address())
            })
            .await;
        }
        assert_eq!(texts(&send(&pool, &[format!("INCR {key}")]).await), ["2"]);
        // The next one was not used either before the second passed, perhaps.
        assert_eq!(pool.statistics().connections_lost == 0, pings);
        let counter: i64 = server.ask(&["GET", &key]).await.expect("GET");
        assert_eq!(counter, 2);
    }
}
