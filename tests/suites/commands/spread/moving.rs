//! While slots and roles change (C12).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use slotline::{Client, Delivery, Error};
use slotline_tests::{
    PATIENCE, errors_at_all, keys_of_slot, on_own_cluster, reset_counters, until,
};
use tokio::task::JoinSet;

use super::{of, pairs, say};

#[derive(Default)]
struct Seen {
    over: AtomicBool,
    rounds: AtomicU64,
    failed: AtomicU64,
}

/// What one round of commands over the keys came to; the first failure ends it.
async fn round(client: &Client, keys: &[String]) -> Result<Vec<usize>, Error> {
    let all = keys.len();
    let mut counts = Vec::new();
    of::<String>(client, "MSET", &pairs(keys)).await?;
    let values: Vec<Option<String>> = of(client, "MGET", keys).await?;
    assert_eq!(values.len(), all);
    for (key, value) in keys.iter().zip(&values) {
        if let Some(value) = value {
            assert_eq!(*value, format!("v:{key}"));
        }
    }
    counts.push(values.iter().flatten().count());
    for name in ["EXISTS", "TOUCH", "DEL", "EXISTS", "DEL"] {
        counts.push(of(client, name, keys).await?);
    }
    say::<usize>(client, &["DBSIZE"]).await?;
    Ok(counts)
}

/// Fails when a part that was redirected takes its command along (DEL finds less than
/// there was), when one runs twice, and when TRYAGAIN, ASK or MOVED is handed on.
#[test]
fn counts_are_exact_while_slots_move() {
    const SLOTS: std::ops::Range<u16> = 200..230;
    on_own_cluster(async |cluster| {
        let client = Client::connect(cluster.url()).await.expect("connecting");
        let from = cluster.owner_of(SLOTS.start).await.expect("an owner");
        let primaries = cluster.primaries().await.expect("primaries");
        let to = primaries
            .iter()
            .find(|node| **node != from)
            .expect("another");
        reset_counters(cluster.nodes()).await;
        let seen = Arc::new(Seen::default());
        let mut tasks = JoinSet::new();
        for task in 0..8 {
            let (client, seen) = (client.clone(), Arc::clone(&seen));
            // Two keys of each slot that moves, and many of others.
            let prefix = format!("moving:{task}");
            let mut keys: Vec<String> = SLOTS
                .flat_map(|slot| keys_of_slot(&prefix, slot, 2))
                .collect();
            keys.extend((0..100).map(|n| format!("{prefix}:{n}")));
            tasks.spawn(async move {
                let all = keys.len();
                while !seen.over.load(Ordering::Relaxed) {
                    let counts = round(&client, &keys)
                        .await
                        .map_err(|error| error.to_string())?;
                    if counts != [all, all, all, all, 0, 0] {
                        return Err(format!("of {all}: {counts:?}"));
                    }
                    seen.rounds.fetch_add(1, Ordering::Relaxed);
                }
                Ok(())
            });
        }
        for (from, to) in [(&from, to), (to, &from), (&from, to)] {
            let moved = cluster.migrate_slots(SLOTS, from, to).await;
            moved.expect("migrating");
            cluster
                .wait_until_agreed(PATIENCE)
                .await
                .expect("agreement");
        }
        seen.over.store(true, Ordering::Relaxed);
        let mut failed = Vec::new();
        while let Some(task) = tasks.join_next().await {
            failed.extend(task.expect("a task").err());
        }
        let (asked, moved, again) = (
            errors_at_all(cluster.nodes(), "ASK").await,
            errors_at_all(cluster.nodes(), "MOVED").await,
            errors_at_all(cluster.nodes(), "TRYAGAIN").await,
        );
        let rounds = seen.rounds.load(Ordering::Relaxed);
        println!("{rounds} rounds; {asked} ASK, {moved} MOVED, {again} TRYAGAIN");
        assert_eq!(failed, Vec::<String>::new());
        assert!(rounds > 8 && moved > 20 && asked + again > 20);
        assert_eq!(errors_at_all(cluster.nodes(), "CROSSSLOT").await, 0);
    });
}

