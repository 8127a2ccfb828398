//! A primary that dies, or stands still, under load.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use slotline::{Client, Delivery, Endpoint, Intent, Statistics};
use slotline_testkit::{LocalCluster, Node};
use slotline_tests::{
    Counters, PATIENCE, connections_of, keys_of_slot, kill, on_shared_cluster, server, until,
};
use tokio::task::JoinSet;

/// A slot of each of three primaries that share the slots evenly.
const SLOTS: [u16; 3] = [1_000, 8_000, 14_000];

fn statistics(client: &Client, node: &Node) -> Statistics {
    let address = node.address();
    let endpoint = Endpoint::new(address.ip().to_string(), address.port());
    let all = client.statistics().into_iter();
    let mut own = all.filter(|(node, intent, _)| *node == endpoint && *intent == Intent::ReadWrite);
    own.next()
        .map(|(_, _, statistics)| statistics)
        .unwrap_or_default()
}

#[derive(Default)]
struct Seen {
    over: AtomicBool,
    counters: Counters,
    /// Successes by slot.
    done: [AtomicU64; 3],
}

impl Seen {
    fn done(&self, shard: usize) -> u64 {
        self.done[shard].load(Ordering::Relaxed)
    }
}

/// Increments in one shard, one pipeline after another.
async fn count(client: Client, shard: usize, keys: Vec<String>, seen: Arc<Seen>) {
    while !seen.over.load(Ordering::Relaxed) {
        let mut pipe = client.pipeline();
        for key in &keys {
            pipe.incr(key);
        }
        let results = pipe.send().await.expect("only a layer could fail");
        for (key, reply) in keys.iter().zip(results) {
            let outcome = reply.decode();
            seen.done[shard].fetch_add(u64::from(outcome.is_ok()), Ordering::Relaxed);
            seen.counters.note(key, outcome);
        }
    }
}

/// Pipelines over all shards: what one shard suffers takes no other's result along.
async fn count_everywhere(client: Client, keys: Vec<String>, seen: Arc<Seen>) {
    while !seen.over.load(Ordering::Relaxed) {
        let mut pipe = client.pipeline();
        for key in &keys {
            pipe.incr(key);
        }
        let results = pipe.send().await.expect("only a layer could fail");
        for (key, reply) in keys.iter().zip(results) {
            seen.counters.note(key, reply.decode());
        }
    }
}

/// All counters of a test, by shard.
fn counters(prefix: &str) -> Vec<Vec<String>> {
    let each = SLOTS.iter();
    each.map(|slot| keys_of_slot(prefix, *slot, 40)).collect()
}

fn start(client: &Client, counters: &[Vec<String>], seen: &Arc<Seen>) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    for (shard, keys) in counters.iter().enumerate() {
        for keys in keys.chunks(10) {
            tasks.spawn(count(
                client.clone(),
                shard,
                keys.to_vec(),
                Arc::clone(seen),
            ));
        }
    }
    for at in 0..4 {
        let keys = counters
            .iter()
            .flat_map(|keys| keys.iter().skip(at).step_by(4));
        tasks.spawn(count_everywhere(
            client.clone(),
            keys.cloned().collect(),
            Arc::clone(seen),
        ));
    }
    tasks
}

/// What the counters are, where their primaries are asked.
async fn values(client: &Client, keys: &[String]) -> BTreeMap<String, i64> {
    let mut values = BTreeMap::new();
    for key in keys {
        let value: Option<i64> = client.get(key).await.expect("a counter");
        values.insert(key.clone(), value.unwrap_or(0));
    }
    values
}

async fn owners(cluster: &LocalCluster) -> Vec<Node> {
    let mut owners = Vec::new();
    for slot in SLOTS {
        owners.push(cluster.owner_of(slot).await.expect("an owner"));
    }
    owners
}

