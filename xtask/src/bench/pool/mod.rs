//! `bench pool`: one connection that many tasks share.

mod measured;
mod rig;
mod table;

use anyhow::Result;
use clap::Args;

use super::strace::Strace;
use measured::Measured;
use rig::Rig;

/// Measures one connection of slotline-pool and of the redis crate: processor
/// time, throughput, latency, heap allocations, system calls and writes.
#[derive(Args)]
pub(crate) struct Pool {
    /// Fewer and shorter rounds: for a first look, not for a README.
    #[arg(long)]
    quick: bool,
    /// Prints the table in Markdown.
    #[arg(long)]
    markdown: bool,
}

impl Pool {
    pub(crate) fn run(self) -> Result<()> {
        let (rounds, part) = if self.quick { (3, 8) } else { (7, 1) };
        let rig = Rig::start()?;
        let strace = Strace::find();
        let mut all: Vec<Measured> = rig.jobs()?.into_iter().map(Measured::new).collect();
        for round in 0..rounds {
            eprintln!("round {} of {rounds}", round + 1);
            // One after the other, so that all of them have the same machine.
            for measured in &mut all {
                measured.rounds.push(rig.round(&measured.job, part)?);
            }
        }
        for measured in &mut all {
            eprintln!("counting: {}, {}", measured.job.workload, measured.job.who);
            measured.counts = Some(rig.counts(&measured.job)?);
            if let Ok(strace) = &strace {
                measured.syscalls = Some(rig.syscalls(strace, &measured.job)?);
            }
        }
        print!(
            "{}\n{}",
            table::of(&all).show(self.markdown),
            table::notes(&rig, rounds, strace.err())
        );
        Ok(())
    }
}
