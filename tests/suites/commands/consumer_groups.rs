//! Streams that consumers of a group share, through deaths, deletions, resharding and
//! failover.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use slotline::commands::StreamId;
use slotline::groups::{Consumer, ConsumerGroup, Entry};
use slotline::{Client, Value};
use slotline_testkit::LocalServer;
use slotline_tests::{
    PATIENCE, binary, cluster, connections, connections_of, in_time, keys_of_slot, kill, server,
    two_primaries, until,
};
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use crate::blocking::{blocked, connect, until_blocked};

type Numbered = Vec<(String, u64)>;

/// Adds an entry with this number.
async fn add(client: &Client, stream: &str, number: u64) -> StreamId {
    let add = client.xadd(stream, "*", ("n", number));
    add.await.expect("XADD")
}

fn number(entry: &Entry<Numbered>) -> u64 {
    match &entry.fields[..] {
        [(name, number)] if name == "n" => *number,
        other => panic!("{other:?}"),
    }
}

fn group(client: &Client, stream: &str) -> ConsumerGroup<Numbered> {
    let group = client.consumer_group(stream, "group");
    group.returning().block(Duration::from_millis(50))
}

/// How many entries are pending.
async fn pending(client: &Client, stream: &str) -> u64 {
    let all: Vec<Value> = client.xpending(stream, "group").await.expect("XPENDING");
    let count = all.first().and_then(Value::as_int).expect("a count");
    u64::try_from(count).expect("a count")
}

/// The numbers of what comes until nothing does.
async fn drain(consumer: &mut Consumer<Numbered>) -> Vec<u64> {
    let mut numbers = Vec::new();
    while let Some(entry) = in_time(consumer.next()).await.expect("an entry") {
        numbers.push(number(&entry));
        assert!(entry.ack().await.expect("XACK"));
    }
    numbers
}

/// Fails if a consumer begins with what is new.
#[tokio::test]
async fn its_own_pending_entries_come_first_and_then_what_is_new() {
    let of_old = LocalServer::builder(&binary());
    let of_old = of_old.option("rename-command", "HELLO OLD-HELLO").start();
    let of_old = of_old.await.expect("a server of RESP2");
    for server in [of_old, server().await] {
        let client = connect(server.url()).await;
        let stream = "stream".to_owned();
        let group = group(&client, &stream).batch(3).claim_idle(None);
        let mut first = group.consumer("one").await.expect("a consumer");
        assert!(in_time(first.next()).await.expect("none").is_none());
        for n in 0..7 {
            add(&client, &stream, n).await;
        }
        // One is done, one was handed out, and one was read with them.
        let done = in_time(first.next()).await.expect("an entry").expect("0");
        assert!(done.ack().await.expect("XACK"));
        assert!(!done.ack().await.expect("XACK"), "it is pending no more");
        in_time(first.next()).await.expect("an entry").expect("1");
        drop(first);
        assert_eq!(pending(&client, &stream).await, 2);
        let mut again = group.consumer("one").await.expect("a consumer");
        assert_eq!(drain(&mut again).await, [1, 2, 3, 4, 5, 6]);
        assert_eq!(pending(&client, &stream).await, 0);
        again.stop().await.expect("stopped");
    }
}

/// Fails if nothing is claimed (in `Place::beginning`, claim never).
#[tokio::test]
async fn who_dies_leaves_its_entries_to_others() {
    const COUNT: u64 = 500;
    let server = server().await;
    let client = connect(server.url()).await;
    let group = group(&client, "stream").claim_idle(Duration::from_millis(300));
    let producer = tokio::spawn({
        let client = client.clone();
        async move {
            for n in 0..COUNT {
                add(&client, "stream", n).await;
            }
        }
    });
    let mut times: BTreeMap<u64, u32> = BTreeMap::new();
    let mut dies = group.consumer("dies").await.expect("a consumer");
    let mut lives = group.consumer("lives").await.expect("a consumer");
    let mut held = 0;
    while held < 40 {
        held += in_time(dies.next_batch()).await.expect("a batch").len();
    }
    drop(dies);
    let all_are_done = async || {
        for number in drain(&mut lives).await {
            *times.entry(number).or_default() += 1;
        }
        times.len() as u64 == COUNT
    };
    until("all is done", all_are_done).await;
    producer.await.expect("a producer");
    assert_eq!(pending(&client, "stream").await, 0);
    assert_eq!(
        times.into_keys().collect::<Vec<_>>(),
        (0..COUNT).collect::<Vec<_>>()
    );
}

