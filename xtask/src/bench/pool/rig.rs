//! The server, the programs, and the cores that they run on.

use anyhow::{Context, Result};
use serde_json::Value;
use slotline_testkit::{LocalServer, ServerBinary, ServerVersion};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::super::cores::Cores;
use super::super::program;
use super::super::strace::Strace;
use super::measured::{Counts, Job, Round};
use crate::{servers, workspace};

/// The oldest: what is measured here is not the server.
const SERVER: &str = "redis-7.0";

/// Everything it takes to run a job in a process of its own.
pub(super) struct Rig {
    time: PathBuf,
    counts: PathBuf,
    server: LocalServer,
    pub(super) version: ServerVersion,
    pub(super) cores: Cores,
}

impl Rig {
    /// Builds the programs and starts the server.
    pub(super) fn start() -> Result<Self> {
        let cores = Cores::of_this_machine()?;
        let time = program::build("pool_time")?;
        let counts = program::build("pool_counts")?;
        let binary = ServerBinary::at(servers::get(SERVER)?)?;
        let server =
            LocalServer::builder(&binary).option("server_cpulist", cores.server.to_string());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        Ok(Self {
            time,
            counts,
            server: runtime.block_on(server.start())?,
            version: binary.version().clone(),
            cores,
        })
    }

    /// All jobs.
    pub(super) fn jobs(&self) -> Result<Vec<Job>> {
        let printed = workspace::output(&mut Command::new(&self.time))?;
        program::lines(&printed)?.iter().map(Job::read).collect()
    }

    /// Times a job, or a part of it.
    pub(super) fn round(&self, job: &Job, part: u64) -> Result<Round> {
        Round::read(&run(self.command(&self.time, job, job.operations / part))?)
    }

    /// Counts what a job allocates and writes.
    pub(super) fn counts(&self, job: &Job) -> Result<Counts> {
        Counts::read(&run(self.command(&self.counts, job, job.operations / 4))?)
    }

    /// Counts the system calls per command, as the difference between a longer
    /// and a shorter run, which have their beginning and their end in common.
    pub(super) fn syscalls(&self, strace: &Strace, job: &Job) -> Result<f64> {
        let traced = |operations| -> Result<(u64, f64)> {
            let command = self.command(&self.time, job, operations);
            let (calls, printed) = strace.count(&command)?;
            let commands = last(&command, &printed)?["commands"].as_f64();
            Ok((calls, commands.context("no number of commands")?))
        };
        let (calls, commands) = traced(job.operations / 40)?;
        let (more_calls, more_commands) = traced(job.operations / 10)?;
        Ok(more_calls.saturating_sub(calls) as f64 / (more_commands - commands))
    }

    fn command(&self, program: &Path, job: &Job, operations: u64) -> Command {
        let mut command = Command::new(program);
        command
            .arg(job.index.to_string())
            .arg(self.server.address().to_string())
            .arg(self.cores.client.to_string())
            .arg(operations.to_string());
        command
    }
}

fn run(mut command: Command) -> Result<Value> {
    let printed = workspace::output(&mut command)?;
    last(&command, &printed)
}

/// The last line that a program printed.
fn last(command: &Command, printed: &str) -> Result<Value> {
    let last = program::lines(printed)?.pop();
    last.with_context(|| format!("{} printed nothing", command.get_program().display()))
}
