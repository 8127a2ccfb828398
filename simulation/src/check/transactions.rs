//! A transaction runs whole, or not at all (6).

use std::collections::BTreeMap;

use slotline_testkit::FakeCommand;

use super::{Facts, Found, token_in, tokens_in};
use crate::history::{History, Operation};
use crate::keys::Key;
use crate::plan::Command;

/// A transaction that ran at a node.
pub(crate) struct Executed<'a> {
    /// Where in the journal its EXEC is.
    pub(super) at: usize,
    /// What it was made of.
    commands: Vec<&'a str>,
}

impl<'a> Executed<'a> {
    /// Those in its commands that write.
    pub(super) fn tokens(&self) -> impl Iterator<Item = &'a str> {
        self.commands.iter().filter_map(|line| token_in(line))
    }
}

/// Every transaction that ran, with what lay between its MULTI and its EXEC on their
/// connection.
pub(super) fn executed(journal: &[FakeCommand]) -> Vec<Executed<'_>> {
    let mut open: BTreeMap<u64, Vec<&str>> = BTreeMap::new();
    let mut all = Vec::new();
    for (at, entry) in journal.iter().enumerate() {
        match entry.line.as_str() {
            "MULTI" => {
                open.insert(entry.connection, Vec::new());
            }
            "EXEC" => {
                let commands = open.remove(&entry.connection).unwrap_or_default();
                if entry.ran {
                    all.push(Executed { at, commands });
                }
            }
            line => {
                if let Some(commands) = open.get_mut(&entry.connection) {
                    commands.push(line);
                }
            }
        }
    }
    all
}

pub(super) fn check(history: &History, facts: &Facts<'_>, found: &mut Found) {
    let mut slots: BTreeMap<String, u8> = BTreeMap::new();
    for operation in &history.operations {
        if let Command::Transaction(slot) = operation.command {
            slots.insert(operation.token(), slot);
            replied(operation, slot, found);
        }
    }
    for executed in &facts.executed {
        let token = executed.tokens().next().unwrap_or_default();
        let own = slots.get(token).map(|slot| commands(*slot, token));
        if own.is_none_or(|own| own != executed.commands) {
            let what = &executed.commands;
            found.add("6", format!("a transaction was run as {what:?}"));
        }
    }
    // Outside of a transaction nobody writes to them.
    let ran = history.journal.iter().filter(|entry| entry.ran);
    for entry in ran.filter(|entry| entry.line.starts_with("APPEND ")) {
        if entry.line.contains("}twin") {
            let line = &entry.line;
            found.add("6", format!("{line} ran outside of its transaction"));
        }
    }
    for slot in Key::slots() {
        let twins = Key::twins(slot).map(|key| history.ends.get(&key.name()));
        if let [Some(Ok(one)), Some(Ok(other))] = twins
            && one != other
        {
            let line = format!("the twins of {slot} are {one:?} and {other:?}");
            found.add("6", line);
        }
    }
    acknowledged(history, facts, found);
}

/// What a transaction is made of.
fn commands(slot: u8, token: &str) -> Vec<String> {
    let [one, other] = Key::twins(slot).map(Key::name);
    vec![
        format!("APPEND {one} {token}"),
        format!("APPEND {other} {token}"),
        format!("GET {one}"),
        format!("GET {other}"),
    ]
}

/// Two lengths, and two logs that are alike and end in what it has just written.
fn replied(operation: &Operation, slot: u8, found: &mut Found) {
    let Some(reply) = operation.reply() else {
        return;
    };
    let token = operation.token();
    let is_whole = match reply {
        [Some(length), Some(same), Some(log), Some(twin)] => {
            length == same
                && log == twin
                && log.ends_with(&token)
                && length.parse() == Ok(log.len())
        }
        _ => false,
    };
    if !is_whole {
        let line = format!("{token} on the twins of {slot} was answered {reply:?}");
        found.add("6", line);
    }
}

/// So often it ran as its client was told, and what was acknowledged is there.
fn acknowledged(history: &History, facts: &Facts<'_>, found: &mut Found) {
    for operation in &history.operations {
        let Command::Transaction(slot) = operation.command else {
            continue;
        };
        let (token, outcome) = (operation.token(), &operation.outcome);
        let runs = facts.runs(&token).len();
        let is_right = match operation.reply() {
            Some(_) => runs == 1,
            None => runs <= usize::from(operation.may_have_run()),
        };
        if !is_right {
            let line = format!("transaction {token} ran {runs} times: {outcome:?}");
            found.add("2", line);
        }
        let name = Key::Twin(slot, 0).name();
        if let (Some(_), Some(Ok(end))) = (operation.reply(), history.ends.get(&name)) {
            let end = end.as_deref().unwrap_or_default();
            if !tokens_in(end).contains(&token.as_str()) && !facts.is_lost(&token) {
                let line = format!("{token} was acknowledged, and {name} lacks it");
                found.add("3", line);
            }
        }
    }
}