/// Fails when nobody asks for a new view while a primary cannot be reached (the
/// shard never succeeds again).
#[test]
fn a_killed_primary_costs_its_own_shard_alone_and_not_for_long() {
    on_shared_cluster(async |cluster| {
        let client = Client::connect(cluster.url()).await.expect("connecting");
        let owners = owners(cluster).await;
        let counters = counters("killed");
        let seen = Arc::new(Seen::default());
        let mut tasks = start(&client, &counters, &seen);
        let loaded = async || (0..3).all(|shard| seen.done(shard) > 1_000);
        until("all shards are under load", loaded).await;

        owners[0].kill().expect("SIGKILL");
        let before: Vec<u64> = (0..3).map(|shard| seen.done(shard)).collect();
        // Now: once it has left the map its counts leave with it.
        let dead = async || {
            let dead = statistics(&client, &owners[0]);
            dead.connections_lost > 0 && dead.failed_dials > 0
        };
        until("it was killed under load", dead).await;
        let others = async || (1..3).all(|shard| seen.done(shard) > before[shard] + 1_000);
        until("the other shards go on", others).await;
        assert_eq!(
            cluster.owner_of(SLOTS[0]).await.expect("an owner"),
            owners[0]
        );
        let recovered = async || seen.done(0) > before[0] + 1_000;
        until("the shard has recovered", recovered).await;
        seen.over.store(true, Ordering::Relaxed);
        while let Some(task) = tasks.join_next().await {
            task.expect("a task");
        }
        let heir = cluster.owner_of(SLOTS[0]).await.expect("an owner");
        assert!(heir != owners[0] && !owners[0].is_running());

        let tallies = seen.counters.all();
        let (mut lost, mut ambiguous) = (0, 0);
        for (shard, keys) in counters.iter().enumerate() {
            for (key, value) in values(&client, keys).await {
                let tally = tallies[&key];
                let what = format!("{key}: {tally:?}, {value}");
                assert!(value <= tally.ok + tally.ambiguous, "{what}");
                if shard == 0 {
                    lost += (tally.ok - value).max(0);
                    ambiguous += tally.ambiguous;
                } else {
                    assert_eq!(
                        (value, tally.ambiguous, tally.failed),
                        (tally.ok, 0, 0),
                        "{what}"
                    );
                }
            }
        }
        println!(
            "{} INCR, {ambiguous} in doubt and {lost} lost in the shard whose primary was killed",
            seen.counters.total().ok,
        );

        // Nothing is left over from the failure.
        let mut pipe = client.pipeline();
        for key in counters.iter().flatten() {
            pipe.incr(key);
        }
        for reply in pipe.send().await.expect("sending") {
            reply.decode::<i64>().expect("everything succeeds again");
        }
        owners[0].restart().await.expect("a restart");
        cluster
            .wait_until_agreed(PATIENCE)
            .await
            .expect("agreement");
    });
}

