//! Transactions on watched keys (F1).

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use slotline::{Client, Delivery, Results};
use slotline_testkit::{Cut, FaultProxy};
use slotline_tests::{
    PATIENCE, calls, in_time, keys_of_slot, kill, on_own_cluster, on_shared_cluster,
    reset_counters, server, two_primaries, until,
};
use tokio::task::JoinSet;

use crate::blocking::connect;

/// Adds one to a number, as someone who has no INCR.
async fn add_one(client: &Client, key: &str, tries: &AtomicU32) -> slotline::Result<Results> {
    let watching = client.watching(key).attempts(200);
    watching
        .run(|watched| async move {
            tries.fetch_add(1, Relaxed);
            let n: Option<u64> = watched.get(key).await?;
            let more = n.unwrap_or(0) + 1;
            watched.transaction(|t| _ = t.set(key, more)).await
        })
        .await
}

/// A thousand in all, from eight tasks: exact, and some had to begin again.
async fn count_together(client: &Client, key: &str) {
    let tries = Arc::new(AtomicU32::new(0));
    let mut tasks = JoinSet::new();
    for _ in 0..8 {
        let (client, key, tries) = (client.clone(), key.to_owned(), Arc::clone(&tries));
        tasks.spawn(async move {
            for _ in 0..125 {
                let results = add_one(&client, &key, &tries).await.expect("in the end");
                results.check().expect("SET");
            }
        });
    }
    tasks.join_all().await;
    assert_eq!(client.get::<u64>(key).await.expect("GET"), 1_000);
    let tries = tries.load(Relaxed);
    println!("1000 increments took {tries} attempts");
    assert!(tries > 1_000, "they have met");
}

/// Fails if all use one connection: another's EXEC then ends the watch.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_increments_of_eight_tasks_are_a_thousand() {
    let server = server().await;
    let client = connect(server.url()).await;
    count_together(&client, "n").await;
}

#[test]
fn they_are_on_a_cluster_too() {
    on_shared_cluster(async |cluster| {
        let client = connect(cluster.url()).await;
        count_together(&client, "together").await;
    });
}

/// Fails if null is no conflict, or if what was watched outlives its transaction.
#[tokio::test]
async fn a_key_that_was_changed_lets_nothing_run() {
    let server = server().await;
    let client = connect(server.url()).await;
    for changed in [true, false] {
        let watched = client.watch(["k", "other"]).await.expect("WATCH");
        assert_eq!(watched.get::<Option<i64>>("k").await.expect("GET"), None);
        if changed {
            client.set("other", "x").await.expect("SET");
        }
        // Nobody else's transaction ends it.
        let others = client.transaction(|t| _ = t.incr("n"));
        others.await.expect("another's");
        let done = watched.transaction(|t| {
            t.incr("k");
            t.incr("k");
        });
        let done = done.await.expect("EXEC");
        assert_eq!(done.is_none(), changed);
        if let Some(results) = done {
            let all: (i64, i64) = results.decode_all().expect("two numbers");
            assert_eq!(all, (1, 2));
        }
        client.del("k").await.expect("DEL");
    }
    // Who watches nothing any more is not hindered.
    let watched = client.watch("k").await.expect("WATCH");
    client.set("k", 1).await.expect("SET");
    watched.unwatch().await.expect("UNWATCH");
    let all = client.statistics();
    let leases = all.iter().map(|(_, _, statistics)| statistics.leases);
    let (in_use, dials) = leases.fold((0, 0), |(in_use, dials), leases| {
        (in_use + leases.in_use, dials + leases.dials)
    });
    assert_eq!((in_use, dials), (0, 1), "one connection, given back clean");
}

/// Fails if a watch that is dropped keeps its connection, or gives it back amid a watch.
#[tokio::test]
async fn a_watch_that_is_dropped_watches_no_more() {
    let server = server().await;
    let client = Client::builder().nodes([server.url()]).max_leases(1);
    let client = client.connect().await.expect("connecting");
    for round in 0..3 {
        let watched = client.watch("k").await.expect("WATCH");
        drop(watched);
        client.set("k", 1).await.expect("SET");
        let watched = in_time(client.watch("other")).await.expect("WATCH");
        let done = watched.transaction(|t| _ = t.incr("n")).await;
        assert!(done.expect("EXEC").is_some(), "k is not watched");
        // One that is dropped before or just when it is answered, too.
        let patience = Duration::from_micros(100 * round);
        let _ = tokio::time::timeout(patience, client.watch("k")).await;
    }
    assert_eq!(client.get::<i64>("n").await.expect("GET"), 3);
    let watched = client.watch("k").await.expect("WATCH");
    let nothing = watched.transaction(|_| {}).await.expect("nothing");
    assert!(nothing.expect("it has run").is_empty());
}

