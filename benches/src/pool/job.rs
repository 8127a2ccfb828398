//! A job: one client doing one workload, in a process of its own.

use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Instant;

use serde_json::json;
use slotline_bench_driver::{Latencies, stay_on};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

use super::client::{Client, Who};
use super::keys;
use super::redis::Redis;
use super::slotline::Slotline;
use super::workload::Workload;

/// One client doing one workload.
#[derive(Clone, Copy, Debug)]
pub struct Job {
    /// What there is to do.
    pub workload: Workload,
    /// Who does it.
    pub who: Who,
}

/// All jobs, in the order of the table. A job is known by its index.
#[must_use]
pub fn jobs() -> Vec<Job> {
    let of = |workload| Who::ALL.map(|who| Job { workload, who });
    Workload::ALL.into_iter().flat_map(of).collect()
}

/// What a program was started to do.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    job: Job,
    address: SocketAddr,
    operations: usize,
}

/// Reads the arguments `JOB ADDRESS CORE OPERATIONS`, and stays on that core.
/// Without any it prints the jobs, a line of JSON each.
#[must_use]
pub fn asked() -> Option<Asked> {
    // cargo adds one of its own.
    let mut arguments = std::env::args().skip(1).filter(|it| it != "--bench");
    let Some(job) = arguments.next() else {
        for (index, Job { workload, who }) in jobs().iter().enumerate() {
            let line = json!({
                "job": index,
                "workload": workload.title(),
                "client": who.title(),
                "operations": workload.operations(),
            });
            println!("{line}");
        }
        return None;
    };
    fn parsed<T: FromStr>(argument: Option<String>, name: &str) -> T {
        let parsed = argument.and_then(|text| text.parse().ok());
        parsed.unwrap_or_else(|| panic!("{name} is missing or malformed"))
    }
    let index: usize = parsed(Some(job), "JOB");
    let address = parsed(arguments.next(), "ADDRESS");
    stay_on(&[parsed(arguments.next(), "CORE")]);
    Some(Asked {
        job: *jobs().get(index).expect("an index of the list"),
        address,
        operations: parsed(arguments.next(), "OPERATIONS"),
    })
}

impl Asked {
    /// See [`Job::prepare`].
    #[must_use]
    pub fn prepare(self, count_writes: bool) -> Prepared {
        self.job
            .prepare(self.address, self.operations, count_writes)
    }
}

impl Job {
    /// Fills the server, connects, warms up and starts the tasks: each will do
    /// its share of the operations as soon as it is allowed to run.
    #[must_use]
    pub fn prepare(self, address: SocketAddr, operations: usize, count_writes: bool) -> Prepared {
        match self.who {
            Who::Slotline => Prepared::new::<Slotline>(self, address, operations, count_writes),
            Who::Redis => Prepared::new::<Redis>(self, address, operations, count_writes),
        }
    }
}

/// A job of which nothing is left to do but the work.
pub struct Prepared {
    runtime: Runtime,
    /// On one thread, none of them runs before `run`.
    tasks: JoinSet<usize>,
    latencies: Latencies,
    writes: Box<dyn Fn() -> u64>,
}

impl Prepared {
    fn new<C: Client + Sync>(
        job: Job,
        address: SocketAddr,
        operations: usize,
        count_writes: bool,
    ) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime");
        runtime.block_on(keys::fill(address));
        let client = runtime.block_on(C::connect(address, count_writes));
        let prepare = |operations| {
            let client = client.clone();
            let latencies = Latencies::default();
            let tasks = start(&runtime, job.workload, &client, operations, &latencies);
            (tasks, latencies, client)
        };
        let (tasks, ..) = prepare(job.workload.warm_up());
        runtime.block_on(tasks.join_all());
        let (tasks, latencies, client) = prepare(operations);
        Self {
            runtime,
            tasks,
            latencies,
            writes: Box::new(move || client.writes()),
        }
    }

    /// Does all of the work; tells how many commands had the reply they should.
    pub fn run(&mut self) -> usize {
        let tasks = &mut self.tasks;
        self.runtime.block_on(async {
            let mut commands = 0;
            while let Some(done) = tasks.join_next().await {
                commands += done.expect("no panic");
            }
            commands
        })
    }

    /// Nanoseconds that `share` of the sampled operations took at most.
    #[must_use]
    pub fn latency(&self, share: f64) -> Option<u64> {
        self.latencies.quantile(share)
    }

    /// Writes to the socket so far.
    #[must_use]
    pub fn writes(&self) -> u64 {
        (self.writes)()
    }
}

fn start<C: Client>(
    runtime: &Runtime,
    workload: Workload,
    client: &C,
    operations: usize,
    latencies: &Latencies,
) -> JoinSet<usize> {
    let mut tasks = JoinSet::new();
    let count = workload.tasks();
    for task in 0..count {
        let share = operations / count + usize::from(task < operations % count);
        let (client, latencies) = (client.clone(), latencies.clone());
        let work = work(client, workload, task, share, latencies);
        tasks.spawn_on(work, runtime.handle());
    }
    tasks
}

/// One task's share of the operations; tells how many commands that were.
async fn work<C: Client>(
    mut client: C,
    workload: Workload,
    task: usize,
    operations: usize,
    latencies: Latencies,
) -> usize {
    let sampled = workload.sampled();
    for operation in 0..operations {
        // Tasks begin at different keys and different places of the sample.
        let turn = task * 7 + operation;
        let is_sampled = sampled.is_some_and(|every| turn.is_multiple_of(every));
        let begun = is_sampled.then(Instant::now);
        once(&mut client, workload, task, turn).await;
        if let Some(begun) = begun {
            latencies.record(begun.elapsed());
        }
    }
    operations * workload.commands()
}

async fn once<C: Client>(client: &mut C, workload: Workload, task: usize, turn: usize) {
    match workload {
        Workload::Many | Workload::Lone | Workload::Batches => {
            let keys = keys::small(turn, workload.commands());
            let len = match keys {
                [key] => client.get(key).await,
                keys => client.get_all(keys).await,
            };
            assert_eq!(len, keys.len() * keys::SMALL);
        }
        Workload::ReadLarge => assert_eq!(client.get(keys::large(task)).await, keys::LARGE),
        Workload::WriteLarge => {
            let value = keys::large_value();
            client.set(keys::large(task), value).await;
        }
    }
}
