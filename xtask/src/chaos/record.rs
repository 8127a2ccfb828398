//! Where everything that happens is written down while it happens.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use slotline::Error;

use super::history::{Event, FailedRead, Late};
use super::process::Sample;
use super::watch::Secrets;
use crate::outages::{Witness, kind_of};

/// Errors of probes and wrong replies that are shown word by word.
const EXAMPLES: usize = 5;

pub(super) struct Record {
    start: Instant,
    pipelines: AtomicU32,
    secrets: Secrets,
    pages: Mutex<Pages>,
}

/// What is taken out when an episode is over.
#[derive(Default)]
pub(super) struct Pages {
    pub(super) events: Vec<Event>,
    pub(super) samples: Vec<Sample>,
    pub(super) late: Vec<Late>,
    pub(super) failed_reads: Vec<FailedRead>,
    /// Replies to probes that were no replies to them.
    pub(super) wrong: Vec<String>,
    /// How many replies to probes there were.
    pub(super) probed: u64,
    /// By kind and what became of the command.
    pub(super) errors: BTreeMap<(String, String), u64>,
    pub(super) first_errors: Vec<String>,
}

impl Record {
    /// Its clock starts now.
    pub(super) fn new(secrets: Secrets) -> Self {
        Self {
            start: Instant::now(),
            pipelines: AtomicU32::new(0),
            secrets,
            pages: Mutex::default(),
        }
    }

    pub(super) fn now(&self) -> Duration {
        self.start.elapsed()
    }

    pub(super) fn next_pipeline(&self) -> u32 {
        self.pipelines.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn add(&self, events: &[Event], sample: Sample) {
        let mut pages = self.pages();
        pages.events.extend_from_slice(events);
        pages.samples.push(sample);
    }

    pub(super) fn add_late(&self, late: Late) {
        self.pages().late.push(late);
    }

    /// A read from a replica that was begun at `invoked` has failed.
    pub(super) fn add_failed_read(&self, invoked: Duration, error: &Error) {
        self.count_error(error);
        let failed = FailedRead {
            invoked,
            ended: self.now(),
            is_for_want: error.is_network() || error.is_timeout(),
            error: error.to_string(),
        };
        self.pages().failed_reads.push(failed);
    }

    pub(super) fn take(&self) -> Pages {
        std::mem::take(&mut self.pages())
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Witness for Record {
    fn now(&self) -> Duration {
        self.now()
    }

    fn count_operations(&self, count: u64) {
        self.pages().probed += count;
    }

    fn count_wrong(&self, what: String) {
        self.pages().wrong.push(what);
    }

    fn count_error(&self, error: &Error) {
        self.secrets.look_into(&format!("{error} {error:?}"));
        let kind = (kind_of(error), error.delivery().to_string());
        let mut pages = self.pages();
        if error.is_decode() {
            pages.wrong.push(error.to_string());
        }
        let count = pages.errors.entry(kind).or_default();
        *count += 1;
        if *count == 1 && pages.first_errors.len() < EXAMPLES {
            let at = self.start.elapsed().as_secs_f64();
            pages.first_errors.push(format!("{at:.2} s: {error}"));
        }
    }
}