/// Fails if the loop has no bound, or forgets to say so.
#[tokio::test]
async fn the_loop_is_bounded_and_says_so() {
    let server = server().await;
    let client = connect(server.url()).await;
    let tries = AtomicU32::new(0);
    let (other, counter) = (&client, &tries);
    let run = client.watching("k").attempts(3).run(|watched| async move {
        counter.fetch_add(1, Relaxed);
        other.incr("k").await?;
        watched.transaction(|t| _ = t.set("k", "mine")).await
    });
    let error = run.await.expect_err("somebody always comes in between");
    assert!(error.is_contended() && !error.is_conflict(), "{error}");
    assert_eq!(error.delivery(), Delivery::Rejected);
    assert!(error.to_string().contains("3 attempts"), "{error}");
    assert_eq!(tries.load(Relaxed), 3);
    assert_eq!(client.get::<i64>("k").await.expect("GET"), 3);
    // What is wrong in itself is not tried again.
    let run = client.watching("k").run(|watched| async move {
        counter.fetch_add(1, Relaxed);
        watched.transaction(|t| _ = t.command("NOSUCH")).await
    });
    let error = run.await.expect_err("no such command");
    assert_eq!(error.code(), Some("EXECABORT"), "{error}");
    assert_eq!(error.refused()[0].command(), "NOSUCH");
    assert!(!error.is_watch_lost() && !error.is_contended());
    assert_eq!(tries.load(Relaxed), 4);
}

/// Fails if an EXEC that may have run goes again.
#[tokio::test]
async fn an_exec_without_an_answer_is_never_sent_again() {
    let server = server().await;
    let proxy = FaultProxy::before(server.address()).await.expect("a proxy");
    let client = Client::builder().nodes([proxy.url()]);
    let client = client.timeout(Duration::from_secs(5)).connect().await;
    let client = client.expect("connecting");
    let direct = connect(server.url()).await;
    let tries = AtomicU32::new(0);
    let (counter, proxy, other) = (&tries, &proxy, &direct);
    let run = client.watching("n").run(|watched| async move {
        counter.fetch_add(1, Relaxed);
        let _: Option<i64> = watched.get("n").await?;
        // Its answer does not arrive, and neither does anything after it.
        for line in proxy.open() {
            line.to_client().swallow();
        }
        let commit = watched.transaction(|t| _ = t.incr("n"));
        let ends = async {
            until("it has run", async || {
                other.get::<Option<i64>>("n").await.expect("GET") == Some(1)
            })
            .await;
            for line in proxy.open() {
                line.cut(Cut::Reset);
            }
        };
        tokio::join!(commit, ends).0
    });
    let error = in_time(run).await.expect_err("nobody answered");
    assert_eq!(error.delivery(), Delivery::Ambiguous, "{error}");
    assert!(!error.is_watch_lost() && error.is_network(), "{error}");
    assert_eq!(tries.load(Relaxed), 1);
    assert_eq!(direct.get::<i64>("n").await.expect("GET"), 1);
}

/// Fails if a lost connection is the error of the loop though EXEC was not sent.
#[tokio::test]
async fn a_connection_that_is_lost_before_exec_is_begun_again() {
    let server = server().await;
    let client = Client::builder().nodes([server.url()]).client_name("lost");
    let client = client.connect().await.expect("connecting");
    let tries = AtomicU32::new(0);
    let (counter, node) = (&tries, &server);
    let run = client.watching("n").run(|watched| async move {
        if counter.fetch_add(1, Relaxed) < 3 {
            let all = slotline_tests::connections_of(node, "lost").await;
            kill(node, &all).await;
        }
        watched.transaction(|t| _ = t.incr("n")).await
    });
    let results = in_time(run).await.expect("in the end");
    assert_eq!(results.decode_last::<i64>().expect("INCR"), 1);
    assert_eq!(tries.load(Relaxed), 4);
}

/// Keys of several slots are refused before anything is sent, whoever names them.
#[test]
fn what_is_of_another_slot_is_refused_unsent() {
    on_shared_cluster(async |cluster| {
        let client = connect(cluster.url()).await;
        client.ping().await.expect("PING");
        reset_counters(cluster.nodes()).await;
        let check = |error: slotline::Error| {
            assert!(error.is_cluster() && !error.is_server(), "{error}");
            assert_eq!(error.delivery(), Delivery::NotSent, "{error}");
            assert!(error.to_string().contains("several slots"), "{error}");
        };
        check(client.watch(["{a}k", "{b}k"]).await.expect_err("two slots"));
        let mut sent = 0;
        for node in cluster.nodes() {
            sent += calls(node, "watch").await;
        }
        assert_eq!(sent, 0);
        let watched = client.watch("{a}k").await.expect("WATCH");
        check(
            watched
                .get::<Option<i64>>("{b}k")
                .await
                .expect_err("another"),
        );
        let other = watched.transaction(|t| _ = t.incr("{b}k")).await;
        check(other.expect_err("another"));
        let watched = client.watch("{a}k").await.expect("WATCH");
        let within = watched.transaction(|t| _ = t.command("WATCH").key("{a}k"));
        assert!(
            within
                .await
                .expect_err("it is watched already")
                .is_refused()
        );
    });
}

