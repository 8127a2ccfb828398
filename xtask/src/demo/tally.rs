//! What came of every command, counted while the demo runs.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use slotline::{Delivery, Error};

use super::keys::COUNTERS;
use crate::outages::{Witness, kind_of};

/// How many wrong replies and how many errors are shown word by word.
const EXAMPLES: usize = 8;

/// Counts of everything that the workload and the probes saw.
pub(super) struct Tally {
    start: Instant,
    operations: AtomicU64,
    wrong: AtomicU64,
    absent: AtomicU64,
    redirects: AtomicU64,
    details: Mutex<Details>,
    counters: Vec<Counter>,
}

#[derive(Default)]
struct Details {
    errors: BTreeMap<(String, String), u64>,
    wrong: Vec<String>,
    messages: Vec<String>,
}

/// What callers were told about one counter.
#[derive(Default)]
struct Counter {
    ok: AtomicU64,
    ambiguous: AtomicU64,
}

/// A kind of error, what became of its commands, and how many there were.
#[derive(Clone)]
pub(super) struct ErrorCount {
    pub(super) kind: String,
    pub(super) delivery: String,
    pub(super) count: u64,
}

/// One pipeline: when it was sent and answered, since the start of the run, and
/// how many of its commands were answered as they should be.
#[derive(Clone, Copy)]
pub(super) struct Sample {
    pub(super) began: Duration,
    pub(super) ended: Duration,
    pub(super) operations: u32,
}

impl Tally {
    /// Its clock starts now.
    pub(super) fn new() -> Self {
        Self {
            start: Instant::now(),
            operations: AtomicU64::new(0),
            wrong: AtomicU64::new(0),
            absent: AtomicU64::new(0),
            redirects: AtomicU64::new(0),
            details: Mutex::default(),
            counters: (0..COUNTERS).map(|_| Counter::default()).collect(),
        }
    }

    /// The time since the start of the run.
    pub(super) fn now(&self) -> Duration {
        self.start.elapsed()
    }

    pub(super) fn operations(&self) -> u64 {
        self.operations.load(Ordering::Relaxed)
    }

    pub(super) fn wrong(&self) -> u64 {
        self.wrong.load(Ordering::Relaxed)
    }

    pub(super) fn absent(&self) -> u64 {
        self.absent.load(Ordering::Relaxed)
    }

    /// Commands whose outcome was a MOVED or an ASK.
    pub(super) fn surfaced(&self) -> u64 {
        self.redirects.load(Ordering::Relaxed)
    }

    /// So many commands were answered as they should be.
    pub(super) fn count_operations(&self, count: u64) {
        self.operations.fetch_add(count, Ordering::Relaxed);
    }

    /// A reply that cannot be the command's own.
    pub(super) fn count_wrong(&self, what: impl FnOnce() -> String) {
        self.wrong.fetch_add(1, Ordering::Relaxed);
        let mut details = self.details();
        if details.wrong.len() < EXAMPLES {
            let at = self.now().as_secs_f64();
            let line = format!("{at:.2} s: {}", what());
            details.wrong.push(line);
        }
    }

    /// An empty reply from a replica that knows nothing of its slot's migration.
    pub(super) fn count_absent(&self) {
        self.absent.fetch_add(1, Ordering::Relaxed);
    }

    /// A command that failed. A reply that is not of the command's type is no
    /// failure: it is somebody else's.
    pub(super) fn count_error(&self, error: &Error) {
        if error.is_decode() {
            self.count_wrong(|| error.to_string());
            return;
        }
        if matches!(error.code(), Some("MOVED" | "ASK")) {
            self.redirects.fetch_add(1, Ordering::Relaxed);
        }
        let mut details = self.details();
        let kind = (kind_of(error), error.delivery().to_string());
        let is_new = !details.errors.contains_key(&kind);
        *details.errors.entry(kind).or_default() += 1;
        if is_new && details.messages.len() < EXAMPLES {
            let at = self.now().as_secs_f64();
            details.messages.push(format!("{at:.2} s: {error}"));
        }
    }

    /// What the caller of an increment was told.
    pub(super) fn count_increment(&self, index: usize, outcome: Result<(), &Error>) {
        let Some(counter) = self.counters.get(index) else {
            return;
        };
        match outcome.map_err(Error::delivery) {
            Ok(()) => counter.ok.fetch_add(1, Ordering::Relaxed),
            Err(Delivery::NotSent | Delivery::Rejected) => 0,
            // Anything else may have increased it.
            Err(_) => counter.ambiguous.fetch_add(1, Ordering::Relaxed),
        };
    }

    /// How many increments of a counter were reported as done, and of how many it
    /// was said that they may have been.
    pub(super) fn increments(&self, index: usize) -> (u64, u64) {
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let counter = self.counters.get(index);
        counter.map_or((0, 0), |counter| {
            (load(&counter.ok), load(&counter.ambiguous))
        })
    }

    pub(super) fn errors(&self) -> Vec<ErrorCount> {
        let details = self.details();
        let each = details.errors.iter();
        each.map(|((kind, delivery), count)| ErrorCount {
            kind: kind.clone(),
            delivery: delivery.clone(),
            count: *count,
        })
        .collect()
    }

    /// The first wrong replies, and the first error of each kind.
    pub(super) fn examples(&self) -> (Vec<String>, Vec<String>) {
        let details = self.details();
        (details.wrong.clone(), details.messages.clone())
    }

    fn details(&self) -> MutexGuard<'_, Details> {
        self.details.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Witness for Tally {
    fn now(&self) -> Duration {
        self.now()
    }

    fn count_operations(&self, count: u64) {
        self.count_operations(count);
    }

    fn count_wrong(&self, what: String) {
        self.count_wrong(|| what);
    }

    fn count_error(&self, error: &Error) {
        self.count_error(error);
    }
}
