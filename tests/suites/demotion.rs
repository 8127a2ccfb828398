//! A primary that is demoted by CLUSTER FAILOVER.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use slotline::{Batch, Client, ReadFrom, slot_of};
use slotline_testkit::{LocalCluster, Node};
use slotline_tests::{
    Monitor, PATIENCE, calls, connections_of, errors, on_shared_cluster, reset_counters, until,
};
use tokio::task::JoinSet;

const TASKS: usize = 64;

/// Keys whose slots a node serves, a few for each task.
async fn keys_of(cluster: &LocalCluster, node: &Node) -> Vec<Vec<String>> {
    let mut owners = Vec::new();
    for slot in (0..16_384).step_by(64) {
        owners.push(cluster.owner_of(slot).await.expect("an owner") == *node);
    }
    let is_own = |key: &String| {
        let slot = usize::from(slot_of(key).get());
        let neighbours = [slot / 64, (slot / 64 + 1).min(owners.len() - 1)];
        neighbours.iter().all(|at| owners[*at])
    };
    let own = (0..).map(|n| format!("demoted:{n}")).filter(is_own);
    let own: Vec<String> = own.take(TASKS * 4).collect();
    own.chunks(4).map(<[String]>::to_vec).collect()
}

#[derive(Default)]
struct Seen {
    over: AtomicBool,
    right: AtomicU64,
    failed: AtomicU64,
}

/// Writes and reads in one pipeline, in either form: what is read is what was
/// just written, or the write did not succeed.
async fn write_and_read(client: Client, keys: Vec<String>, seen: Arc<Seen>) -> Result<(), String> {
    let mut turn = 0_u64;
    while !seen.over.load(Ordering::Relaxed) {
        turn += 1;
        let value = |key: &str| format!("{key}={turn}");
        let fill = |p: &mut Batch| {
            for key in &keys {
                p.set(key, value(key));
                p.get(key);
            }
        };
        let got: Vec<String> = if turn.is_multiple_of(2) {
            let mut pipe = client.pipeline();
            fill(&mut pipe);
            let replies = pipe.send().await.map_err(|error| error.to_string())?;
            let decoded = replies.into_iter().map(|reply| reply.decode());
            decoded
                .collect::<Result<_, _>>()
                .map_err(|error| error.to_string())?
        } else {
            let sent = client.pipelined(fill);
            sent.await.map_err(|error| error.to_string())?
        };
        for (key, pair) in keys.iter().zip(got.chunks(2)) {
            if pair != ["OK", value(key).as_str()] {
                return Err(format!("{key} after {:?}: {pair:?}", value(key)));
            }
            seen.right.fetch_add(1, Ordering::Relaxed);
        }
    }
    Ok(())
}

/// Fails when the intent is chosen for each command alone rather than for the
/// slot (GET is answered by a replica that has not got the SET), when READONLY is
/// sent on connections that write, too (then the demoted primary answers GET with
/// what it had), and when READONLY is left out (no read reaches the new replica).
#[test]
fn a_pipeline_reads_what_it_wrote_while_its_primary_is_demoted() {
    on_shared_cluster(async |cluster| {
        let client = Client::builder()
            .nodes([cluster.url()])
            .client_name("through")
            .read_from(ReadFrom::PreferReplica);
        let client = client.connect().await.expect("connecting");
        let mut primary = cluster.owner_of(0).await.expect("an owner");
        let keys = keys_of(cluster, &primary).await;

        let seen = Arc::new(Seen::default());
        let mut tasks = JoinSet::new();
        for keys in &keys {
            let (client, keys, seen) = (client.clone(), keys.clone(), Arc::clone(&seen));
            tasks.spawn(async move {
                let outcome = write_and_read(client, keys, Arc::clone(&seen)).await;
                let failed = u64::from(outcome.is_err());
                seen.failed.fetch_add(failed, Ordering::Relaxed);
                outcome
            });
        }
        let mut failovers = 0;
        // There and back, and no more: a Redis node that is promoted again soon
        // counts the votes of its first election and is primary for nobody else.
        for _ in 0..2 {
            let before = seen.right.load(Ordering::Relaxed);
            let progress = async || {
                let failed = seen.failed.load(Ordering::Relaxed) > 0;
                failed || seen.right.load(Ordering::Relaxed) > before + 1_000
            };
            until("the tasks make progress", progress).await;
            let replica = cluster.replica_of(&primary).await.expect("a replica");
            cluster.failover(&replica).await.expect("a failover");
            let owner = cluster.owner_of(0).await.expect("an owner");
            cluster
                .wait_until_agreed(PATIENCE)
                .await
                .expect("agreement");
            let follower = cluster.replica_of(&owner).await.expect("a follower");
            failovers += usize::from(owner == replica && follower == primary);
            primary = owner;
        }
        seen.over.store(true, Ordering::Relaxed);
        let mut failed = Vec::new();
        while let Some(task) = tasks.join_next().await {
            failed.extend(task.expect("a task").err());
        }
        let right = seen.right.load(Ordering::Relaxed);
        println!("{failovers} failovers, {right} values read back");
        assert_eq!(failed, Vec::<String>::new());
        assert!(failovers == 2 && right > 2_000);

        let replica = cluster.replica_of(&primary).await.expect("a replica");
        reads_on_the_new_replica_had_readonly(cluster, &client, &keys.concat(), &replica).await;
    });
}

async fn reads_on_the_new_replica_had_readonly(
    cluster: &LocalCluster,
    client: &Client,
    keys: &[String],
    replica: &Node,
) {
    cluster
        .wait_replicas_synced(PATIENCE)
        .await
        .expect("in step");
    let node = [replica.clone()];
    let read = async || {
        let fill = |p: &mut Batch| {
            for key in keys {
                p.get(key);
            }
        };
        let values: Vec<String> = client.pipelined(fill).await.expect("reading");
        let right = keys.iter().zip(&values);
        right
            .filter(|(key, value)| value.starts_with(&format!("{key}=")))
            .count()
    };
    reset_counters(&node).await;
    until("the demoted node is read from", async || {
        read().await;
        calls(replica, "get").await > 0
    })
    .await;
    reset_counters(&node).await;
    let monitor = Monitor::start(replica).await;
    for _ in 0..20 {
        assert_eq!(read().await, keys.len());
    }
    let connections = connections_of(replica, "through").await;
    let (mut gets, mut readers) = (0, 0);
    for (address, commands) in monitor.by_client().await {
        let reads = commands
            .iter()
            .filter(|entry| entry.begins(&["get"]))
            .count();
        let mut same = connections.iter().filter(|it| it.address() == address);
        if reads > 0 {
            let reader = same.next().expect("a connection that read is still there");
            assert!(reader.is_readonly(), "{reader:?}");
            gets += reads;
            readers += 1;
        }
    }
    println!("{gets} reads on the new replica, on {readers} flagged connections");
    assert!(readers > 0);
    assert_eq!(gets, 20 * keys.len());
    assert_eq!(errors(replica, "MOVED").await, 0);
}
