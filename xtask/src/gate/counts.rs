//! What a scenario costs, counted.

use anyhow::{Context, Result};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::bench::{Strace, valgrind};
use crate::workspace;

/// Operations of a shorter and a longer run, whose difference is the operations'
/// own: both have their beginning and their end in common.
const OPERATIONS: [u64; 2] = [400, 1_200];

/// Per operation.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cost {
    pub(super) scenario: String,
    pub(super) instructions: f64,
    pub(super) allocations: f64,
    /// `None` where it is a matter of chance, or cannot be counted here.
    pub(super) syscalls: Option<f64>,
}

pub(super) struct Counter {
    valgrind: PathBuf,
    strace: Option<Strace>,
}

impl Counter {
    pub(super) fn find() -> Result<Self> {
        let strace = Strace::find();
        if let Err(error) = &strace {
            println!("System calls are not counted: {error:#}");
        }
        Ok(Self {
            valgrind: valgrind()?,
            strace: strace.ok(),
        })
    }

    /// Counts for all scenarios of a program.
    pub(super) fn count(&self, program: &Path) -> Result<Vec<Cost>> {
        let server = Server::start(program)?;
        let listed = workspace::output(&mut Command::new(program))?;
        listed
            .lines()
            .map(|line| {
                let (tasks, name) = line.split_once(' ').context("tasks and a name")?;
                self.cost(program, name, &server, tasks == "1")
            })
            .collect()
    }

    fn cost(&self, program: &Path, name: &str, server: &Server, is_alone: bool) -> Result<Cost> {
        let each = |count: &dyn Fn(u64) -> Result<u64>| -> Result<f64> {
            let [few, more] = OPERATIONS;
            let (less, all) = (count(few)?, count(more)?);
            Ok(all.saturating_sub(less) as f64 / (more - few) as f64)
        };
        // Which of several tasks' commands meet in one write is a matter of chance.
        let strace = self.strace.as_ref().filter(|_| is_alone);
        Ok(Cost {
            scenario: name.to_owned(),
            instructions: each(&|operations| self.instructions(program, name, operations))?,
            allocations: each(&|operations| {
                let mut counting = Command::new(program);
                counting.args([name, &operations.to_string()]);
                let counted = workspace::output(&mut counting)?;
                counted.trim().parse().context("a number of allocations")
            })?,
            syscalls: strace
                .map(|strace| {
                    each(&|operations| {
                        let mut traced = Command::new(program);
                        traced.args([name, &operations.to_string(), &server.port]);
                        Ok(strace.count(&traced)?.0)
                    })
                })
                .transpose()?,
        })
    }

    fn instructions(&self, program: &Path, name: &str, operations: u64) -> Result<u64> {
        let listed = tempfile::NamedTempFile::new()?;
        let mut counted = Command::new(&self.valgrind);
        counted
            .args(["--tool=callgrind", "--quiet"])
            .arg(format!("--callgrind-out-file={}", listed.path().display()))
            .arg(program)
            .args([name, &operations.to_string()]);
        workspace::output(&mut counted)?;
        total(&std::fs::read_to_string(listed.path())?).context("callgrind told no total")
    }
}

/// What callgrind's list says of all of it.
fn total(list: &str) -> Option<u64> {
    let line = list.lines().find_map(|line| {
        let rest = line.strip_prefix("totals:");
        rest.or_else(|| line.strip_prefix("summary:"))
    });
    line?.split_whitespace().next()?.parse().ok()
}

/// The nodes in a process of their own.
struct Server {
    process: Child,
    port: String,
}

impl Server {
    fn start(program: &Path) -> Result<Self> {
        let mut process = Command::new(program)
            .arg("serve")
            .stdout(Stdio::piped())
            .spawn()?;
        let mut port = String::new();
        if let Some(said) = process.stdout.take() {
            BufReader::new(said).read_line(&mut port)?;
        }
        let port = port.trim().to_owned();
        Ok(Self { process, port })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It has nothing to put in order.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_is_read_from_the_list() {
        let list = "version: 1\nevents: Ir\n\nfn=(1) main\n3 17\n\ntotals: 4711\n";
        assert_eq!(total(list), Some(4711));
        assert_eq!(total("events: Ir\n"), None);
    }
}
