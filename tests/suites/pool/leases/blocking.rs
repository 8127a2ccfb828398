//! Commands that block (F2).

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use slotline_pool::{Answer, Credentials, Pool};
use slotline_testkit::Node;
use slotline_tests::{connections_of, in_time, server, until};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::setting::{ask, ask_shared, blocked, lease};
use crate::setting::{BOTH, Dice, builder, late, texts, words};

async fn until_blocked(node: &Node, count: u64) {
    let reached = async || blocked(node).await == count;
    until(&format!("{count} clients are blocked"), reached).await;
}

/// F2. Fails if BLPOP is sent by `Pool::send`, and that refuses nothing: then nothing is
/// answered behind it.
#[tokio::test]
async fn nobody_waits_for_a_hundred_that_block() {
    let server = server().await;
    for protocol in BOTH {
        let pool = builder(&server, "waiters")
            .protocol(protocol)
            .max_leases(100)
            .build();
        let mut waiting = JoinSet::new();
        for _ in 0..100 {
            let mut lease = lease(&pool).await;
            waiting.spawn(async move { ask(&mut lease, &["BLPOP list 0"]).await });
        }
        until_blocked(&server, 100).await;
        for turn in 0..500 {
            let (set, get) = (format!("SET k{turn} {turn}"), format!("GET k{turn}"));
            let said = in_time(ask_shared(&pool, &[&set, &get])).await;
            assert_eq!(said, ["OK".to_owned(), turn.to_string()]);
        }
        assert_eq!(
            blocked(&server).await,
            100,
            "all of them were blocked meanwhile"
        );
        assert_eq!(pool.statistics().leases.in_use, 100);
        for n in 0..100 {
            server
                .call(&["RPUSH", "list", &n.to_string()])
                .await
                .expect("RPUSH");
        }
        let mut got = BTreeSet::new();
        while let Some(said) = waiting.join_next().await {
            got.extend(said.expect("a waiter"));
        }
        let all: BTreeSet<String> = (0..100).map(|n| format!("[list {n}]")).collect();
        assert_eq!(got, all);
        until("all are back", async || {
            pool.statistics().leases.idle == 100
        })
        .await;
    }
}

/// Fails if `Call::give_up` loses no connection: the server goes on waiting for callers
/// who have gone, and gives them the elements.
#[tokio::test]
async fn what_was_dropped_takes_nothing_any_more() {
    let server = server().await;
    let pool = builder(&server, "gone").build();
    let mut dice = Dice(3);
    for round in 0..10 {
        let mut leases = Vec::new();
        for _ in 0..10 {
            let mut lease = lease(&pool).await;
            let mut call = lease.call(words(&["BLPOP list 0"]), late());
            let patience = Duration::from_micros(dice.roll(3_000));
            assert!(tokio::time::timeout(patience, &mut call).await.is_err());
            drop(call);
            // Some leases outlive their calls.
            if dice.roll(2) == 0 {
                leases.push(lease);
            }
        }
        // The server has seen the end of them.
        let gone = async || connections_of(&server, "gone").await.len() <= 10;
        until("those that block are closed", gone).await;
        until_blocked(&server, 0).await;
        for n in 0..20 {
            server
                .call(&["RPUSH", "list", &n.to_string()])
                .await
                .expect("RPUSH");
        }
        let left: Vec<u64> = server
            .ask(&["LRANGE", "list", "0", "-1"])
            .await
            .expect("LRANGE");
        assert_eq!(left, (0..20).collect::<Vec<_>>(), "round {round}");
        server.call(&["DEL", "list"]).await.expect("DEL");
    }
}

