//! Scans while the cluster changes under them.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use slotline::scan::Scan;
use slotline::{Client, ScanCursor, Value};
use slotline_tests::{
    PATIENCE, keys_of_slot, on_own_cluster, on_shared_cluster, server, two_primaries, until,
};

/// Fills a cluster or a server with keys of this prefix.
pub async fn fill(client: &Client, prefix: &str, count: usize) {
    for first in (0..count).step_by(10_000) {
        let mut pipe = client.pipeline();
        for n in first..(first + 10_000).min(count) {
            pipe.set(format!("{prefix}:{n}"), n);
        }
        let results = pipe.send().await.expect("filling");
        results.check().expect("filling");
    }
}

pub async fn empty(client: &Client) {
    let flushed = client.for_each_primary(|node| async move {
        node.command("FLUSHALL").returning::<String>().await
    });
    flushed.await.expect("FLUSHALL");
}

/// Which of the keys `0..count` of a prefix were not seen.
pub fn missing(seen: &HashSet<String>, prefix: &str, count: usize) -> Vec<String> {
    let all = (0..count).map(|n| format!("{prefix}:{n}"));
    all.filter(|key| !seen.contains(key)).take(10).collect()
}

/// C11: each stable key comes at least once while slots move to and fro, and keys in
/// slots that are moved come from where they are by then.
///
/// Fails when a pass marks all slots of its node as done, whatever the node says at the
/// end.
#[test]
fn keys_that_stay_come_at_least_once_while_slots_move_and_nodes_fail_over() {
    const COUNT: usize = 100_000;
    on_own_cluster(async |cluster| {
        let client = Client::connect(cluster.url()).await.expect("connecting");
        empty(&client).await;
        fill(&client, "stable", COUNT).await;
        let over = Arc::new(AtomicBool::new(false));
        // Slots move between two shards, and the third fails over.
        let from = cluster.owner_of(100).await.expect("an owner");
        let to = cluster.owner_of(14_000).await.expect("an owner");
        let hurt = async {
            let mut moved = 0;
            for turn in 0.. {
                if over.load(Ordering::Relaxed) {
                    break;
                }
                // Each batch goes there, and comes back some turns later.
                let (from, to) = match turn / 10 % 2 {
                    0 => (&from, &to),
                    _ => (&to, &from),
                };
                if turn == 3 {
                    // Epochs must be known to all, or the heir's is another's too.
                    let agreed = cluster.wait_until_agreed(PATIENCE).await;
                    agreed.expect("agreement");
                    let owner = cluster.owner_of(9_000).await.expect("an owner");
                    let replica = cluster.replica_of(&owner).await.expect("a replica");
                    cluster.failover(&replica).await.expect("failing over");
                    let agreed = cluster.wait_until_agreed(PATIENCE).await;
                    agreed.expect("agreement");
                }
                let first = 100 + turn % 10 * 20;
                let now = cluster.migrate_slots(first..first + 20, from, to).await;
                moved += now.expect("migrating");
            }
            moved
        };
        let scan = async {
            let mut rounds = Vec::new();
            for concurrency in [1, 3] {
                // Small pages and a reader that takes its time: much happens meanwhile.
                let scan = Scan::new().count(100).concurrency(concurrency);
                let mut keys = client.scan_stream::<String>(scan);
                let (mut seen, mut items) = (HashSet::new(), 0);
                while let Some(key) = keys.try_next().await.expect("a key") {
                    items += 1;
                    if items % 500 == 0 {
                        tokio::time::sleep(Duration::from_millis(5)).await;
                    }
                    seen.insert(key);
                }
                rounds.push((seen, items));
            }
            over.store(true, Ordering::Relaxed);
            rounds
        };
        let (moved, rounds) = tokio::join!(hurt, scan);
        for (seen, items) in rounds {
            println!(
                "{items} keys came, {} of them different; {moved} moved",
                seen.len()
            );
            assert_eq!(missing(&seen, "stable", COUNT), Vec::<String>::new());
        }
        assert!(moved > 100, "{moved} keys moved");
        let mut there = 0;
        for node in cluster.primaries().await.expect("primaries") {
            there += node.ask::<usize>(&["DBSIZE"]).await.expect("DBSIZE");
        }
        assert_eq!(there, COUNT, "no key was lost");
        empty(&client).await;
    });
}

/// A migration that stays open keeps no scan from its end.
///
/// Fails when slots on the move are left until they have settled.
#[test]
fn a_scan_ends_while_a_migration_stays_open() {
    const SLOT: u16 = 4_242;
    on_shared_cluster(async |cluster| {
        let client = Client::connect(cluster.url()).await.expect("connecting");
        empty(&client).await;
        fill(&client, "other", 3_000).await;
        let keys = keys_of_slot("open", SLOT, 40);
        for key in &keys {
            client.set(key, key).await.expect("SET");
        }
        let (from, to) = two_primaries(cluster, SLOT).await;
        let open = cluster.begin_migration(SLOT, &from, &to).await;
        let open = open.expect("opening");
        open.move_keys(15).await.expect("moving");
        let mut scan = client.scan_stream::<String>(Scan::new().concurrency(3));
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        let all = async {
            while let Some(key) = scan.try_next().await.expect("a key") {
                *counts.entry(key).or_default() += 1;
            }
        };
        tokio::time::timeout(PATIENCE, all).await.expect("it ends");
        assert!(keys.iter().all(|key| counts.contains_key(key)));
        assert_eq!(counts.len(), 3_040);
        open.finish().await.expect("closing");
        empty(&client).await;
    });
}

