//! One shard is stopped half-way: what becomes of the others.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use slotline_topology::slot_of;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::asked::{Asked, Limit, Paused};
use crate::client::{Client, Failure};
use crate::driver::Clocks;
use crate::keys;
use crate::latencies::Latencies;
use crate::machine::stop;
use crate::operation::get;
use crate::outcome::Outcome;

/// Of so many tasks one works on the shard that is stopped: of three shards, its
/// share.
const OF_TASKS: u64 = 3;

/// Lets the shard go on however the run ends.
struct Stopped(u32);

impl Drop for Stopped {
    fn drop(&mut self) {
        // A process that has ended meanwhile needs no help.
        let _ = stop(self.0, false);
    }
}

/// Commands of the other shards so far, and the latencies since the pause.
#[derive(Clone, Default)]
struct Others {
    done: Arc<AtomicU64>,
    is_paused: Arc<AtomicBool>,
    latencies: Latencies,
}

/// Works for a while, and for as long again without that shard.
pub(crate) async fn run<C: Client>(asked: &Asked, client: &C) -> Result<Outcome, Failure> {
    let paused = asked.paused.ok_or("no shard was named to be paused")?;
    let Limit::Time(window) = asked.limit else {
        return Err("a pause is measured by the clock".into());
    };
    let others = Others::default();
    let mut working = JoinSet::new();
    for task in 0..asked.workload().tasks() as u64 {
        working.spawn(work(client.clone(), task, paused, others.clone()));
    }
    watch(&mut working, asked.warm_up).await?;
    let before = others.rate(&mut working, window).await?;
    stop(paused.pid, true)?;
    let stopped = Stopped(paused.pid);
    others.is_paused.store(true, Ordering::Relaxed);
    let (clocks, done) = (Clocks::now(asked, None), others.done());
    let during = others.rate(&mut working, window).await?;
    let commands = others.done() - done;
    let mut outcome = Clocks::now(asked, None).since(&clocks, commands, &others.latencies);
    outcome.kept = Some(during / before);
    drop(stopped);
    Ok(outcome)
}

impl Others {
    fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    /// Commands per second over that time.
    async fn rate(&self, working: &mut Working, time: Duration) -> Result<f64, Failure> {
        let (begun, before) = (Instant::now(), self.done());
        watch(working, time).await?;
        Ok((self.done() - before) as f64 / begun.elapsed().as_secs_f64())
    }
}

type Working = JoinSet<Result<(), Failure>>;

/// Waits that long, unless a task fails.
async fn watch(working: &mut Working, time: Duration) -> Result<(), Failure> {
    tokio::select! {
        () = sleep(time) => Ok(()),
        Some(failed) = working.join_next() => failed?,
    }
}

/// GET after GET, of keys that are all of the shard to be paused or all of others.
async fn work<C: Client>(
    mut client: C,
    task: u64,
    paused: Paused,
    others: Others,
) -> Result<(), Failure> {
    let [first, last] = paused.slots;
    let is_hurt = task.is_multiple_of(OF_TASKS);
    let mut turn = task << 32;
    loop {
        turn += 1;
        let key = keys::one(keys::small(), turn);
        if (first..=last).contains(&slot_of(key.as_bytes()).get()) != is_hurt {
            continue;
        }
        let begun = Instant::now();
        let got = get(&mut client, key).await;
        if is_hurt {
            // Whatever a client makes of a silent node: it is not about that. Those
            // that fail at once are not to spin.
            if got.is_err() {
                sleep(Duration::from_millis(10)).await;
            }
            continue;
        }
        got?;
        others.done.fetch_add(1, Ordering::Relaxed);
        if others.is_paused.load(Ordering::Relaxed) && turn.is_multiple_of(16) {
            others.latencies.record(begun.elapsed());
        }
    }
}