/// The server has popped, and its answer lies in the socket. Fails if `cancel` closes
/// the connection.
#[tokio::test]
async fn cancelling_gives_what_had_been_taken() {
    let server = server().await;
    for protocol in BOTH {
        let pool = builder(&server, "late").protocol(protocol).build();
        pool.connect().await.expect("a shared connection");
        let mut lease = lease(&pool).await;
        for n in 0..20 {
            let mut call = lease.call(words(&["BLPOP list 0"]), late());
            let waited = tokio::time::timeout(Duration::from_millis(5), &mut call);
            assert!(waited.await.is_err());
            until_blocked(&server, 1).await;
            let element = n.to_string();
            // What is pushed after that must not be taken.
            for value in [&element[..], "next"] {
                server.call(&["RPUSH", "list", value]).await.expect("RPUSH");
            }
            assert_eq!(texts(&call.cancel().await), [format!("[list {n}]")]);
            assert_eq!(
                ask(&mut lease, &["LPOP list", "LPOP list"]).await,
                ["next", "nil"]
            );
        }
        // And with nothing to be taken.
        for command in [
            "BLPOP list 0",
            "BLMOVE list other LEFT RIGHT 0",
            "BZPOPMIN zset 0",
            "XREAD BLOCK 0 STREAMS stream $",
        ] {
            let mut call = lease.call(words(&[command]), late());
            let waited = tokio::time::timeout(Duration::from_millis(5), &mut call);
            assert!(waited.await.is_err());
            until_blocked(&server, 1).await;
            assert_eq!(texts(&call.cancel().await), ["nil"], "{command}");
            assert_eq!(blocked(&server).await, 0);
        }
        drop(lease);
        let counts = pool.statistics().leases;
        assert_eq!((counts.idle, counts.dials), (1, 1), "{protocol:?}");
    }
}

/// What a task got, if anything.
fn element(answer: &Answer) -> Option<u64> {
    assert!(answer.failure.is_none(), "{:?}", answer.failure);
    let popped = answer.replies.decode::<Option<(String, u64)>>(0);
    popped
        .and_then(|it| it.expect("a pair"))
        .map(|(_, element)| element)
}

/// What became of the elements.
#[derive(Default)]
struct Tally {
    received: AtomicU64,
    cancelled: AtomicU64,
    dropped: AtomicU64,
}

async fn pop_and_give_up(
    pool: &Pool,
    dice: &mut Dice,
    into: &mpsc::UnboundedSender<u64>,
    tally: &Tally,
) {
    let mut lease = lease(pool).await;
    let patience = Duration::from_micros(dice.roll(2_500));
    let rescued = into.clone();
    let deadline = Instant::now() + Duration::from_secs(15);
    let call = lease.call(words(&["BLPOP list 0"]), deadline);
    let mut call = call.rescue(move |answer| {
        if let Some(element) = element(&answer) {
            let _ = rescued.send(element);
        }
    });
    let (answer, how) = match tokio::time::timeout(patience, &mut call).await {
        Ok(answer) => (answer, &tally.received),
        Err(_) if dice.roll(2) == 0 => (call.cancel().await, &tally.cancelled),
        Err(_) => {
            tally.dropped.fetch_add(1, SeqCst);
            return drop(call);
        }
    };
    if let Some(element) = element(&answer) {
        let _ = into.send(element);
        how.fetch_add(1, SeqCst);
    }
}

