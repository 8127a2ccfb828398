//! Measuring one client in one row.

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use slotline_bench_driver::{Limit, Outcome};

use super::super::program;
use super::super::strace::Strace;
use super::build::Programs;
use super::c_client::CClient;
use super::cell::{Cell, Counts, Round};
use super::process;
use super::rig::Rig;
use super::row::Row;

/// How long a client runs, and how long before that.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    pub(super) rounds: usize,
    pub(super) run: Duration,
    pub(super) warm_up: Duration,
}

/// What is needed to measure any of them.
pub(super) struct Measurer {
    pub(super) times: Times,
    /// By the peer's name.
    pub(super) programs: HashMap<&'static str, Programs>,
    pub(super) c_client: Option<CClient>,
    pub(super) strace: Option<Strace>,
}

/// What is left of a reason in a table.
const REASON: usize = 70;

impl Measurer {
    /// One timed round. What fails is not tried again.
    pub(super) fn round(&self, rig: &Rig, cell: &mut Cell) -> Result<()> {
        if cell.failed.is_some() {
            return Ok(());
        }
        match self.timed(rig, cell) {
            Ok(round) => cell.rounds.push(round),
            Err(error) => {
                eprintln!("{}, {}: {error:#}", cell.row, cell.peer.name);
                cell.failed = Some(short(&format!("{error:#}")));
            }
        }
        rig.resume()
    }

    fn timed(&self, rig: &Rig, cell: &Cell) -> Result<Round> {
        let Times { run, warm_up, .. } = self.times;
        let Some(programs) = self.programs.get(cell.peer.name) else {
            return self.c_client()?.round(rig, cell.row.workload, run);
        };
        let limit = Limit::Time(run);
        let outcome = outcome(&programs.time, rig, cell.row, limit, warm_up)?;
        Ok(Round::of(&outcome))
    }

    fn c_client(&self) -> Result<&CClient> {
        self.c_client.as_ref().context("the servers have none")
    }

    /// Counts what needs no clock.
    pub(super) fn count(&self, rig: &Rig, cell: &mut Cell) -> Result<()> {
        let workload = cell.row.workload;
        if cell.failed.is_some() || workload.needs_cluster() {
            return Ok(());
        }
        let Some(programs) = self.programs.get(cell.peer.name) else {
            if let Some(strace) = &self.strace {
                let syscalls = self.c_client()?.syscalls(strace, rig, workload);
                cell.syscalls = told(cell, syscalls);
            }
            return Ok(());
        };
        let warm_up = Duration::from_millis(100);
        let limit = Limit::Operations(workload.counted_operations());
        let counted = outcome(&programs.count, rig, cell.row, limit, warm_up);
        cell.counts = told(cell, counted.and_then(|outcome| counts(&outcome)));
        if let Some(strace) = &self.strace {
            let syscalls = syscalls(strace, &programs.time, rig, cell.row);
            cell.syscalls = told(cell, syscalls);
        }
        Ok(())
    }
}

/// A count that failed is left out, and said so.
fn told<T>(cell: &Cell, counted: Result<T>) -> Option<T> {
    let failed = |error: &anyhow::Error| {
        eprintln!("counting: {}, {}: {error:#}", cell.row, cell.peer.name);
    };
    counted.inspect_err(failed).ok()
}

fn counts(outcome: &Outcome) -> Result<Counts> {
    let counted = outcome.counted.context("nothing was counted")?;
    let commands = outcome.commands.max(1) as f64;
    Ok(Counts {
        allocations: counted.allocations as f64 / commands,
        allocated: counted.bytes as f64 / commands,
    })
}

/// How a program is started.
fn command(
    program: &Path,
    rig: &Rig,
    row: Row,
    limit: Limit,
    warm_up: Duration,
) -> Result<Command> {
    let mut command = Command::new(program);
    command.arg(rig.asked(row, limit, warm_up)?.to_json());
    Ok(command)
}

fn outcome(
    program: &Path,
    rig: &Rig,
    row: Row,
    limit: Limit,
    warm_up: Duration,
) -> Result<Outcome> {
    let mut command = command(program, rig, row, limit, warm_up)?;
    let cores = rig.client_cores(row.workload);
    let patience = Duration::from_secs(60);
    read(&process::run(&mut command, cores, patience)?.printed)
}

fn read(printed: &str) -> Result<Outcome> {
    let last = printed.lines().next_back().context("it printed nothing")?;
    let lines = program::lines(last)?;
    let line = lines.first().context("it printed nothing")?;
    Outcome::from_json(line).map_err(|failed| anyhow!(failed))
}

/// System calls per command: the difference between a longer and a shorter run,
/// which have their beginning and their end in common.
fn syscalls(strace: &Strace, program: &Path, rig: &Rig, row: Row) -> Result<f64> {
    let traced = |operations: u64| -> Result<(u64, u64)> {
        let limit = Limit::Operations(operations);
        let command = command(program, rig, row, limit, Duration::ZERO)?;
        let (calls, printed) = strace.count(&command)?;
        Ok((calls, read(&printed)?.commands))
    };
    let some = row.workload.counted_operations();
    let (calls, commands) = traced(some / 10)?;
    let (more_calls, more_commands) = traced(some / 2)?;
    let commands = more_commands.saturating_sub(commands).max(1);
    Ok(more_calls.saturating_sub(calls) as f64 / commands as f64)
}

/// The first line of a reason, as far as a table has room for it.
fn short(reason: &str) -> String {
    let line = reason.lines().next().unwrap_or_default().replace('|', "/");
    if line.chars().count() <= REASON {
        return line;
    }
    let kept: String = line.chars().take(REASON).collect();
    kept + "…"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_is_the_outcome_and_its_failure_the_reason() {
        let outcome = Outcome {
            commands: 3,
            ..Outcome::default()
        };
        let printed = format!("a client's own word\n{}\n", outcome.to_json());
        assert_eq!(read(&printed).unwrap(), outcome);
        let failed = read("{\"failed\":\"no TLS\"}\n").unwrap_err();
        assert_eq!(failed.to_string(), "no TLS");
        assert!(read("").is_err());
    }

    #[test]
    fn a_reason_fits_into_a_table() {
        assert_eq!(short("a | b\nc"), "a / b");
        assert_eq!(short(&"é".repeat(100)).chars().count(), REASON + 1);
    }
}
