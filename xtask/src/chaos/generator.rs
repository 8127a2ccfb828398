//! Pipelines at a steady rate, whether the last ones were answered or not.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rand::RngExt;
use tokio::runtime::Handle;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::process::{Process, Workplace};

/// How many pipelines of a shard are on their way at the most.
pub(super) const PROCESSES: usize = 64;
/// How often it is looked whether one is due.
const EVERY: Duration = Duration::from_millis(2);
/// A caller that leaves has let others run so often at the most: a timer would be
/// too coarse, most answers come within its tick.
const TURNS: u32 = 12;

/// The load on one shard.
pub(super) struct Generator {
    pub(super) place: Workplace,
    free: Mutex<VecDeque<Process>>,
    stop: AtomicBool,
    /// Whether callers leave at random moments.
    pub(super) leaves: AtomicBool,
    /// Pipelines that were due, and those for which no process was free.
    pub(super) due: AtomicU64,
    pub(super) missed: AtomicU64,
}

impl Generator {
    pub(super) fn new(place: Workplace) -> Self {
        let first = (place.shard * PROCESSES) as u32;
        let numbers = first..first + PROCESSES as u32;
        let free = numbers.map(|number| place.process(number)).collect();
        Self {
            place,
            free: Mutex::new(free),
            stop: AtomicBool::new(false),
            leaves: AtomicBool::new(false),
            due: AtomicU64::new(0),
            missed: AtomicU64::new(0),
        }
    }

    /// Starts `rate` pipelines a second until it is stopped.
    pub(super) async fn run(self: Arc<Self>, rate: f64, runtime: Handle) {
        let start = Instant::now();
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut begun = 0;
        while !self.stop.load(Ordering::Relaxed) {
            ticks.tick().await;
            let due = (start.elapsed().as_secs_f64() * rate) as u64;
            for _ in begun..due {
                self.begin(&runtime);
            }
            begun = due;
        }
    }

    fn begin(self: &Arc<Self>, runtime: &Handle) {
        self.due.fetch_add(1, Ordering::Relaxed);
        let Some(mut process) = self.free().pop_front() else {
            self.missed.fetch_add(1, Ordering::Relaxed);
            return;
        };
        let shared = Arc::clone(self);
        runtime.spawn(async move {
            let patience = shared.patience();
            process.step(&shared.place, patience).await;
            shared.free().push_back(process);
        });
    }

    fn patience(&self) -> Option<u32> {
        let leaves = self.leaves.load(Ordering::Relaxed) && rand::rng().random_bool(0.5);
        leaves.then(|| rand::rng().random_range(0..TURNS))
    }

    /// All processes, one pipeline after the other, for so long.
    pub(super) async fn saturate(self: Arc<Self>, time: Duration, runtime: Handle) {
        let end = Instant::now() + time;
        let processes: Vec<Process> = self.free().drain(..).collect();
        for mut process in processes {
            let shared = Arc::clone(&self);
            runtime.spawn(async move {
                while Instant::now() < end {
                    process.step(&shared.place, None).await;
                }
                shared.free().push_back(process);
            });
        }
        sleep(time).await;
    }

    /// No more from now on; returns how many processes have not come back within
    /// `patience`.
    pub(super) async fn stop(&self, patience: Duration) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        let end = Instant::now() + patience;
        loop {
            let away = PROCESSES - self.free().len();
            if away == 0 || Instant::now() >= end {
                return away;
            }
            sleep(Duration::from_millis(10)).await;
        }
    }

    fn free(&self) -> MutexGuard<'_, VecDeque<Process>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