/// Fails if MOVED during a watch is the caller's, or if the loop asks the old owner again.
#[test]
fn a_watch_is_lost_when_its_slot_moves_and_begins_again_there() {
    const SLOT: u16 = 1_200;
    on_shared_cluster(async |cluster| {
        let (from, to) = two_primaries(cluster, SLOT).await;
        let client = connect(cluster.url()).await;
        let keys = keys_of_slot("watched", SLOT, 2);
        let key = &keys[0];
        for moved in [0, 1] {
            let (from, to) = if moved == 0 {
                (&from, &to)
            } else {
                (&to, &from)
            };
            let tries = AtomicU32::new(0);
            let counter = &tries;
            let run = client.watching(key).run(|watched| async move {
                let n: Option<i64> = watched.get(key).await?;
                if counter.fetch_add(1, Relaxed) == 0 {
                    let migrated = cluster.migrate_slots([SLOT], from, to).await;
                    migrated.expect("migrating");
                    // A reader is told as well as a transaction.
                    let error = watched.get::<Option<i64>>(key).await;
                    let error = error.expect_err("it has moved");
                    assert!(error.is_watch_lost(), "{error}");
                    assert_eq!(error.code(), Some("MOVED"), "{error}");
                    assert!(error.delivery() != Delivery::Ambiguous);
                }
                watched
                    .transaction(|t| _ = t.set(key, n.unwrap_or(0) + 1))
                    .await
            });
            in_time(run).await.expect("in the end");
            assert_eq!(tries.load(Relaxed), 2);
            assert_eq!(client.get::<i64>(key).await.expect("GET"), moved + 1);
        }
    });
}

/// A key that the new owner alone has, of a slot that has not moved yet, is watched where
/// it is.
///
/// Fails if an ASK ends a watch, or if ASKING is said only once.
#[test]
fn what_has_moved_ahead_of_its_slot_is_watched_where_it_is() {
    const SLOT: u16 = 1_201;
    on_shared_cluster(async |cluster| {
        let (from, to) = two_primaries(cluster, SLOT).await;
        let client = connect(cluster.url()).await;
        let key = keys_of_slot("ahead", SLOT, 1).remove(0);
        client.set(&key, 5).await.expect("SET");
        let migration = cluster.begin_migration(SLOT, &from, &to).await;
        let migration = migration.expect("a migration");
        migration.move_keys(1).await.expect("moving");
        for changed in [true, false] {
            let watched = in_time(client.watch(&key)).await.expect("WATCH");
            let n: i64 = watched.get(&key).await.expect("GET");
            if changed {
                client.incr(&key).await.expect("INCR");
            }
            let sum = watched.transaction(|t| {
                t.set(&key, n + 10);
                t.incr(&key);
            });
            let sum = in_time(sum).await.expect("EXEC");
            assert_eq!(sum.is_none(), changed);
            if let Some(results) = sum {
                assert_eq!(results.len(), 2);
                assert_eq!(results.decode_last::<i64>().expect("INCR"), 17);
            }
        }
        migration.finish().await.expect("finishing");
        assert_eq!(client.get::<i64>(&key).await.expect("GET"), 17);
    });
}

/// Fails if an increment is lost or made twice while the slot goes there and back, and its
/// primary is replaced.
#[test]
fn increments_are_exact_while_the_slot_moves_and_fails_over() {
    // Of a shard of its own, since servers do not fail over often: see `followed.rs`.
    const SLOT: u16 = 12_202;
    on_own_cluster(async |cluster| {
        let (from, to) = two_primaries(cluster, SLOT).await;
        let client = connect(cluster.url()).await;
        let key = keys_of_slot("exact", SLOT, 1).remove(0);
        let over = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let (tries, done) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU64::new(0)));
        let mut tasks = JoinSet::new();
        for _ in 0..4 {
            let (client, key, over) = (client.clone(), key.clone(), Arc::clone(&over));
            let (tries, done) = (Arc::clone(&tries), Arc::clone(&done));
            tasks.spawn(async move {
                while !over.load(Relaxed) {
                    let added = add_one(&client, &key, &tries).await;
                    added.expect("in the end").check().expect("SET");
                    done.fetch_add(1, Relaxed);
                }
            });
        }
        for (from, to) in [(&from, &to), (&to, &from)] {
            let before = done.load(Relaxed);
            let moved = cluster.migrate_slots([SLOT], from, to).await;
            moved.expect("migrating");
            let agreed = cluster.wait_until_agreed(PATIENCE).await;
            agreed.expect("agreement");
            until("it goes on", async || done.load(Relaxed) > before + 20).await;
        }
        let heir = cluster.replica_of(&from).await.expect("a replica");
        let synced = cluster.wait_replicas_synced(PATIENCE).await;
        synced.expect("in step");
        let before = done.load(Relaxed);
        cluster.failover(&heir).await.expect("a failover");
        until("it goes on", async || done.load(Relaxed) > before + 20).await;
        over.store(true, Relaxed);
        in_time(tasks.join_all()).await;
        let done = done.load(Relaxed);
        println!("{done} increments, {} attempts", tries.load(Relaxed));
        assert_eq!(client.get::<u64>(&key).await.expect("GET"), done);
        let agreed = cluster.wait_until_agreed(PATIENCE).await;
        agreed.expect("the cluster is whole");
    });
}
