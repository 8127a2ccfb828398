//! What a history must not show.

mod delivery;
mod order;
mod rates;
mod reads;
mod recovery;
mod replies;
mod session;
mod transactions;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use slotline_testkit::FakeCommand;

use crate::history::{History, Outcome};
use crate::run::PASSWORD;
pub(crate) use delivery::parts_in;
use transactions::Executed;

/// How late an outcome may be.
const LATE: Duration = Duration::from_millis(100);

/// What is checked, and what is not, by the numbers of the catalogue's invariants.
pub const CHECKED: [(&str, &str); 12] = [
    ("1", "every reply is its command's own"),
    (
        "2",
        "what was not sent or was rejected has no effect, what was answered has one; \
         of a command over slots so many parts have run as its error says",
    ),
    (
        "3",
        "an acknowledged write is lost only where a failover dropped it",
    ),
    (
        "4",
        "primary reads do not go backwards outside of failovers",
    ),
    ("5", "commands of a pipeline that share a key run in order"),
    (
        "6",
        "a transaction runs whole and with nothing in between, or not at all",
    ),
    (
        "7",
        "every pipeline has its outcomes by its deadline + 100 ms",
    ),
    (
        "8",
        "tasks, connections and commands in flight return to nothing",
    ),
    (
        "9",
        "a write finds a new owner within 1 s; after 5 s of peace there are no errors",
    ),
    (
        "11",
        "questions for the topology and dials are bounded per second",
    ),
    (
        "13",
        "no error shows a password, a key or a value; nothing panics",
    ),
    (
        "S1 R4 T2",
        "READONLY, ASKING and the map are as they should be",
    ),
];

/// What is not, and why.
pub const UNCHECKED: [(&str, &str); 3] = [
    ("8", "memory: the process runs many simulations at once"),
    ("10", "throughput: a paused clock has none"),
    ("12", "the client has no cache yet"),
];

/// A promise that was not kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The invariant's number.
    pub rule: &'static str,
    /// What happened.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}] {}", self.rule, self.what)
    }
}

/// Everything that the history shows and must not.
#[must_use]
pub fn check(history: &History) -> Vec<Violation> {
    let facts = Facts::of(history);
    let mut found = Found(Vec::new());
    replies::check(history, &facts, &mut found);
    delivery::check(history, &facts, &mut found);
    order::check(history, &facts, &mut found);
    transactions::check(history, &facts, &mut found);
    reads::check(history, &facts, &mut found);
    session::check(history, &mut found);
    rates::check(history, &mut found);
    recovery::check(history, &facts, &mut found);
    outcomes(history, &mut found);
    for line in &history.left {
        found.add("8", line.clone());
    }
    for line in &history.broken {
        found.add("13", line.clone());
    }
    for (key, end) in &history.ends {
        if let Err(error) = end {
            found.add("9", format!("after peace, {key} cannot be read: {error}"));
        }
    }
    found.0
}

/// Deadlines and secrets.
fn outcomes(history: &History, found: &mut Found) {
    for operation in &history.operations {
        let token = operation.token();
        let took = operation.ended.saturating_sub(operation.invoked);
        let limit = operation.who.timeout() + LATE;
        if operation.outcome == Outcome::Stuck {
            found.add("7", format!("{token} has no outcome after {took:?}"));
        } else if took > limit {
            found.add("7", format!("{token} took {took:?} of {limit:?}"));
        }
        if let Outcome::Failed { text, .. } = &operation.outcome
            && [
                PASSWORD,
                token.as_str(),
                "}log",
                "}counter",
                "}register",
                "}hash",
                "}twin",
                "}mark",
            ]
            .iter()
            .any(|secret| text.contains(secret))
        {
            found.add("13", format!("an error of {token} shows too much: {text}"));
        }
    }
}

/// What has been found.
pub(crate) struct Found(Vec<Violation>);

impl Found {
    fn add(&mut self, rule: &'static str, what: String) {
        self.0.push(Violation { rule, what });
    }
}

/// What the journal says, by what one looks for.
pub(crate) struct Facts<'a> {
    /// Where in the journal a write with this token ran.
    writes: BTreeMap<&'a str, Vec<usize>>,
    /// Transactions that ran.
    executed: Vec<Executed<'a>>,
    /// Where an INCR of this key ran.
    increments: BTreeMap<&'a str, Vec<usize>>,
    journal: &'a [FakeCommand],
}

impl<'a> Facts<'a> {
    pub(crate) fn of(history: &'a History) -> Facts<'a> {
        let mut facts = Facts {
            writes: BTreeMap::new(),
            executed: transactions::executed(&history.journal),
            increments: BTreeMap::new(),
            journal: &history.journal,
        };
        let ran = history.journal.iter().enumerate();
        for (at, entry) in ran.filter(|(_, entry)| entry.ran) {
            let (name, rest) = entry.line.split_once(' ').unwrap_or_default();
            match name {
                "SET" | "MSET" | "DEL" | "APPEND" | "HSET" => {
                    if let Some(token) = token_in(rest) {
                        facts.writes.entry(token).or_default().push(at);
                    }
                }
                "INCR" => facts.increments.entry(rest).or_default().push(at),
                _ => {}
            }
        }
        for executed in &facts.executed {
            let tokens: BTreeSet<&str> = executed.tokens().collect();
            for token in tokens {
                facts.writes.entry(token).or_default().push(executed.at);
            }
        }
        facts
    }

    /// Where the write with this token ran.
    pub(crate) fn runs(&self, token: &str) -> &[usize] {
        self.writes.get(token).map_or(&[], Vec::as_slice)
    }

    fn entry(&self, at: usize) -> Option<&FakeCommand> {
        self.journal.get(at)
    }

    /// Whether what it wrote was dropped by a failover.
    fn is_lost(&self, token: &str) -> bool {
        let runs = self.runs(token).iter();
        runs.filter_map(|at| self.entry(*at))
            .any(|entry| entry.lost)
    }
}

/// The first token in a text.
fn token_in(text: &str) -> Option<&str> {
    let start = text.find('<')?;
    let rest = text.get(start..)?;
    rest.get(..=rest.find('>')?)
}

/// All tokens in a log.
fn tokens_in(log: &str) -> Vec<&str> {
    log.split_inclusive('>').collect()
}
