//! What a scenario costs, counted.

use anyhow::{Context, Result};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::bench::{Callgrind, Strace, of_each};
use crate::workspace;

/// Operations of a shorter and a longer run.
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
    callgrind: Callgrind,
    strace: Option<Strace>,
}

impl Counter {
    pub(super) fn find() -> Result<Self> {
        let strace = Strace::find();
        if let Err(error) = &strace {
            println!("System calls are not counted: {error:#}");
        }
        Ok(Self {
            callgrind: Callgrind::find()?,
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
        let work = |operations: u64| {
            let mut work = Command::new(program);
            work.args([name, &operations.to_string()]);
            work
        };
        // Which of several tasks' commands meet in one write is a matter of chance.
        let strace = self.strace.as_ref().filter(|_| is_alone);
        Ok(Cost {
            scenario: name.to_owned(),
            instructions: of_each(OPERATIONS, |operations| {
                self.callgrind.count(&work(operations))
            })?,
            allocations: of_each(OPERATIONS, |operations| {
                let counted = workspace::output(&mut work(operations))?;
                counted.trim().parse().context("a number of allocations")
            })?,
            syscalls: strace
                .map(|strace| {
                    of_each(OPERATIONS, |operations| {
                        Ok(strace.count(work(operations).arg(&server.port))?.0)
                    })
                })
                .transpose()?,
        })
    }
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
