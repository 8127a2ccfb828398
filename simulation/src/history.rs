//! What was done and what came of it.

use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::time::Duration;

use slotline::Delivery;
use slotline_testkit::{FakeCommand, FakeFault, FakeTakeover};

use crate::plan::{Command, Plan, Who};

/// A run of a plan.
#[derive(Clone, Debug)]
pub struct History {
    /// What was planned.
    pub plan: Plan,
    /// Every command of every pipeline, in the order of their ends.
    pub operations: Vec<Operation>,
    /// What the cluster suffered.
    pub faults: Vec<Fault>,
    /// What the nodes were asked.
    pub journal: Vec<FakeCommand>,
    /// Which replicas took over, and when.
    pub takeovers: Vec<FakeTakeover>,
    /// How often things happened at the cluster.
    pub counts: BTreeMap<&'static str, u64>,
    /// What each counter and log holds after some seconds of peace, as the client
    /// reads it, or why it could not.
    pub ends: BTreeMap<String, Result<Option<String>, String>>,
    /// What is left when the clients are gone.
    pub left: Vec<String>,
    /// Panics, and whatever else must never happen.
    pub broken: Vec<String>,
}

/// A fault and how long it took.
#[derive(Clone, Debug)]
pub struct Fault {
    /// What it was.
    pub fault: FakeFault,
    /// From when on.
    pub from: Duration,
    /// Until when.
    pub until: Duration,
}

/// One command and its outcome.
#[derive(Clone, Debug)]
pub struct Operation {
    /// The task, the number of the pipeline there, and that of the command in it.
    pub id: (usize, usize, usize),
    /// The client.
    pub who: Who,
    /// The command.
    pub command: Command,
    /// When its pipeline was sent.
    pub invoked: Duration,
    /// When its pipeline had its outcomes.
    pub ended: Duration,
    /// What became of it.
    pub outcome: Outcome,
    /// Of a transaction: what happened to it on its way, as its client tells.
    pub on_its_way: Vec<Step>,
}

/// What happened to a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// It was turned away with this code, and went again.
    Turned(String),
    /// It had no answer, and went again.
    Retried,
}

/// What became of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A reply, as text; nil is `None`.
    Ok(Vec<Option<String>>),
    /// An error.
    Failed {
        /// What it says became of the command.
        delivery: Delivery,
        /// Its words.
        text: String,
        /// Whether order forbade to send the command again.
        is_order: bool,
        /// Whether a time ran out.
        is_timeout: bool,
        /// Whether it says that some parts of the command have run, and others not.
        is_partly_done: bool,
    },
    /// Its caller lost patience.
    Cancelled,
    /// Its pipeline had no outcome long after its deadline.
    Stuck,
}

impl Operation {
    /// What tells this command from all others, wherever it is met.
    #[must_use]
    pub fn token(&self) -> String {
        token(self.id)
    }

    /// Whether it may have run, for all that its caller knows.
    #[must_use]
    pub fn may_have_run(&self) -> bool {
        match &self.outcome {
            Outcome::Ok(_) | Outcome::Cancelled | Outcome::Stuck => true,
            Outcome::Failed { delivery, .. } => delivery.may_have_run(),
        }
    }

    /// Its reply, if it has one.
    #[must_use]
    pub fn reply(&self) -> Option<&[Option<String>]> {
        match &self.outcome {
            Outcome::Ok(reply) => Some(reply),
            _ => None,
        }
    }
}

pub(crate) fn token(id: (usize, usize, usize)) -> String {
    format!("<{}.{}.{}>", id.0, id.1, id.2)
}

impl History {
    /// Whether two times overlap with a fault of which `is` says yes.
    #[must_use]
    pub fn within(&self, from: Duration, until: Duration, is: impl Fn(&Fault) -> bool) -> bool {
        let mut all = self.faults.iter().filter(|fault| is(fault));
        all.any(|fault| fault.from <= until && from <= fault.until)
    }
}

impl fmt::Display for History {
    /// One line for every event, in the order of their times: what a task sent and
    /// got, what the cluster suffered, what each node answered.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut lines: Vec<(Duration, String)> = Vec::new();
        for operation in &self.operations {
            let Operation { who, command, .. } = operation;
            let token = operation.token();
            lines.push((
                operation.invoked,
                format!("task   {token} invoke ({}) {command:?}", who.name()),
            ));
            let mut line = format!("task   {token} ");
            match &operation.outcome {
                Outcome::Ok(reply) => write!(line, "ok {reply:?}")?,
                Outcome::Failed { delivery, text, .. } => {
                    let kind = match delivery {
                        Delivery::Ambiguous => "info",
                        _ => "fail",
                    };
                    write!(line, "{kind} {delivery}: {text}")?;
                }
                Outcome::Cancelled => line += "info cancelled",
                Outcome::Stuck => line += "info stuck",
            }
            lines.push((operation.ended, line));
        }
        for Fault { fault, from, until } in &self.faults {
            lines.push((*from, format!("fault  {fault:?} begins")));
            lines.push((*until, format!("fault  {fault:?} is over")));
        }
        for entry in &self.journal {
            let FakeCommand {
                node,
                connection,
                line,
                reply,
                ..
            } = entry;
            let lost = if entry.lost { " (lost later)" } else { "" };
            // Whoever authenticates does so with a password.
            let line = match line.starts_with("HELLO") {
                true => "HELLO …",
                false => line,
            };
            lines.push((
                entry.at,
                format!("server {node} #{connection} {line} -> {reply}{lost}"),
            ));
        }
        lines.sort_by_key(|(at, _)| *at);
        for (at, line) in lines {
            writeln!(f, "{:>12.6} {line}", at.as_secs_f64())?;
        }
        for (key, end) in &self.ends {
            writeln!(f, "         end {key} {end:?}")?;
        }
        for line in self.left.iter().chain(&self.broken) {
            writeln!(f, "         end {line}")?;
        }
        Ok(())
    }
}