/// Fails if what was deleted is handed out, or stays pending.
#[tokio::test]
async fn what_was_deleted_while_it_was_pending_is_left_out() {
    let server = server().await;
    let client = connect(server.url()).await;
    let mut ids = Vec::new();
    for n in 0..10 {
        ids.push(add(&client, "stream", n).await);
    }
    for (round, (name, idle)) in [("one", None), ("two", Some(Duration::from_millis(20)))]
        .into_iter()
        .enumerate()
    {
        let group = group(&client, "stream").claim_idle(idle);
        let mut one = group.consumer("one").await.expect("a consumer");
        let read = in_time(one.next_batch()).await.expect("a batch");
        assert_eq!(read.len(), if round == 0 { 10 } else { 5 });
        drop(one);
        let deleted = ids.split_off(ids.len() - 5 + round * 3);
        let count = deleted.len() as u64;
        assert_eq!(client.xdel("stream", deleted).await.expect("XDEL"), count);
        tokio::time::sleep(Duration::from_millis(30)).await;
        let mut next = group.consumer(name).await.expect("a consumer");
        let mut left = Vec::new();
        while let Some(entry) = in_time(next.next()).await.expect("an entry") {
            left.push(entry.id);
            if round == 1 {
                entry.ack().await.expect("XACK");
            }
        }
        left.dedup();
        assert_eq!(left, ids);
        assert_eq!(
            pending(&client, "stream").await,
            if round == 0 { 5 } else { 0 }
        );
    }
}

/// Fails if a lost group is the caller's to make again, or `$` is settled anew.
#[tokio::test]
async fn a_group_that_is_gone_is_made_again() {
    let server = server().await;
    let client = connect(server.url()).await;
    add(&client, "stream", 0).await;
    let group = group(&client, "stream").start_at("$");
    let mut consumer = group.consumer("one").await.expect("a consumer");
    add(&client, "stream", 1).await;
    assert_eq!(drain(&mut consumer).await, [1]);
    let destroyed = client.xgroup_destroy("stream", "group").await;
    assert!(destroyed.expect("XGROUP"));
    add(&client, "stream", 2).await;
    assert_eq!(
        drain(&mut consumer).await,
        [1, 2],
        "from where it had begun"
    );
    client.del("stream").await.expect("DEL");
    add(&client, "stream", 3).await;
    assert_eq!(drain(&mut consumer).await, [3]);
    // While it blocks.
    let waits = async {
        let next = consumer.next().await.expect("an entry");
        next.map(|entry| number(&entry))
    };
    let deletes = async {
        client.del("stream").await.expect("DEL");
        add(&client, "stream", 4).await;
    };
    let (next, ()) = in_time(async { tokio::join!(waits, deletes) }).await;
    assert_eq!(next, Some(4));
}

/// Fails if an error ends a consumer, or an entry that is something else hides others.
#[tokio::test]
async fn an_error_is_told_and_the_next_call_goes_on() {
    let server = server().await;
    let client = connect(server.url()).await;
    add(&client, "stream", 0).await;
    let odd = client.xadd("stream", "*", ("n", "odd"));
    odd.await.expect("XADD");
    add(&client, "stream", 2).await;
    let group = group(&client, "stream").claim_idle(None);
    let mut consumer = group.consumer("one").await.expect("a consumer");
    assert_eq!(
        in_time(consumer.next_batch()).await.expect("a batch").len(),
        1
    );
    let error = in_time(consumer.next()).await.expect_err("no number");
    assert!(error.is_decode(), "{error}");
    assert_eq!(drain(&mut consumer).await, [2]);
    client.set("stream", "a string").await.expect("SET");
    let error = in_time(consumer.next()).await.expect_err("no stream");
    assert_eq!(error.code(), Some("WRONGTYPE"), "{error}");
    let made = group.consumer("two").await.expect_err("no stream");
    assert_eq!(made.code(), Some("WRONGTYPE"), "{made}");
    client.del("stream").await.expect("DEL");
    add(&client, "stream", 3).await;
    assert_eq!(drain(&mut consumer).await, [3]);
}

