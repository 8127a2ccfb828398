//! The course of a run: connect, warm up, work, and look at the clocks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::asked::{Asked, Limit};
use crate::client::{Client, Failure};
use crate::latencies::Latencies;
use crate::machine::{cpu_time, cpu_time_of, peak_memory};
use crate::operation::operation;
use crate::outcome::{Counted, Outcome};
use crate::pause;
use crate::workload::Workload;

/// Tells the heap allocations of this process so far.
pub type Counter = fn() -> Counted;

/// The clocks and counters at one moment.
pub(crate) struct Clocks {
    at: Instant,
    cpu: Duration,
    servers: u64,
    counted: Option<Counted>,
}

impl Clocks {
    pub(crate) fn now(asked: &Asked, counter: Option<Counter>) -> Self {
        Self {
            servers: cpu_time_of(&asked.servers),
            counted: counter.map(|counter| counter()),
            cpu: cpu_time(),
            at: Instant::now(),
        }
    }

    /// What there was between `before` and this.
    pub(crate) fn since(&self, before: &Self, commands: u64, latencies: &Latencies) -> Outcome {
        let quantile = |share| latencies.quantile(share);
        let latencies = || Some([quantile(0.5)?, quantile(0.99)?, quantile(0.999)?]);
        let counted = self.counted.zip(before.counted);
        Outcome {
            commands,
            wall: (self.at - before.at).as_nanos() as u64,
            cpu: (self.cpu - before.cpu).as_nanos() as u64,
            servers: self.servers.saturating_sub(before.servers),
            latencies: latencies(),
            memory: peak_memory(),
            counted: counted.map(|(now, before)| Counted {
                allocations: now.allocations - before.allocations,
                bytes: now.bytes - before.bytes,
            }),
            kept: None,
        }
    }
}

/// Does all of it.
pub(crate) async fn run<C: Client>(
    asked: &Asked,
    counter: Option<Counter>,
) -> Result<Outcome, Failure> {
    let connecting = tokio::time::timeout(Duration::from_secs(10), C::connect(&asked.setup));
    let client = connecting
        .await
        .map_err(|_| "connecting took over 10 s")??;
    let workload = asked.workload();
    if workload == Workload::W10 {
        return pause::run(asked, &client).await;
    }
    if !asked.warm_up.is_zero() {
        let limit = Limit::Time(asked.warm_up);
        work(&client, workload, limit, &Latencies::default()).await?;
    }
    let latencies = Latencies::default();
    let before = Clocks::now(asked, counter);
    let operations = work(&client, workload, asked.limit, &latencies).await?;
    let after = Clocks::now(asked, counter);
    let commands = operations * workload.commands() as u64;
    Ok(after.since(&before, commands, &latencies))
}

/// Has all tasks work up to the limit; tells how many operations they did.
async fn work<C: Client>(
    client: &C,
    workload: Workload,
    limit: Limit,
    latencies: &Latencies,
) -> Result<u64, Failure> {
    let (tasks, all) = (
        workload.tasks() as u64,
        match limit {
            Limit::Operations(all) => all,
            Limit::Time(_) => u64::MAX,
        },
    );
    let is_over = Arc::new(AtomicBool::new(false));
    let mut working = JoinSet::new();
    for task in 0..tasks {
        let task = Task {
            client: client.clone(),
            workload,
            // Odd, so that tasks begin at different turns of any cycle.
            first: task * 0x1_0000_0001,
            share: all / tasks + u64::from(task < all % tasks),
            is_over: Arc::clone(&is_over),
            latencies: latencies.clone(),
        };
        working.spawn(task.work());
    }
    let mut timer = std::pin::pin!(async {
        match limit {
            Limit::Time(time) => tokio::time::sleep(time).await,
            Limit::Operations(_) => std::future::pending().await,
        }
    });
    let mut operations = 0;
    loop {
        tokio::select! {
            () = &mut timer, if !is_over.load(Ordering::Relaxed) => {
                is_over.store(true, Ordering::Relaxed);
            }
            done = working.join_next() => match done {
                None => return Ok(operations),
                // What fails first ends the run: the other tasks are dropped.
                Some(done) => operations += done??,
            }
        }
    }
}

/// One task's share of the work.
struct Task<C> {
    client: C,
    workload: Workload,
    /// The first of its turns.
    first: u64,
    share: u64,
    is_over: Arc<AtomicBool>,
    latencies: Latencies,
}

impl<C: Client> Task<C> {
    async fn work(mut self) -> Result<u64, Failure> {
        let (kind, sampled) = (self.workload.kind(), self.workload.sampled());
        // Tasks look at the clock at different turns.
        let offset = self.first >> 32;
        let mut done = 0;
        while done < self.share && !self.is_over.load(Ordering::Relaxed) {
            let is_sampled = (done + offset).is_multiple_of(sampled);
            let begun = is_sampled.then(Instant::now);
            operation(&mut self.client, kind, self.first + done).await?;
            if let Some(begun) = begun {
                self.latencies.record(begun.elapsed());
            }
            done += 1;
        }
        Ok(done)
    }
}