/// A thousand numbered elements, while BLPOPs end in every way at random moments:
/// by an element, by `cancel`, by being dropped. None is lost, and none comes twice.
/// Fails if `cancel` or a rescue closes the connection without reading its answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_element_is_lost_however_its_waiters_end() {
    let server = server().await;
    for protocol in BOTH {
        let pool = builder(&server, "waiters")
            .protocol(protocol)
            .max_leases(12)
            .build();
        let tally = Arc::new(Tally::default());
        let over = Arc::new(AtomicBool::new(false));
        let (into, mut received) = mpsc::unbounded_channel();
        let mut tasks = JoinSet::new();
        for task in 1..=8 {
            let (pool, into) = (pool.clone(), into.clone());
            let (over, tally) = (Arc::clone(&over), Arc::clone(&tally));
            tasks.spawn(async move {
                let mut dice = Dice(task * 77_777);
                while !over.load(SeqCst) {
                    pop_and_give_up(&pool, &mut dice, &into, &tally).await;
                }
            });
        }
        let mut dice = Dice(11);
        for n in 0..1_000_u64 {
            server
                .call(&["RPUSH", "list", &n.to_string()])
                .await
                .expect("RPUSH");
            if dice.roll(3) == 0 {
                sleep(Duration::from_micros(dice.roll(1_500))).await;
            }
        }
        over.store(true, SeqCst);
        in_time(async {
            while tasks
                .join_next()
                .await
                .transpose()
                .expect("a waiter")
                .is_some()
            {}
        })
        .await;
        // Those that are being rescued count as in use until they have been.
        until("nobody waits any more", async || {
            pool.statistics().leases.in_use == 0
        })
        .await;
        until_blocked(&server, 0).await;
        drop(into);
        let mut all = Vec::new();
        while let Some(element) = received.recv().await {
            all.push(element);
        }
        let taken = all.len();
        let left: Vec<u64> = server
            .ask(&["LRANGE", "list", "0", "-1"])
            .await
            .expect("LRANGE");
        server.call(&["DEL", "list"]).await.expect("DEL");
        all.extend(&left);
        all.sort_unstable();
        assert_eq!(all, (0..1_000).collect::<Vec<_>>(), "{protocol:?}");
        let by = |count: &AtomicU64| count.load(SeqCst);
        let (own, late) = (by(&tally.received), by(&tally.cancelled));
        let rescued = taken as u64 - own - late;
        let counts = pool.statistics().leases;
        println!(
            "{protocol:?}: {own} received, {late} by cancelling, {rescued} rescued of {} dropped, \
             {} left; {counts:?}",
            by(&tally.dropped),
            left.len()
        );
        assert!(own > 0 && by(&tally.dropped) > 0);
        assert_eq!(
            counts.lost + counts.discarded,
            0,
            "every connection could be used again"
        );
    }
}

/// Who may not unblock closes: that takes nothing either. Fails if `Call::ask` takes an
/// error for an answer: then it asks again and again until its time is over.
#[tokio::test]
async fn who_may_not_unblock_closes_the_connection() {
    let server = server().await;
    let rules = "ACL SETUSER limited on >sesame ~* &* +@all -client|unblock";
    let rules: Vec<&str> = rules.split(' ').collect();
    server.call(&rules).await.expect("ACL SETUSER");
    let pool = builder(&server, "limited")
        .credentials(Credentials::new(Some("limited"), "sesame"))
        .build();
    let mut lease = lease(&pool).await;
    let mut call = lease.call(words(&["BLPOP list 0"]), late());
    assert!(
        tokio::time::timeout(Duration::from_millis(5), &mut call)
            .await
            .is_err()
    );
    until_blocked(&server, 1).await;
    let failure = call.cancel().await.failure.expect("a failure");
    assert!(
        failure.error.to_string().contains("NOPERM"),
        "{}",
        failure.error
    );
    assert!(!lease.is_connected());
    until_blocked(&server, 0).await;
    server.call(&["RPUSH", "list", "x"]).await.expect("RPUSH");
    assert_eq!(server.ask::<u64>(&["LLEN", "list"]).await.expect("LLEN"), 1);
}

/// WAIT speaks of its own connection's writes. Fails if `Kind::of` takes it for what
/// changes a connection.
#[tokio::test]
async fn wait_follows_its_own_write() {
    let server = server().await;
    let pool = builder(&server, "writer").build();
    let mut lease = lease(&pool).await;
    assert_eq!(
        ask(&mut lease, &["SET k v", "WAIT 0 100"]).await,
        ["OK", "0"]
    );
    drop(lease);
    assert_eq!(pool.statistics().leases.idle, 1);
}