/// Fails if a call that is dropped takes what it had asked for with it.
#[tokio::test]
async fn a_call_that_is_dropped_loses_no_entry() {
    let server = server().await;
    let client = connect(server.url()).await;
    let group = group(&client, "stream").block(None).claim_idle(None);
    let mut consumer = group.consumer("one").await.expect("a consumer");
    for n in 0..20 {
        let soon = tokio::time::timeout(Duration::from_millis(5), consumer.next());
        assert!(soon.await.is_err(), "there is none");
        add(&client, "stream", n).await;
        let entry = in_time(consumer.next()).await.expect("an entry");
        assert_eq!(entry.as_ref().map(number), Some(n));
    }
}

/// Fails if what was given to a consumer with an answer that it did not get is left pending
/// (in `Place::ask`, never be behind), or if what it got comes again with it.
#[tokio::test]
async fn an_answer_that_was_lost_is_asked_for_again() {
    let server = server().await;
    let client = connect(server.url()).await;
    let group = group(&client, "stream").block(None).claim_idle(None);
    let mut consumer = group.consumer("one").await.expect("a consumer");
    add(&client, "stream", 0).await;
    let first = in_time(consumer.next()).await.expect("an entry");
    assert_eq!(first.as_ref().map(number), Some(0));
    let waits = async {
        let next = consumer.next().await.expect("an entry");
        next.map(|entry| number(&entry))
    };
    let loses = async {
        until_blocked(&server, 1).await;
        // As the server does it, but the answer goes elsewhere.
        let given = client.transaction(|t| {
            t.xadd("stream", "*", ("n", 1));
            t.xreadgroup("group", "one", "stream", ">");
        });
        given.await.expect("a transaction");
        let mut blocked = connections(&server).await;
        blocked.retain(|connection| connection.command() == "xreadgroup");
        blocked.retain(|connection| connection.field("flags").contains('b'));
        assert_eq!(kill(&server, &blocked).await, 1);
    };
    let (next, ()) = in_time(async { tokio::join!(waits, loses) }).await;
    assert_eq!(next, Some(1));
    assert_eq!(pending(&client, "stream").await, 2);
}

/// Fails if who stops leaves a connection that blocks, or keeps what it has not handed out.
#[tokio::test]
async fn who_stops_leaves_nothing_behind() {
    let server = server().await;
    let other = connect(server.url()).await;
    let client = Client::builder().nodes([server.url()]).client_name("stops");
    let client = client.connect().await.expect("connecting");
    let waits = group(&client, "stream").block(None);
    let mut consumer = waits.consumer("one").await.expect("a consumer");
    let soon = tokio::time::timeout(Duration::from_millis(50), consumer.next());
    assert!(soon.await.is_err(), "there is none");
    until_blocked(&server, 1).await;
    in_time(consumer.stop()).await.expect("stopped");
    until_blocked(&server, 0).await;
    let few = async || connections_of(&server, "stops").await.len() <= 1;
    until("its connection is closed", few).await;

    for n in 0..10 {
        add(&other, "stream", n).await;
    }
    // Nobody would wait so long.
    let group = group(&client, "stream").claim_idle(Duration::from_secs(3_600));
    let mut one = group.consumer("one").await.expect("a consumer");
    for n in 0..4 {
        let entry = in_time(one.next()).await.expect("an entry").expect("one");
        assert_eq!(number(&entry), n);
        if n > 0 {
            entry.ack().await.expect("XACK");
        }
    }
    in_time(one.stop()).await.expect("stopped");
    let mut two = group.consumer("two").await.expect("a consumer");
    assert_eq!(drain(&mut two).await, [4, 5, 6, 7, 8, 9]);
    assert_eq!(pending(&client, "stream").await, 1, "it was handed out");
    in_time(two.stop()).await.expect("stopped");
    assert_eq!(blocked(&server).await, 0);
    drop((client, group, waits));
    let none = async || connections_of(&server, "stops").await.is_empty();
    until("all connections are closed", none).await;
}

