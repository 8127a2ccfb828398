//! Commands that block while what they wait for goes to another node.

use std::time::Duration;

use slotline::{Client, ReadFrom, Value};
use slotline_tests::{
    PATIENCE, errors, in_time, keys_of_slot, on_own_cluster, on_shared_cluster, reset_counters,
    two_primaries, until,
};
use tokio::task::JoinSet;

use crate::blocking::{blpop, connect, until_blocked};
use crate::queues::{Queues, push};

/// Fails if the MOVED of a command that blocked is the caller's.
#[test]
fn a_command_that_blocks_follows_its_slot() {
    const SLOT: u16 = 1_300;
    on_shared_cluster(async |cluster| {
        let (from, to) = two_primaries(cluster, SLOT).await;
        let client = connect(cluster.url()).await;
        let key = keys_of_slot("follows", SLOT, 1).remove(0);
        reset_counters(&[from.clone(), to.clone()]).await;
        for (from, to, seconds) in [(&from, &to, 0.0), (&to, &from, 20.0)] {
            let waits = tokio::spawn({
                let (client, key) = (client.clone(), key.clone());
                async move { blpop(&client, &key, seconds).await }
            });
            until_blocked(from, 1).await;
            let moved = cluster.migrate_slots([SLOT], from, to).await;
            moved.expect("migrating");
            until_blocked(to, 1).await;
            assert!(!waits.is_finished());
            push(&client, &key, 9).await;
            let popped = in_time(waits).await.expect("a task").expect("BLPOP");
            assert_eq!(popped, Some(9));
        }
        assert!(errors(&from, "MOVED").await >= 1);
    });
}

/// Fails if UNBLOCKED is the caller's, or if its connection, which the server closes, is
/// lent to the next.
#[test]
fn a_command_that_blocks_follows_a_failover() {
    const SLOT: u16 = 1_301;
    on_own_cluster(async |cluster| {
        let client = connect(cluster.url()).await;
        let key = keys_of_slot("follows", SLOT, 1).remove(0);
        for _ in 0..2 {
            let from = cluster.owner_of(SLOT).await.expect("an owner");
            let heir = cluster.replica_of(&from).await.expect("a replica");
            let synced = cluster.wait_replicas_synced(PATIENCE).await;
            synced.expect("in step");
            reset_counters(std::slice::from_ref(&from)).await;
            let mut waiting = JoinSet::new();
            for _ in 0..5 {
                let (client, key) = (client.clone(), key.clone());
                waiting.spawn(async move { blpop(&client, &key, 0.0).await });
            }
            until_blocked(&from, 5).await;
            cluster.failover(&heir).await.expect("a failover");
            until_blocked(&heir, 5).await;
            for n in 0..5 {
                push(&client, &key, n).await;
            }
            let mut got = Vec::new();
            while let Some(number) = in_time(waiting.join_next()).await {
                got.extend(number.expect("a task").expect("BLPOP"));
            }
            got.sort_unstable();
            assert_eq!(got, [0, 1, 2, 3, 4]);
            let agreed = cluster.wait_until_agreed(PATIENCE).await;
            agreed.expect("the cluster is whole");
        }
    });
}

/// One that goes again blocks for the time that it has left, and no longer.
///
/// Fails if it is sent as it was (in `Resend::attempt`, leave out `blocks_on`): then the
/// deadline ends it, and not the server's nil.
#[test]
fn the_time_is_the_whole_time_however_often_it_goes_again() {
    const SLOT: u16 = 1_302;
    on_shared_cluster(async |cluster| {
        let (from, to) = two_primaries(cluster, SLOT).await;
        let client = Client::builder().nodes([cluster.url()]);
        let client = client.timeout(Duration::from_millis(700)).connect();
        let client = client.await.expect("connecting");
        let key = keys_of_slot("time", SLOT, 1).remove(0);
        let waits = tokio::spawn({
            let (client, key) = (client.clone(), key.clone());
            async move { blpop(&client, &key, 3.0).await }
        });
        until_blocked(&from, 1).await;
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        let moved = cluster.migrate_slots([SLOT], &from, &to).await;
        moved.expect("migrating");
        until_blocked(&to, 1).await;
        let popped = in_time(waits).await.expect("a task");
        assert_eq!(popped.expect("no deadline passed"), None);
        let moved = cluster.migrate_slots([SLOT], &to, &from).await;
        moved.expect("migrating");
    });
}

/// Fails if a read that blocks goes to the primary whatever the policy says.
#[test]
fn a_read_that_blocks_goes_where_reads_go() {
    const SLOT: u16 = 1_303;
    on_shared_cluster(async |cluster| {
        let primary = cluster.owner_of(SLOT).await.expect("an owner");
        let replica = cluster.replica_of(&primary).await.expect("a replica");
        let client = Client::builder().nodes([cluster.url()]);
        let client = client
            .read_from(ReadFrom::ReplicaOnly)
            .hedge_reads()
            .connect();
        let client = client.await.expect("connecting");
        let key = keys_of_slot("stream", SLOT, 1).remove(0);
        let reads = tokio::spawn({
            let (client, key) = (client.clone(), key.clone());
            async move {
                let read = client.command("XREAD").arg("BLOCK").arg(0);
                read.arg("STREAMS").key(&key).arg("$").await
            }
        });
        until_blocked(&replica, 1).await;
        let add = client.command("XADD").key(&key).arg("*").arg("f").arg("v");
        add.await.expect("XADD");
        let read: Value = in_time(reads).await.expect("a task").expect("XREAD");
        assert!(!read.is_null());
        assert_eq!(client.hedges().reads, 0);
    });
}

