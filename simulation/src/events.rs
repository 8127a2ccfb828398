//! How often everything was met that must be met.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use slotline::Delivery;

use crate::check::{Facts, parts_in};
use crate::history::{History, Operation, Outcome, Step};
use crate::plan::Command;

/// What is counted; none may be zero over a whole run.
const NEEDED: [&str; 45] = [
    "MOVED",
    "ASK",
    "TRYAGAIN",
    "CLUSTERDOWN",
    "LOADING",
    "MASTERDOWN",
    "READONLY",
    "dial refused",
    "cut",
    "cut in commands",
    "cut in replies",
    "reply swallowed",
    "reply injected",
    "reply damaged",
    "odd redirect",
    "paused",
    "failover",
    "demotion",
    "write lost",
    "key moved",
    "migration begun",
    "migration finished",
    "read by a replica",
    "redirect of a shared key",
    "cancellation",
    "cancelled and ran",
    "deadline passed",
    "not sent",
    "rejected",
    "ambiguous",
    "ambiguous and ran",
    "forbidden by order",
    "parts answered",
    "parts done partly",
    "parts done partly and in doubt",
    "transaction",
    "transaction moved",
    "transaction asked",
    "transaction told to try again",
    "transaction aborted",
    "transaction cut",
    "transaction cut and ran",
    "transaction retried",
    "transaction cancelled",
    "transaction cancelled and ran",
];

/// Counts of one run or of many.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Events(BTreeMap<&'static str, u64>);

impl Events {
    /// What a history has met.
    #[must_use]
    pub fn of(history: &History) -> Events {
        let mut events = Events::default();
        for (what, times) in &history.counts {
            if let Some(needed) = NEEDED.iter().find(|needed| *needed == what) {
                events.add(needed, *times);
            }
        }
        let facts = Facts::of(history);
        let mut redirected: BTreeSet<&str> = BTreeSet::new();
        let mut ran: BTreeSet<&str> = BTreeSet::new();
        for entry in &history.journal {
            let aborted = entry.line == "EXEC" && entry.reply.starts_with("-EXECABORT");
            events.add("transaction aborted", u64::from(aborted));
            if entry.on_replica && entry.ran && entry.line.contains("GET {") {
                events.add("read by a replica", 1);
            }
            let token = entry.line.find('<').and_then(|at| entry.line.get(at..));
            match token {
                Some(token) if entry.ran => {
                    ran.insert(token);
                }
                Some(token)
                    if entry.reply.starts_with("-MOVED") || entry.reply.starts_with("-ASK") =>
                {
                    redirected.insert(token);
                }
                _ => {}
            }
        }
        let mut appends: BTreeMap<_, Vec<String>> = BTreeMap::new();
        for operation in &history.operations {
            let token = operation.token();
            if let Command::Transaction(_) = operation.command {
                let has_run = !facts.runs(&token).is_empty();
                events.transaction(operation, has_run);
            }
            if let Command::SetAll | Command::DeleteAll = operation.command {
                events.parts(operation, facts.runs(&token).len());
            }
            let has_run = ran.contains(token.as_str());
            if let Command::Append(key) = operation.command {
                let (task, number, _) = operation.id;
                let shared = appends.entry((task, number, key)).or_default();
                shared.push(token);
            }
            match &operation.outcome {
                Outcome::Cancelled => {
                    events.add("cancellation", 1);
                    events.add("cancelled and ran", u64::from(has_run));
                }
                Outcome::Failed {
                    delivery,
                    is_order,
                    is_timeout,
                    ..
                } => {
                    events.add("forbidden by order", u64::from(*is_order));
                    events.add("deadline passed", u64::from(*is_timeout));
                    match delivery {
                        Delivery::NotSent => events.add("not sent", 1),
                        Delivery::Rejected => events.add("rejected", 1),
                        Delivery::Ambiguous => {
                            events.add("ambiguous", 1);
                            events.add("ambiguous and ran", u64::from(has_run));
                        }
                        _ => {}
                    }
                }
                Outcome::Ok(_) | Outcome::Stuck => {}
            }
        }
        for shared in appends.values().filter(|shared| shared.len() > 1) {
            let any = shared
                .iter()
                .any(|token| redirected.contains(token.as_str()));
            events.add("redirect of a shared key", u64::from(any));
        }
        events
    }

    /// A write over slots of which so many parts have run.
    fn parts(&mut self, operation: &Operation, ran: usize) {
        match &operation.outcome {
            Outcome::Ok(_) => self.add("parts answered", 1),
            Outcome::Failed {
                is_partly_done: true,
                text,
                ..
            } => {
                self.add("parts done partly", 1);
                let is_more = parts_in(text).is_some_and(|(said, _)| ran > said);
                self.add("parts done partly and in doubt", u64::from(is_more));
            }
            _ => {}
        }
    }

    fn transaction(&mut self, operation: &Operation, has_run: bool) {
        self.add("transaction", 1);
        for step in &operation.on_its_way {
            match step {
                Step::Retried => self.add("transaction retried", 1),
                Step::Turned(code) => match code.as_str() {
                    "MOVED" => self.add("transaction moved", 1),
                    "ASK" => self.add("transaction asked", 1),
                    "TRYAGAIN" => self.add("transaction told to try again", 1),
                    _ => {}
                },
            }
        }
        let (all, ran) = match &operation.outcome {
            Outcome::Cancelled => ("transaction cancelled", "transaction cancelled and ran"),
            Outcome::Failed {
                delivery: Delivery::Ambiguous,
                ..
            } => ("transaction cut", "transaction cut and ran"),
            _ => return,
        };
        self.add(all, 1);
        self.add(ran, u64::from(has_run));
    }

    fn add(&mut self, what: &'static str, times: u64) {
        *self.0.entry(what).or_default() += times;
    }

    /// Adds those of another run.
    pub fn merge(&mut self, other: &Events) {
        for (what, times) in &other.0 {
            self.add(what, *times);
        }
    }

    /// What must be met and was not.
    #[must_use]
    pub fn missing(&self) -> Vec<&'static str> {
        let is_missing = |what: &&&str| self.0.get(**what).is_none_or(|times| *times == 0);
        NEEDED.iter().filter(is_missing).copied().collect()
    }
}

impl fmt::Display for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for what in NEEDED {
            let times = self.0.get(what).copied().unwrap_or(0);
            writeln!(f, "{times:>12} {what}")?;
        }
        Ok(())
    }
}
