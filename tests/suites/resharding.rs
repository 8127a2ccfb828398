//! Pipelines while slots move under them, one after another.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use slotline::{Client, Endpoint, slot_of};
use slotline_testkit::LocalCluster;
use slotline_tests::{
    Counters, PATIENCE, binary, calls, errors, errors_at_all, join, keys_of_slot,
    on_shared_cluster, reset_counters, two_primaries, until,
};
use tokio::task::JoinSet;
use tokio::time::Instant;

const SLOTS: std::ops::Range<u16> = 400..430;

/// What the tasks of a test have in common.
#[derive(Default)]
struct Seen {
    over: AtomicBool,
    rounds: AtomicU64,
    counters: Counters,
}

/// Pipelines of increments, each reply taken down on its own.
async fn count(client: Client, keys: Vec<String>, seen: Arc<Seen>) -> Result<(), String> {
    while !seen.over.load(Ordering::Relaxed) {
        let mut pipe = client.pipeline();
        for key in &keys {
            pipe.incr(key);
        }
        let results = pipe.send().await.map_err(|error| error.to_string())?;
        for (key, reply) in keys.iter().zip(results) {
            seen.counters.note(key, reply.decode());
        }
        seen.rounds.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

/// Chains of SET and GET of the same keys: each GET sees the SET before it.
async fn chain(client: Client, keys: Vec<String>, seen: Arc<Seen>) -> Result<(), String> {
    while !seen.over.load(Ordering::Relaxed) {
        let mut pipe = client.pipeline();
        for turn in 0..5 {
            for key in &keys {
                pipe.set(key, turn);
                pipe.get(key);
            }
        }
        let results = pipe.send().await.map_err(|error| error.to_string())?;
        for at in 0..results.len() / 2 {
            let set: Result<String, _> = results.decode(2 * at);
            let got: Result<usize, _> = results.decode(2 * at + 1);
            let (set, got) = (
                set.map_err(|it| it.to_string())?,
                got.map_err(|it| it.to_string())?,
            );
            if set != "OK" || got != at / keys.len() {
                return Err(format!("{} at {at}: {set} {got}", keys[at % keys.len()]));
            }
        }
        seen.rounds.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

/// One large pipeline after another: each result belongs to its own command.
async fn large(
    client: Client,
    keys: Vec<String>,
    seen: Arc<Seen>,
    len: usize,
) -> Result<(), String> {
    while !seen.over.load(Ordering::Relaxed) {
        let mut pipe = client.pipeline();
        for key in keys.iter().cycle().take(len) {
            pipe.get(key);
        }
        let results = pipe.send().await.map_err(|error| error.to_string())?;
        if results.len() != len {
            return Err(format!("{} results of {len}", results.len()));
        }
        for (key, reply) in keys.iter().cycle().zip(results) {
            let value: String = reply.decode().map_err(|error| error.to_string())?;
            if value != format!("v:{key}") {
                return Err(format!("{key}: {value}"));
            }
        }
        seen.rounds.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

/// Fails when a redirect sends the whole batch again (counters run ahead of what
/// was reported), and when ASK or MOVED is handed to the caller.
#[test]
fn pipelines_keep_their_results_and_their_order_while_slots_move() {
    on_shared_cluster(async |cluster| {
        let (from, to) = two_primaries(cluster, SLOTS.start).await;
        let both = [from.clone(), to.clone()];
        let client = Client::connect(cluster.url()).await.expect("connecting");
        let keys = |prefix: &str, count| -> Vec<String> {
            SLOTS
                .flat_map(|slot| keys_of_slot(prefix, slot, count))
                .collect()
        };
        // Besides the slots that move, some that do not.
        let mut values = keys("large", 10);
        values.extend((0..200).map(|n| format!("large:{n}")));
        let mut pipe = client.pipeline();
        for key in &values {
            pipe.set(key, format!("v:{key}"));
        }
        pipe.send().await.expect("filling");

        reset_counters(&both).await;
        let seen = Arc::new(Seen::default());
        let mut tasks = JoinSet::new();
        let counters = keys("count", 3);
        for part in counters.chunks(counters.len() / 8) {
            for _ in 0..2 {
                tasks.spawn(count(client.clone(), part.to_vec(), Arc::clone(&seen)));
            }
        }
        let chains = keys("chain", 2);
        for part in chains.chunks(10) {
            tasks.spawn(chain(client.clone(), part.to_vec(), Arc::clone(&seen)));
        }
        for len in [1_000, 1_000, 5_000] {
            tasks.spawn(large(
                client.clone(),
                values.clone(),
                Arc::clone(&seen),
                len,
            ));
        }
        let mut moved = 0;
        for (from, to) in [(&from, &to), (&to, &from), (&from, &to)] {
            let now = cluster.migrate_slots(SLOTS, from, to).await;
            moved += now.expect("migrating");
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

        let total = seen.counters.total();
        let (asked, redirected) = (
            errors_at_all(&both, "ASK").await,
            errors_at_all(&both, "MOVED").await,
        );
        let rounds = seen.rounds.load(Ordering::Relaxed);
        println!(
            "{moved} keys moved; {asked} ASK, {redirected} MOVED; {rounds} pipelines, {} INCR",
            total.ok
        );
        assert_eq!(failed, Vec::<String>::new());
        assert_eq!(seen.counters.errors(), Vec::<String>::new());
        assert!(moved > 1_000 && asked > 100 && redirected > 20 && rounds > 50);
        let mut sum = 0;
        for (key, tally) in seen.counters.all() {
            let value: i64 = client.get(&key).await.expect("a counter");
            assert!(
                tally.ok <= value && value <= tally.ok + tally.ambiguous,
                "{key}: {tally:?}, {value}"
            );
            sum += value;
        }
        assert_eq!(sum, total.ok, "no connection was lost: nothing is in doubt");
    });
}

/// Slots move one after another, each once, and every command for one that the
/// client has not heard of meets MOVED.
///
/// Fails when the spacing between refreshes is taken out.
#[test]
fn a_storm_of_redirects_asks_for_one_view_a_second() {
    const STORM: std::ops::Range<u16> = 700..5_000;
    on_shared_cluster(async |cluster| {
        let nodes = cluster.nodes().to_vec();
        let (from, to) = two_primaries(cluster, STORM.start).await;
        let client = Client::connect(cluster.url()).await.expect("connecting");
        client.ping().await.expect("PING");
        reset_counters(&nodes).await;
        let began = Instant::now();
        let over = Arc::new(AtomicBool::new(false));
        let mut tasks = JoinSet::new();
        for task in 0..100 {
            let (client, over) = (client.clone(), Arc::clone(&over));
            tasks.spawn(async move {
                let mut surfaced = Vec::new();
                let mut number = task;
                while !over.load(Ordering::Relaxed) {
                    number = (number + 997) % 20_000;
                    let got = client.get::<Option<String>>(format!("storm:{number}"));
                    surfaced.extend(got.await.err().map(|error| error.to_string()));
                }
                surfaced
            });
        }
        let mut moved = 0;
        for slot in STORM {
            if began.elapsed() > Duration::from_secs(5) {
                break;
            }
            let done = cluster.migrate_slots([slot], &from, &to).await;
            done.expect("migrating");
            moved += 1;
        }
        over.store(true, Ordering::Relaxed);
        let surfaced = tasks.join_all().await.concat();
        let seconds = began.elapsed().as_secs_f64();
        let mut views = 0;
        for node in &nodes {
            views += calls(node, "cluster|slots").await;
        }
        let redirects = errors_at_all(&nodes, "MOVED").await;
        println!(
            "{moved} slots moved in {seconds:.1} s, {redirects} MOVED; {views} views asked for"
        );
        assert!(redirects > 50);
        // A refresh asks three nodes; one may have been due when it began.
        let refreshes = views as f64 / 3.0;
        assert!(refreshes >= 2.0, "a storm asks for views");
        assert!(
            refreshes <= seconds + 1.0,
            "{refreshes} refreshes in {seconds} s"
        );
        assert_eq!(surfaced, Vec::<String>::new());
    });
}

/// Fails when a redirect goes only to nodes that are in the map.
#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_to_a_node_that_joined_since_is_followed() {
    const SLOT: u16 = 600;
    let cluster = LocalCluster::builder(&binary()).replicas(0).start().await;
    let cluster = cluster.expect("a cluster");
    let from = cluster.owner_of(SLOT).await.expect("an owner");
    let client = Client::connect(cluster.url()).await.expect("connecting");
    let keys = keys_of_slot("joined", SLOT, 20);
    let mut pipe = client.pipeline();
    for key in &keys {
        pipe.set(key, key);
    }
    pipe.send().await.expect("filling");

    let [newcomer] = join(&cluster).await;
    let id: String = newcomer.ask(&["CLUSTER", "MYID"]).await.expect("an id");
    let endpoint = Endpoint::new(newcomer.address().ip().to_string(), newcomer.port());
    let slot = SLOT.to_string();
    let importing = ["CLUSTER", "SETSLOT", &slot, "IMPORTING", from.id()];
    newcomer.call(&importing).await.expect("importing");
    let migrating = ["CLUSTER", "SETSLOT", &slot, "MIGRATING", &id];
    from.call(&migrating).await.expect("migrating");
    let port = newcomer.port().to_string();
    for key in &keys[..10] {
        let migrate = ["MIGRATE", "127.0.0.1", &port, key, "0", "4000"];
        from.call(&migrate).await.expect("moving a key");
    }
    assert_eq!(
        client.topology().find(&endpoint),
        None,
        "the client has not heard of it"
    );
    let read = async || {
        let mut pipe = client.pipeline();
        for key in &keys {
            pipe.get(key);
        }
        let results = pipe.send().await.expect("sending").into_iter();
        let values: Vec<String> = results.map(|it| it.decode().expect("a value")).collect();
        assert_eq!(values, keys);
    };
    read().await;
    let asked = errors(&from, "ASK").await;
    assert!(asked >= 10, "{asked} ASK");

    // Another client, which has seen no ASK, learns of it by MOVED alone.
    let second = Client::connect(cluster.url()).await.expect("connecting");
    for key in &keys[10..] {
        let migrate = ["MIGRATE", "127.0.0.1", &port, key, "0", "4000"];
        from.call(&migrate).await.expect("moving a key");
    }
    for node in [&*newcomer, &from] {
        let given = ["CLUSTER", "SETSLOT", &slot, "NODE", &id];
        node.call(&given).await.expect("SETSLOT NODE");
    }
    let before = errors(&from, "MOVED").await;
    assert_eq!(
        second.get::<String>(&keys[0]).await.expect("a value"),
        keys[0]
    );
    read().await;
    let moved = errors(&from, "MOVED").await - before;
    assert!(moved >= 1);
    let knows = async || second.topology().find(&endpoint).is_some();
    until("the map has the new node", knows).await;
    assert_eq!(slot_of(&keys[0]).get(), SLOT);
    println!("{asked} ASK and {moved} MOVED to a node that nobody had told of");
}