/// Fails when a cursor speaks of keys that were read ahead and not handed out.
#[test]
fn a_scan_goes_on_in_another_client_from_a_cursor_that_was_printed() {
    const COUNT: usize = 20_000;
    on_shared_cluster(async |cluster| {
        let client = Client::connect(cluster.url()).await.expect("connecting");
        empty(&client).await;
        fill(&client, "half", COUNT).await;
        let mut seen = HashSet::new();
        let scan = Scan::new().count(200).concurrency(2);
        let mut keys = client.scan_stream::<String>(scan.clone());
        while seen.len() < COUNT / 2 {
            let key = keys.try_next().await.expect("a key");
            seen.insert(key.expect("there are more"));
        }
        let place = keys.cursor().to_string();
        drop((keys, client));
        let client = Client::connect(cluster.url()).await.expect("connecting");
        let cursor: ScanCursor = place.parse().expect("a cursor");
        let mut rest = client.scan_stream::<String>(scan.resume(cursor));
        let mut again = 0;
        while let Some(key) = rest.try_next().await.expect("a key") {
            again += usize::from(!seen.insert(key));
        }
        println!("{place}: {again} of {COUNT} came again");
        assert_eq!(missing(&seen, "half", COUNT), Vec::<String>::new());
        assert!(again <= 1_000, "{again} came again: it began anew");
        assert!(rest.cursor().is_end());
        let mut nothing = client.scan_stream::<String>(Scan::new().resume(rest.cursor().clone()));
        assert_eq!(nothing.try_next().await.expect("the end"), None);
        empty(&client).await;
    });
}

/// Fails when a node that cannot be asked ends the stream.
#[test]
fn after_an_error_a_scan_goes_on() {
    const COUNT: usize = 6_000;
    on_shared_cluster(async |cluster| {
        let client = Client::builder()
            .nodes([cluster.url()])
            .timeout(Duration::from_millis(400))
            .connect()
            .await
            .expect("connecting");
        empty(&client).await;
        fill(&client, "error", COUNT).await;
        let owner = cluster.owner_of(9_000).await.expect("an owner");
        let mut keys = client.scan_stream::<String>(Scan::new().count(50));
        let mut seen = HashSet::new();
        seen.extend(keys.try_next().await.expect("a key"));
        owner.pause().expect("pausing");
        let mut errors = 0;
        while let Some(key) = keys.next().await {
            match key {
                Ok(key) => {
                    seen.insert(key);
                }
                Err(error) => {
                    assert!(error.is_timeout() || error.is_network(), "{error}");
                    errors += 1;
                    owner.resume().expect("resuming");
                }
            }
        }
        assert!(
            errors >= 1,
            "it was away for longer than a command may take"
        );
        assert_eq!(missing(&seen, "error", COUNT), Vec::<String>::new());
        until("the node serves again", async || {
            client.ping().await.is_ok()
        })
        .await;
        empty(&client).await;
    });
}

#[test]
fn patterns_and_types_choose_keys() {
    on_shared_cluster(async |cluster| {
        let client = Client::connect(cluster.url()).await.expect("connecting");
        empty(&client).await;
        fill(&client, "string", 1_000).await;
        for n in 0..100 {
            client
                .hset(format!("hash:{n}"), [("f", n)])
                .await
                .expect("HSET");
        }
        let keys = async |scan: Scan| {
            let mut keys = client.scan_stream::<String>(scan);
            let mut seen = HashSet::new();
            while let Some(key) = keys.try_next().await.expect("a key") {
                assert!(
                    seen.insert(key.clone()),
                    "{key} came twice in a quiet cluster"
                );
            }
            seen.len()
        };
        assert_eq!(keys(Scan::new()).await, 1_100);
        assert_eq!(keys(Scan::new().of_type("hash")).await, 100);
        assert_eq!(keys(Scan::new().matching("string:1?")).await, 10);
        assert_eq!(
            keys(Scan::new().matching("hash:1*").of_type("string")).await,
            0
        );
        let mut numbers = client.scan_stream::<i64>(Scan::new());
        let error = numbers
            .next()
            .await
            .expect("an item")
            .expect_err("no number");
        assert!(error.is_decode(), "{error}");
        empty(&client).await;
    });
}

