//! What was measured of one job.

use anyhow::{Context, Result};
use serde_json::Value;

use super::super::figures::median;

/// One client doing one workload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Job {
    pub(super) index: u64,
    pub(super) workload: String,
    pub(super) who: String,
    /// How many operations take about a second.
    pub(super) operations: u64,
}

impl Job {
    pub(super) fn read(line: &Value) -> Result<Self> {
        let text = |name: &str| line[name].as_str().map(str::to_owned);
        let job = || {
            Some(Self {
                index: line["job"].as_u64()?,
                workload: text("workload")?,
                who: text("client")?,
                operations: line["operations"].as_u64()?,
            })
        };
        job().with_context(|| format!("no job: {line}"))
    }
}

/// What one timed process told.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Round {
    /// Nanoseconds per command.
    pub(super) cpu: f64,
    pub(super) wall: f64,
    /// Nanoseconds of an operation, of workloads that are about that.
    pub(super) p50: Option<f64>,
    pub(super) p99: Option<f64>,
}

impl Round {
    pub(super) fn read(line: &Value) -> Result<Self> {
        let figure = |name: &str| line[name].as_f64();
        let round = || {
            let commands = figure("commands")?;
            Some(Self {
                cpu: figure("cpu_ns")? / commands,
                wall: figure("wall_ns")? / commands,
                p50: figure("p50_ns"),
                p99: figure("p99_ns"),
            })
        };
        round().with_context(|| format!("no figures: {line}"))
    }
}

/// What one counting process told.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Counts {
    /// Heap allocations per command.
    pub(super) allocations: f64,
    pub(super) commands_per_write: f64,
}

impl Counts {
    pub(super) fn read(line: &Value) -> Result<Self> {
        let figure = |name: &str| line[name].as_f64();
        let counts = || {
            let commands = figure("commands")?;
            Some(Self {
                allocations: figure("allocations")? / commands,
                commands_per_write: commands / figure("writes")?,
            })
        };
        counts().with_context(|| format!("no counts: {line}"))
    }
}

/// A job and what was measured of it.
#[derive(Debug, Clone)]
pub(super) struct Measured {
    pub(super) job: Job,
    pub(super) rounds: Vec<Round>,
    pub(super) counts: Option<Counts>,
    /// Per command.
    pub(super) syscalls: Option<f64>,
}

impl Measured {
    pub(super) fn new(job: Job) -> Self {
        Self {
            job,
            rounds: Vec::new(),
            counts: None,
            syscalls: None,
        }
    }

    /// Of the rounds the median, the least and the most; `None` if a round lacks
    /// the figure.
    pub(super) fn over_rounds(&self, of: impl Fn(&Round) -> Option<f64>) -> Option<[f64; 3]> {
        let figures: Option<Vec<f64>> = self.rounds.iter().map(of).collect();
        median(figures?)
    }
}