/// Fails if what redis 7.0 says to a XREADGROUP whose stream goes to another node is the
/// caller's: UNBLOCKED, where others say ASK.
#[test]
fn a_consumer_that_blocks_follows_its_stream() {
    const SLOT: u16 = 1_304;
    on_shared_cluster(async |cluster| {
        let (from, to) = two_primaries(cluster, SLOT).await;
        let client = connect(cluster.url()).await;
        let stream = keys_of_slot("stream", SLOT, 1).remove(0);
        make_group(&client, &stream).await;
        for (from, to, block) in [(&from, &to, 0), (&to, &from, 20)] {
            let waits = tokio::spawn(consume(&client, &stream, Duration::from_secs(block)));
            until_blocked(from, 1).await;
            let moved = cluster.migrate_slots([SLOT], from, to).await;
            moved.expect("migrating");
            until_blocked(to, 1).await;
            assert!(!waits.is_finished());
            client.xadd(&stream, "*", ("f", "v")).await.expect("XADD");
            let read = in_time(waits).await.expect("a task");
            assert!(!read.expect("XREADGROUP").is_null());
        }
    });
}

/// Fails if UNBLOCKED, by which redis 7.0 tells it, is the caller's, or if the command goes
/// again without end.
#[test]
fn a_consumer_that_blocks_learns_that_its_stream_was_deleted() {
    const SLOT: u16 = 1_305;
    on_shared_cluster(async |cluster| {
        let owner = cluster.owner_of(SLOT).await.expect("an owner");
        let client = connect(cluster.url()).await;
        let stream = keys_of_slot("stream", SLOT, 1).remove(0);
        for (what, code) in [("DEL", "NOGROUP"), ("SET", "WRONGTYPE")] {
            make_group(&client, &stream).await;
            reset_counters(std::slice::from_ref(&owner)).await;
            let waits = tokio::spawn(consume(&client, &stream, Duration::ZERO));
            until_blocked(&owner, 1).await;
            let ends = match what {
                "DEL" => client.command(what).key(&stream),
                _ => client.command(what).key(&stream).arg("v"),
            };
            let _: Value = ends.await.expect(what);
            let read = in_time(waits).await.expect("a task");
            let error = read.expect_err("its stream is gone");
            assert_eq!(error.code(), Some(code), "{what}");
            assert_eq!(errors(&owner, code).await, 1, "{what}");
            assert!(errors(&owner, "UNBLOCKED").await <= 1, "{what}");
            client.del(&stream).await.expect("DEL");
        }
    });
}

async fn make_group(client: &Client, stream: &str) {
    let create = client.xgroup_create(stream, "group", "$");
    create.mkstream().await.expect("XGROUP CREATE");
}

/// What comes to a group without one's having asked before; for ever, if `block` is zero.
fn consume(
    client: &Client,
    stream: &str,
    block: Duration,
) -> impl Future<Output = slotline::Result<Value>> + use<> {
    let (client, stream) = (client.clone(), stream.to_owned());
    async move {
        let read = client.xreadgroup("group", "one", &stream, ">");
        read.block(block).await
    }
}

/// Consumers and a producer while slots move and primaries are replaced: each number is
/// received once.
///
/// Fails if what a server says of a move is the caller's, or a written BLPOP goes again.
#[test]
fn nothing_is_lost_or_doubled_while_slots_move_and_primaries_fail_over() {
    // Of another shard than the other failovers here: a replica of redis 7.0 that is to
    // take over twice within a few seconds counts the votes of the first time, takes
    // itself for elected, and is put back by the others.
    const SLOTS: std::ops::Range<u16> = 6_310..6_314;
    on_own_cluster(async |cluster| {
        let (from, to) = two_primaries(cluster, SLOTS.start).await;
        let client = connect(cluster.url()).await;
        let keys = SLOTS.flat_map(|slot| keys_of_slot("queue", slot, 1));
        let queues = Queues::start(&client, keys.collect());
        let goes_on = async || {
            let before = queues.pushed();
            until("it goes on", async || queues.pushed() > before + 100).await;
        };
        for (from, to) in [(&from, &to), (&to, &from)] {
            let moved = cluster.migrate_slots(SLOTS, from, to).await;
            moved.expect("migrating");
            let agreed = cluster.wait_until_agreed(PATIENCE).await;
            agreed.expect("agreement");
            goes_on().await;
        }
        let owner = cluster.owner_of(SLOTS.start).await.expect("an owner");
        let heir = cluster.replica_of(&owner).await.expect("a replica");
        let synced = cluster.wait_replicas_synced(PATIENCE).await;
        synced.expect("in step");
        cluster.failover(&heir).await.expect("a failover");
        goes_on().await;
        // Now the roles become as they were.
        let agreed = cluster.wait_until_agreed(PATIENCE).await;
        agreed.expect("the cluster is whole");
        let synced = cluster.wait_replicas_synced(PATIENCE).await;
        synced.expect("in step");
        cluster.failover(&owner).await.expect("a failover");
        goes_on().await;
        let agreed = cluster.wait_until_agreed(PATIENCE).await;
        agreed.expect("the cluster is whole");
        let pushed = queues.end().await;
        println!("{pushed} elements");
    });
}
