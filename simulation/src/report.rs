//! Many seeds, on all cores.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::check::{Violation, check};
use crate::defects::Defect;
use crate::events::Events;
use crate::plan::Plan;
use crate::run::run;

/// What came of many seeds.
#[derive(Clone, Debug)]
pub struct Report {
    /// How many were run.
    pub seeds: u64,
    /// What they met.
    pub events: Events,
    /// Pipelines and commands that were sent.
    pub pipelines: u64,
    /// Commands in them.
    pub commands: u64,
    /// Faults that were suffered.
    pub faults: u64,
    /// The least seed that failed, and how.
    pub failed: Option<(u64, Vec<Violation>)>,
    /// How long it took.
    pub took: Duration,
}

/// Runs the seeds from `first` on, until one fails.
#[must_use]
pub fn simulate(first: u64, seeds: u64, defect: Option<Defect>) -> Report {
    let start = Instant::now();
    let next = AtomicU64::new(first);
    let end = first.saturating_add(seeds);
    let report = Mutex::new(Report {
        seeds: 0,
        events: Events::default(),
        pipelines: 0,
        commands: 0,
        faults: 0,
        failed: None,
        took: Duration::ZERO,
    });
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end {
                        break;
                    }
                    let history = run(&Plan::of(seed), defect);
                    let violations = check(&history);
                    let events = Events::of(&history);
                    let mut report = report.lock().unwrap_or_else(PoisonError::into_inner);
                    report.seeds += 1;
                    report.events.merge(&events);
                    report.pipelines += history.plan.pipelines() as u64;
                    report.commands += history.operations.len() as u64;
                    report.faults += history.faults.len() as u64;
                    if !violations.is_empty() {
                        // No further one is begun; the least of those under way counts.
                        next.store(end, Ordering::Relaxed);
                        let is_less = report
                            .failed
                            .as_ref()
                            .is_none_or(|(least, _)| seed < *least);
                        if is_less {
                            report.failed = Some((seed, violations));
                        }
                    }
                }
            });
        }
    });
    let mut report = report.into_inner().unwrap_or_else(PoisonError::into_inner);
    report.took = start.elapsed();
    report
}