/// Fails when the cursor of one process is given to another.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_alone_is_gone_through_and_begun_anew_when_it_was() {
    let server = server().await;
    let client = Client::connect(server.url()).await.expect("connecting");
    fill(&client, "alone", 10_000).await;
    client
        .command("SAVE")
        .returning::<String>()
        .await
        .expect("SAVE");
    let mut keys = client.scan_stream::<String>(Scan::new().count(100));
    let mut seen = HashSet::new();
    while seen.len() < 5_000 {
        seen.extend(keys.try_next().await.expect("a key"));
    }
    let place = keys.cursor().clone();
    server.restart().await.expect("restarting");
    until("it serves again", async || client.ping().await.is_ok()).await;
    let mut count = seen.len();
    while let Some(key) = keys.try_next().await.expect("a key") {
        count += 1;
        seen.insert(key);
    }
    assert_eq!(missing(&seen, "alone", 10_000), Vec::<String>::new());
    assert!(count > 10_000, "the rest has come, and all of it");
    // A cursor of a process that is gone is worth nothing, and no harm.
    let mut all = HashSet::new();
    let mut keys = client.scan_stream::<String>(Scan::new().resume(place));
    while let Some(key) = keys.try_next().await.expect("a key") {
        all.insert(key);
    }
    assert_eq!(all.len(), 10_000);
}

/// Fails when HSCAN goes on at a cursor that another node gave.
#[test]
fn all_fields_of_a_hash_come_though_it_moves() {
    const COUNT: usize = 10_000;
    const SLOT: u16 = 777;
    on_shared_cluster(async |cluster| {
        let client = Client::connect(cluster.url()).await.expect("connecting");
        empty(&client).await;
        let key = keys_of_slot("fields", SLOT, 1).remove(0);
        for first in (0..COUNT).step_by(1_000) {
            let fields = (first..first + 1_000).map(|n| (format!("f{n}"), n));
            let fields: Vec<(String, usize)> = fields.collect();
            client.hset(&key, fields).await.expect("HSET");
        }
        let mut quiet = client.hscan_stream::<String, usize>(&key).count(1_000);
        let mut fields = BTreeMap::new();
        while let Some((field, value)) = quiet.try_next().await.expect("a field") {
            assert_eq!(fields.insert(field, value), None);
        }
        assert_eq!(fields.len(), COUNT);
        assert!(fields.iter().all(|(field, n)| *field == format!("f{n}")));

        let mut scan = client.hscan_stream::<String, usize>(&key).count(100);
        let mut seen = HashSet::new();
        while seen.len() < COUNT / 2 {
            let (field, _) = scan.try_next().await.expect("a field").expect("more");
            seen.insert(field);
        }
        let (from, to) = two_primaries(cluster, SLOT).await;
        let open = cluster.begin_migration(SLOT, &from, &to).await;
        let open = open.expect("opening");
        open.move_keys(1).await.expect("moving");
        for _ in 0..100 {
            let (field, _) = scan.try_next().await.expect("a field").expect("more");
            seen.insert(field);
        }
        open.finish().await.expect("closing");
        while let Some((field, _)) = scan.try_next().await.expect("a field") {
            seen.insert(field);
        }
        assert_eq!(seen.len(), COUNT);
        empty(&client).await;
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn members_come_with_what_belongs_to_them() {
    let server = server().await;
    let client = Client::connect(server.url()).await.expect("connecting");
    let members: Vec<String> = (0..2_000).map(|n| format!("m{n}")).collect();
    let added = client.command("SADD").key("s").args(&members);
    added.returning::<u64>().await.expect("SADD");
    let scored: Vec<(f64, &String)> = (0..).map(|n| f64::from(n) / 4.0).zip(&members).collect();
    let added = client.command("ZADD").key("z").args(&scored);
    added.returning::<u64>().await.expect("ZADD");

    let mut set = client.sscan_stream::<String>("s").matching("m1*");
    let mut seen = HashSet::new();
    while let Some(member) = set.try_next().await.expect("a member") {
        assert!(member.starts_with("m1"));
        seen.insert(member);
    }
    assert_eq!(seen.len(), 1_111);
    let mut sorted = client.zscan_stream::<String>("z").count(10);
    let mut scores = BTreeMap::new();
    while let Some((member, score)) = sorted.try_next().await.expect("a member") {
        scores.insert(member, score);
    }
    assert_eq!((scores.len(), scores["m7"]), (2_000, 1.75));
    assert_eq!(
        client
            .sscan_stream::<String>("none")
            .try_next()
            .await
            .expect("the end"),
        None
    );
    let error = client.sscan_stream::<Value>("z").try_next().await;
    assert_eq!(error.expect_err("WRONGTYPE").code(), Some("WRONGTYPE"));

    client.hset("h", [("a", 1), ("b", 2)]).await.expect("HSET");
    let mut fields = client.hscan_fields_stream::<String>("h");
    match fields.next().await.expect("a field or an error") {
        Ok(first) => {
            let second = fields.try_next().await.expect("a field");
            let both = HashSet::from([first, second.expect("another")]);
            assert_eq!(both, HashSet::from(["a".to_owned(), "b".to_owned()]));
            assert_eq!(fields.try_next().await.expect("the end"), None);
        }
        // A server that does not have NOVALUES says so.
        Err(error) => assert_eq!(error.code(), Some("ERR"), "{error}"),
    }
}