/// Consumers that die and come again, and a producer, while the stream's slot moves and its
/// primary is replaced: every entry is done, and nothing is pending in the end.
///
/// Fails if what a server says of a move or a lost connection ends a consumer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_entry_is_done_while_its_slot_moves_and_its_primary_fails_over() {
    const SLOT: u16 = 6_320;
    // One of its own: two failovers of one shard within a few seconds are all that redis 7.0
    // bears (see `followed.rs`).
    let cluster = &cluster().await;
    let (from, to) = two_primaries(cluster, SLOT).await;
    let client = connect(cluster.url()).await;
    let stream = keys_of_slot("stream", SLOT, 1).remove(0);
    let group = group(&client, &stream)
        .batch(20)
        .claim_idle(Duration::from_millis(500));
    let over = Arc::new(AtomicBool::new(false));
    let done = Arc::new(Mutex::new(BTreeMap::<u64, u32>::new()));
    let deaths = Arc::new(AtomicU64::new(0));
    let mut consumers = JoinSet::new();
    for name in ["one", "two"] {
        let (group, over) = (group.clone(), Arc::clone(&over));
        let (done, deaths) = (Arc::clone(&done), Arc::clone(&deaths));
        consumers.spawn(async move {
            while !over.load(Relaxed) {
                let mut consumer = group.consumer(name).await.expect("a consumer");
                // With every hundredth it dies, and what it has read is not done.
                for turn in 0.. {
                    if over.load(Relaxed) {
                        break;
                    }
                    let Some(entry) = consumer.next().await.expect("an entry") else {
                        continue;
                    };
                    if turn == 100 {
                        deaths.fetch_add(1, Relaxed);
                        break;
                    }
                    *done.lock().await.entry(number(&entry)).or_default() += 1;
                    entry.ack().await.expect("XACK");
                }
            }
        });
    }
    let added = Arc::new(AtomicU64::new(0));
    let producer = tokio::spawn({
        let (client, stream) = (client.clone(), stream.clone());
        let (added, over) = (Arc::clone(&added), Arc::clone(&over));
        async move {
            for n in 0.. {
                if over.load(Relaxed) {
                    break;
                }
                add(&client, &stream, n).await;
                added.fetch_add(1, Relaxed);
                tokio::time::sleep(Duration::from_micros(n % 7 * 300)).await;
            }
        }
    });
    let goes_on = async || {
        let before = done.lock().await.len();
        until("it goes on", async || {
            done.lock().await.len() > before + 100
        })
        .await;
    };
    goes_on().await;
    for (from, to) in [(&from, &to), (&to, &from)] {
        let moved = cluster.migrate_slots([SLOT], from, to).await;
        moved.expect("migrating");
        let agreed = cluster.wait_until_agreed(PATIENCE).await;
        agreed.expect("agreement");
        goes_on().await;
    }
    let heir = cluster.replica_of(&from).await.expect("a replica");
    for (node, what) in [(&heir, "a failover"), (&from, "the failover back")] {
        let synced = cluster.wait_replicas_synced(PATIENCE).await;
        synced.expect("in step");
        cluster.failover(node).await.expect(what);
        goes_on().await;
        let agreed = cluster.wait_until_agreed(PATIENCE).await;
        agreed.expect("the cluster is whole");
    }
    over.store(true, Relaxed);
    in_time(producer).await.expect("a producer");
    in_time(consumers.join_all()).await;
    // What the last ones left.
    let mut last = group.consumer("last").await.expect("a consumer");
    let is_done = async || {
        for number in drain(&mut last).await {
            *done.lock().await.entry(number).or_default() += 1;
        }
        pending(&client, &stream).await == 0
    };
    until("nothing is pending", is_done).await;
    last.stop().await.expect("stopped");
    let (done, added) = (done.lock().await, added.load(Relaxed));
    let lost: Vec<u64> = (0..added).filter(|n| !done.contains_key(n)).collect();
    assert_eq!(lost, [0; 0], "of {added}");
    assert_eq!(done.len() as u64, added);
    let twice = done.values().filter(|times| **times > 1).count();
    println!("{added} entries, {twice} more than once, {deaths:?} deaths");
}