/// Fails when a part is tied to the node that owned its slot when it was made, and
/// when a part that may have run goes again.
#[test]
fn a_failover_is_followed_and_nothing_is_counted_twice() {
    on_own_cluster(async |cluster| {
        let client = Client::connect(cluster.url()).await.expect("connecting");
        let dying = cluster.owner_of(1_000).await.expect("an owner");
        let seen = Arc::new(Seen::default());
        let mut tasks = JoinSet::new();
        for task in 0..8 {
            let (client, seen) = (client.clone(), Arc::clone(&seen));
            let keys: Vec<String> = (0..100).map(|n| format!("dying:{task}:{n}")).collect();
            tasks.spawn(async move {
                let mut surprises = Vec::new();
                while !seen.over.load(Ordering::Relaxed) {
                    match round(&client, &keys).await {
                        // What the dead node had not handed on yet is lost, no more.
                        Ok(counts) if counts.iter().all(|count| *count <= keys.len()) => {
                            seen.rounds.fetch_add(1, Ordering::Relaxed);
                        }
                        Ok(counts) => surprises.push(format!("{counts:?}")),
                        Err(error) => {
                            seen.failed.fetch_add(1, Ordering::Relaxed);
                            let is_lost = error.is_network() || error.is_timeout();
                            let knows = error.node().is_some();
                            let may_count = error.is_partly_done()
                                || error.delivery() == Delivery::Ambiguous
                                || error.command() == Some("MGET");
                            if !(is_lost && knows && may_count) {
                                surprises.push(format!("{error:?}: {error}"));
                            }
                        }
                    }
                }
                surprises
            });
        }
        let loaded = async || seen.rounds.load(Ordering::Relaxed) > 50;
        until("there is load", loaded).await;
        dying.kill().expect("SIGKILL");
        let heir = async || {
            cluster
                .owner_of(1_000)
                .await
                .is_ok_and(|owner| owner != dying)
        };
        until("there is an heir", heir).await;
        let then = seen.rounds.load(Ordering::Relaxed);
        let recovered = async || seen.rounds.load(Ordering::Relaxed) > then + 100;
        until("commands succeed again", recovered).await;
        seen.over.store(true, Ordering::Relaxed);
        let surprises = tasks.join_all().await.concat();
        println!(
            "{} rounds, {} commands lost with the node",
            seen.rounds.load(Ordering::Relaxed),
            seen.failed.load(Ordering::Relaxed)
        );
        assert_eq!(surprises, Vec::<String>::new());
        dying.restart().await.expect("a restart");
        cluster
            .wait_until_agreed(PATIENCE)
            .await
            .expect("agreement");
    });
}

/// Fails when the failure of a part is said without its node, or a write that ran
/// elsewhere is called not sent.
#[test]
fn a_node_that_stands_still_is_named() {
    on_own_cluster(async |cluster| {
        let client = Client::builder()
            .nodes([cluster.url()])
            .timeout(Duration::from_millis(800))
            .connect()
            .await
            .expect("connecting");
        let keys: Vec<String> = (0..300).map(|n| format!("still:{n}")).collect();
        of::<String>(&client, "MSET", &pairs(&keys))
            .await
            .expect("MSET");
        let still = cluster.owner_of(8_000).await.expect("an owner");
        still.pause().expect("SIGSTOP");
        let mut errors = Vec::new();
        for name in ["MGET", "DEL", "EXISTS"] {
            let error = of::<slotline::Value>(&client, name, &keys).await;
            errors.push((name, error.expect_err("a node stands still")));
        }
        let size = say::<usize>(&client, &["DBSIZE"])
            .await
            .expect_err("a node stands still");
        errors.push(("DBSIZE", size));
        still.resume().expect("SIGCONT");
        for (name, error) in &errors {
            let address = still.address().to_string();
            assert!(error.to_string().contains(&address), "{error}");
            assert_eq!(error.node().map(ToString::to_string), Some(address));
            assert!(error.is_timeout(), "{error:?}");
            assert_eq!(error.command(), Some(*name));
        }
        assert!(errors[1].1.is_partly_done(), "{}", errors[1].1);
        assert_eq!(errors[1].1.delivery(), Delivery::Ambiguous);
        cluster
            .wait_until_agreed(PATIENCE)
            .await
            .expect("agreement");
        let left: usize = of(&client, "DEL", &keys).await.expect("DEL");
        assert!(left < keys.len(), "the other nodes had done their parts");
    });
}
