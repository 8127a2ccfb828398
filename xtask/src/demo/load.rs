//! Puts the data in, and waits until the replicas have it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use indicatif::{HumanCount, ProgressBar, ProgressStyle};
use slotline::Client;
use slotline_testkit::{LocalCluster, Node, Value};
use tokio::runtime::Handle;
use tokio::task::JoinSet;

use super::keys::{self, COUNTERS, FIELDS, HASHES};
use crate::outages::Samples;

/// Commands in one pipeline.
const PIPELINE: usize = 250;
/// Tasks that load at once.
const TASKS: usize = 8;
/// How long the replicas may take to have everything.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) async fn load(
    client: &Client,
    clients: &Handle,
    cluster: &LocalCluster,
    samples: &Arc<Samples>,
) -> Result<()> {
    let start = Instant::now();
    let total = HASHES + COUNTERS + samples.all().len();
    let style = ProgressStyle::with_template("  loading {bar:40} {human_pos}/{human_len} {eta}")?;
    let bar = ProgressBar::new(total as u64).with_style(style);
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let (client, samples, bar) = (client.clone(), Arc::clone(samples), bar.clone());
        let load = async move {
            let mine: Vec<usize> = (task..total).step_by(TASKS).collect();
            for part in mine.chunks(PIPELINE) {
                write(&client, &samples, part).await?;
                bar.inc(part.len() as u64);
            }
            anyhow::Ok(())
        };
        tasks.spawn_on(load, clients);
    }
    while let Some(done) = tasks.join_next().await {
        done.context("a loading task ended early")??;
    }
    bar.finish_and_clear();
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "  loaded {} hashes of {FIELDS} fields, {} counters and a sample key for each slot in \
         {seconds:.1} s, {} commands/s",
        HumanCount(HASHES as u64),
        HumanCount(COUNTERS as u64),
        HumanCount((total as f64 / seconds) as u64),
    );
    let start = Instant::now();
    cluster.wait_replicas_synced(PATIENCE).await?;
    compare_sizes(cluster, total as u64).await?;
    let seconds = start.elapsed().as_secs_f64();
    println!("  the replicas have them too, {seconds:.1} s later");
    Ok(())
}

/// Writes what belongs at these places: hashes first, then counters, then the
/// samples.
async fn write(client: &Client, samples: &Samples, places: &[usize]) -> Result<()> {
    let mut pipe = client.pipeline();
    for place in places {
        if *place < HASHES {
            let key = keys::hash(*place);
            pipe.hset(&key, keys::fields(&key));
        } else if let Some(index) = place.checked_sub(HASHES).filter(|index| *index < COUNTERS) {
            let base = keys::counter_base(index);
            pipe.hset(keys::counter(index), [(keys::COUNT, base)]);
        } else if let Some(sample) = samples.all().get(*place - HASHES - COUNTERS) {
            pipe.set(sample, sample);
        }
    }
    for reply in pipe.send().await? {
        reply.decode::<Value>().context("loading")?;
    }
    Ok(())
}

/// Waits until every node lists a replica for each primary: a server leaves out of
/// CLUSTER SLOTS a replica of which it has not heard yet that it holds anything,
/// and a client that came then would not know where to read.
pub(super) async fn wait_until_listed(cluster: &LocalCluster) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    for node in cluster.nodes() {
        while !lists_replicas(node).await? {
            if Instant::now() >= deadline {
                bail!("{} does not list all replicas", node.address());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    Ok(())
}

async fn lists_replicas(node: &Node) -> Result<bool> {
    let Value::Array(ranges) = node.call(&["CLUSTER", "SLOTS"]).await? else {
        bail!("CLUSTER SLOTS at {} brought no array", node.address());
    };
    // First and last slot, the primary, and its replicas.
    let has_replica = |range: &Value| matches!(range, Value::Array(range) if range.len() > 3);
    Ok(!ranges.is_empty() && ranges.iter().all(has_replica))
}

/// The offsets say that the replicas got every byte; the sizes that all of it was
/// there to be got.
async fn compare_sizes(cluster: &LocalCluster, expected: u64) -> Result<()> {
    let mut sum = 0;
    for primary in cluster.primaries().await? {
        let replica = cluster.replica_of(&primary).await?;
        let has: u64 = primary.ask(&["DBSIZE"]).await?;
        let copy: u64 = replica.ask(&["DBSIZE"]).await?;
        if has != copy {
            bail!(
                "{} has {has} keys and its replica {} has {copy}",
                primary.address(),
                replica.address()
            );
        }
        sum += has;
    }
    if sum != expected {
        bail!("{expected} keys were loaded and the primaries have {sum}");
    }
    Ok(())
}
