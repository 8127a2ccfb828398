//! Whatever was done with a lease: the next one is what the recipe makes it.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use slotline_pool::{Lease, Pool};
use slotline_testkit::Node;
use slotline_tests::{Connection, connections_of, server, until};

use super::setting::{ask, lease};
use crate::setting::{BOTH, builder, late, words};

/// What CLIENT LIST shows of a connection that could be other than it was made. Whether
/// a transaction is open is among the flags.
const FIELDS: [&str; 10] = [
    "name", "db", "flags", "resp", "user", "sub", "psub", "ssub", "redir", "lib-name",
];

fn shown(connection: &Connection) -> Vec<String> {
    FIELDS
        .map(|field| format!("{field}={}", connection.field(field)))
        .to_vec()
}

/// Sends batches. One with `~` before it is given up before it is answered.
async fn use_it(lease: &mut Lease, batches: &[&str]) {
    for batch in batches {
        let lines: Vec<&str> = batch.trim_start_matches('~').split("; ").collect();
        let mut call = lease.call(words(&lines), late());
        if batch.starts_with('~') {
            // The runtime has no turn in which it could hear of an answer.
            let polled = poll_fn(|cx| Poll::Ready(Pin::new(&mut call).poll(cx))).await;
            assert!(polled.is_pending(), "{batch}");
        } else {
            let answer = call.await;
            assert!(answer.failure.is_none(), "{batch}: {:?}", answer.failure);
        }
    }
}

/// Whether the lease after this use has the same connection.
async fn is_lent_again(node: &Node, pool: &Pool, batches: &[&str]) -> bool {
    let mut lease = lease(pool).await;
    let before = ask(&mut lease, &["CLIENT ID"]).await;
    use_it(&mut lease, batches).await;
    drop(lease);
    let mut next = self::lease(pool).await;
    let after = ask(&mut next, &["CLIENT ID", "GET k"]).await;
    assert_eq!(after[1], "nil", "{batches:?}: a transaction is open");
    // Not every server shows what is watched.
    node.call(&["SET", "k", "v"]).await.expect("SET");
    node.call(&["DEL", "k"]).await.expect("DEL");
    let done = ask(&mut next, &["MULTI", "ECHO x", "EXEC"]).await;
    assert_eq!(done[2], "[x]", "{batches:?}: k is watched");
    before[0] == after[0]
}

/// A table of what is sent, and whether the connection is lent again. Whatever it was,
/// the next one looks to the server as a new one does. Fails if `Session::condition`
/// is always `Clean`.
#[tokio::test]
async fn the_next_lease_is_what_the_recipe_makes_it() {
    let server = server().await;
    for protocol in BOTH {
        let pool = builder(&server, "state")
            .protocol(protocol)
            .max_leases(1)
            .build();
        drop(lease(&pool).await);
        let fresh = shown(&connections_of(&server, "state").await[0]);
        for (batches, kept) in [
            (&["GET k; INCR n"][..], true),
            (&["WATCH k"], true),
            (&["WATCH k", "MULTI"], true),
            (&["MULTI; SET k v"], true),
            (&["MULTI; SET k v; DISCARD", "WATCH k"], true),
            (&["MULTI; NO-SUCH-COMMAND; EXEC"], false),
            (&["EXEC", "DISCARD"], true),
            (&["MULTI; MULTI; WATCH k; DISCARD"], true),
            (&["BLPOP list 0.01"], true),
            (&["~BLPOP list 0"], false),
            (&["WATCH k", "~BLPOP list 0"], false),
            (&["~GET k; GET k"], false),
            (&["SELECT 2"], false),
            (&["MULTI; SELECT 2; EXEC"], false),
            (&["CLIENT SETNAME other"], false),
            (&["CLIENT NO-EVICT ON"], false),
            (&["CLIENT TRACKING ON"], false),
            (&["SUBSCRIBE c"], false),
            (&["SUBSCRIBE c; UNSUBSCRIBE c"], false),
            (&["PSUBSCRIBE c*", "SSUBSCRIBE s"], false),
            (&["MONITOR"], false),
            (&["HELLO 3"], false),
            (&["HELLO 2"], false),
            (&["RESET"], false),
            (&["READONLY"], false),
            (&["QUIT"], false),
        ] {
            let (dials, was_kept) = (
                pool.statistics().leases.dials,
                is_lent_again(&server, &pool, batches).await,
            );
            assert_eq!(was_kept, kept, "{protocol:?} {batches:?}");
            let made = pool.statistics().leases.dials - dials;
            assert_eq!(made, u64::from(!kept), "{protocol:?} {batches:?}");
            let alone = async || connections_of(&server, "state").await.len() == 1;
            until("the other one is closed", alone).await;
            let now = shown(&connections_of(&server, "state").await[0]);
            assert_eq!(now, fresh, "{protocol:?} {batches:?}");
        }
        let counts = pool.statistics().leases;
        assert_eq!(counts.in_use + counts.waiting + counts.tidying, 0);
    }
}

/// A6: what would take the answers away is refused, and the lease is as good as before.
/// Fails if `refusal::examine` refuses nothing.
#[tokio::test]
async fn what_would_break_the_framing_is_refused() {
    let server = server().await;
    for protocol in BOTH {
        let pool = builder(&server, "framing").protocol(protocol).build();
        let mut lease = lease(&pool).await;
        for line in [
            "CLIENT REPLY OFF",
            "CLIENT REPLY SKIP",
            "SYNC",
            "PSYNC ? -1",
            "REPLCONF ACK 0",
            "SCRIPT DEBUG YES",
        ] {
            let answer = lease.call(words(&["GET k", line]), late()).await;
            let failure = answer.failure.expect("a failure");
            assert!(
                failure.error.is_refused() && failure.first_unsent == 0,
                "{line}"
            );
            assert_eq!(ask(&mut lease, &["ECHO x"]).await, ["x"], "{line}");
        }
        drop(lease);
        assert_eq!(pool.statistics().leases.idle, 1);
    }
}
