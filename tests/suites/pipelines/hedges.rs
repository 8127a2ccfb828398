//! Reads that are asked of a second replica, since the first is slow.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use slotline::{Client, ReadFrom};
use slotline_testkit::LocalCluster;
use slotline_tests::{PATIENCE, binary, calls, reset_counters};
use tokio::task::JoinSet;

const KEYS: u64 = 50;
const SLOW: Duration = Duration::from_millis(400);

fn key(number: u64) -> String {
    format!("hedged:{}", number % KEYS)
}

/// So many reads by twenty tasks; how many brought the value of another key.
async fn reads(client: &Client, count: u64) -> u64 {
    let wrong = Arc::new(AtomicU64::new(0));
    let mut tasks = JoinSet::new();
    for task in 0..20 {
        let (client, wrong) = (client.clone(), Arc::clone(&wrong));
        tasks.spawn(async move {
            for number in (task..count).step_by(20) {
                let key = key(number);
                let value: String = client.get(&key).await.expect("GET");
                wrong.fetch_add(u64::from(value != key), Ordering::Relaxed);
            }
        });
    }
    while let Some(task) = tasks.join_next().await {
        task.expect("a task");
    }
    wrong.load(Ordering::Relaxed)
}

/// One of two replicas becomes slow, then both.
///
/// Fails when no second replica is asked, when hedges take nothing out of their budget,
/// and when a second answer that comes late is taken for another read's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_that_a_replica_is_slow_to_answer_is_answered_by_the_other() {
    let cluster = LocalCluster::builder(&binary()).primaries(1).replicas(2);
    let cluster = cluster.proxied().start().await.expect("a cluster");
    let replicas = cluster.replicas().await.expect("replicas");
    let proxies = replicas.iter().map(|node| cluster.proxy(node));
    let proxies: Vec<_> = proxies.map(|proxy| proxy.expect("a proxy")).collect();
    let builder = || {
        let builder = Client::builder().nodes([cluster.url()]);
        builder.read_from(ReadFrom::ReplicaOnly)
    };
    let client = builder().hedge_reads().connect().await;
    let client = client.expect("connecting");
    let plain = builder().connect().await.expect("connecting");
    for number in 0..KEYS {
        client.set(key(number), key(number)).await.expect("SET");
    }
    let synced = cluster.wait_replicas_synced(PATIENCE).await;
    synced.expect("in step");
    assert_eq!(reads(&client, 2_000).await, 0);
    let before = client.hedges();
    println!("before: {before:?}");
    assert!(before.reads >= 2_000 && before.wait.is_some());

    // Every second read goes to it first.
    proxies[0].to_client().delay(SLOW);
    reset_counters(&replicas).await;
    assert_eq!(reads(&client, 200).await, 0);
    let one = client.hedges();
    let (slow, fast) = (
        calls(&replicas[0], "get").await,
        calls(&replicas[1], "get").await,
    );
    println!("one is slow: {one:?}, {slow} and {fast} reads");
    let (hedged, won) = (one.hedged - before.hedged, one.won - before.won);
    assert!(won >= 20 && won <= hedged, "{won} of {hedged}");
    assert!(slow >= 50, "{slow} were asked of it");
    // A second question that has become needless before it was written never is.
    let more = slow + fast - 200;
    assert!(more >= won && more <= hedged, "{more} more questions");

    // Both are slow: hedges help nobody, and the budget ends them.
    proxies[1].to_client().delay(SLOW);
    let began = Instant::now();
    reset_counters(&replicas).await;
    assert_eq!(reads(&client, 1_000).await, 0);
    let both = client.hedges();
    println!("both are slow: {both:?}");
    let hedged = both.hedged - one.hedged;
    let read = both.reads - one.reads;
    // A twentieth, ten a second, and what had been saved: a hundred.
    let bound = 100 + read / 20 + 10 * (began.elapsed().as_secs() + 1);
    assert!(hedged <= bound, "{hedged} hedges, of {bound} at most");
    assert!(both.refused > one.refused, "the budget was asked for more");
    let asked = calls(&replicas[0], "get").await + calls(&replicas[1], "get").await;
    assert!(asked <= read + hedged, "{asked} of {read} and {hedged}");

    assert_eq!(plain.hedges(), slotline::HedgeStatistics::default());
    assert_eq!(reads(&plain, 40).await, 0);
    assert_eq!(plain.hedges(), slotline::HedgeStatistics::default());
}