/// Fails when an INCR that may have run is sent again (its counter is ahead of
/// what was reported).
#[test]
fn increments_whose_connections_are_killed_run_at_most_once() {
    on_shared_cluster(async |cluster| {
        let client = Client::builder()
            .nodes([cluster.url()])
            .client_name("cut-off");
        let client = client.connect().await;
        let client = client.expect("connecting");
        let owners = owners(cluster).await;
        let counters = counters("once");
        let seen = Arc::new(Seen::default());
        let mut tasks = start(&client, &counters, &seen);
        let mut killed = 0;
        for _ in 0..60 {
            for owner in &owners {
                killed += kill(owner, &connections_of(owner, "cut-off").await).await;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        seen.over.store(true, Ordering::Relaxed);
        while let Some(task) = tasks.join_next().await {
            task.expect("a task");
        }
        let total = seen.counters.total();
        println!("{killed} connections killed: {total:?}");
        let tallies = seen.counters.all();
        for (key, value) in values(&client, &counters.concat()).await {
            let tally = tallies[&key];
            let bounds = tally.ok..=tally.ok + tally.ambiguous;
            assert!(bounds.contains(&value), "{key}: {tally:?}, {value}");
        }
        assert!(killed > 60 && total.ambiguous > 60 && total.ok > 10_000);
        assert_eq!(total.failed, 0, "what was not sent goes again");
    });
}

/// More than the sockets between a client and a server take.
const STUFF: usize = 24 << 20;

/// Makes what follows on the connection to a paused node wait in the client.
async fn stuff(client: &Client, key: String) -> tokio::task::JoinHandle<slotline::Result<()>> {
    let client = client.clone();
    let value = vec![b'x'; STUFF];
    tokio::spawn(async move { client.set(key, value.as_slice()).await })
}

/// Commands that wait in the client for a paused node: some whose callers leave,
/// and some whose callers stay.
struct Waiting {
    left: Vec<String>,
    stayed: Vec<String>,
    answers: JoinSet<slotline::Result<i64>>,
}

async fn wait_and_leave(client: &Client, node: &Node, slot: u16, prefix: &str) -> Waiting {
    let left = keys_of_slot(&format!("{prefix}:left"), slot, 50);
    let stayed = keys_of_slot(&format!("{prefix}:stayed"), slot, 50);
    let stuffed = async || {
        let now = statistics(client, node);
        now.in_flight > 0 && now.bytes_written > 1 << 20
    };
    until("the sockets are stuffed", stuffed).await;
    let before = statistics(client, node).in_flight;
    let incr = |key: &String| {
        let (client, key) = (client.clone(), key.clone());
        async move { client.incr(key).await }
    };
    let (mut leaving, mut answers) = (JoinSet::new(), JoinSet::new());
    for (left, stayed) in left.iter().zip(&stayed) {
        leaving.spawn(incr(left));
        answers.spawn(incr(stayed));
    }
    let queued = async || statistics(client, node).in_flight >= before + 100;
    until("the increments wait in the client", queued).await;
    leaving.shutdown().await;
    assert!(
        statistics(client, node).in_flight <= before + 50,
        "they were not cut out"
    );
    // What they stand behind is not written yet, so neither are they.
    assert!(statistics(client, node).bytes_written < STUFF as u64);
    Waiting {
        left,
        stayed,
        answers,
    }
}

impl Waiting {
    async fn check(mut self, client: &Client) {
        while let Some(answer) = self.answers.join_next().await {
            let answer = answer.expect("a task");
            assert_eq!(answer.expect("whoever stays gets an answer"), 1);
        }
        let ran = values(client, &self.left).await;
        assert!(
            ran.values().all(|value| *value == 0),
            "they ran without a caller: {ran:?}"
        );
        let stayed = values(client, &self.stayed).await;
        assert!(stayed.values().all(|value| *value == 1), "{stayed:?}");
    }
}

/// Fails when a command whose caller has left stays in the outbox (its counter is
/// 1 after SIGCONT).
#[tokio::test(flavor = "multi_thread")]
async fn commands_whose_callers_left_before_they_were_written_never_run() {
    let server = server().await;
    let client = Client::connect(server.url()).await.expect("connecting");
    client.set("before", "x").await.expect("SET");
    server.pause().expect("SIGSTOP");
    let big = stuff(&client, "big".to_owned()).await;
    let waiting = wait_and_leave(&client, &server, SLOTS[0], "alone").await;
    server.resume().expect("SIGCONT");
    big.await.expect("a task").expect("its node is back");
    waiting.check(&client).await;
}

/// Fails when what waits unwritten is not routed anew (whoever stayed gets a
/// timeout).
#[test]
fn a_primary_that_stands_still_holds_up_its_own_shard_alone() {
    on_shared_cluster(async |cluster| {
        let client = Client::connect(cluster.url()).await.expect("connecting");
        let owners = owners(cluster).await;
        let counters = counters("still");
        let seen = Arc::new(Seen::default());
        let mut tasks = JoinSet::new();
        for (shard, keys) in counters.iter().enumerate().skip(1) {
            for keys in keys.chunks(10) {
                tasks.spawn(count(
                    client.clone(),
                    shard,
                    keys.to_vec(),
                    Arc::clone(&seen),
                ));
            }
        }
        client
            .get::<Option<String>>(&counters[0][0])
            .await
            .expect("GET");
        owners[0].pause().expect("SIGSTOP");
        let big = keys_of_slot("still:big", SLOTS[0], 1).concat();
        let big = stuff(&client, big).await;
        let waiting = wait_and_leave(&client, &owners[0], SLOTS[0], "still").await;
        let before: Vec<u64> = (0..3).map(|shard| seen.done(shard)).collect();
        let others = async || (1..3).all(|shard| seen.done(shard) > before[shard] + 1_000);
        until("the other shards go on", others).await;
        assert!(!big.is_finished(), "the node stands still");

        until("the shard has another primary", async || {
            cluster.owner_of(SLOTS[0]).await.expect("an owner") != owners[0]
        })
        .await;
        waiting.check(&client).await;
        seen.over.store(true, Ordering::Relaxed);
        while let Some(task) = tasks.join_next().await {
            task.expect("a task");
        }
        assert_eq!(seen.counters.errors(), Vec::<String>::new());
        println!("{} INCR in the other shards", seen.counters.total().ok);
        for keys in &counters[1..] {
            let tallies = seen.counters.all();
            for (key, value) in values(&client, keys).await {
                assert_eq!(value, tallies[&key].ok, "{key}");
            }
        }
        owners[0].resume().expect("SIGCONT");
        // It was written in part: either it never ran, or nobody knows.
        let big = tokio::time::timeout(Duration::from_secs(30), big).await;
        if let Err(error) = big.expect("it ends").expect("a task") {
            assert_eq!(error.delivery(), Delivery::Ambiguous, "{error}");
        }
        cluster
            .wait_until_agreed(PATIENCE)
            .await
            .expect("agreement");
    });
}
