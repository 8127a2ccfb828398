//! Reads from primaries do not go backwards (4).

use std::collections::BTreeMap;
use std::time::Duration;

use slotline_testkit::FaultKind;

use super::{Facts, Found, tokens_in};
use crate::history::{Fault, History, Operation, Outcome};
use crate::keys::Key;
use crate::plan::{Command, Who};

/// What may make a read old: a primary that does not know that it is none.
fn may_read_old(fault: &Fault) -> bool {
    matches!(fault.fault.kind, FaultKind::Crash | FaultKind::Partition)
}

pub(super) fn check(history: &History, facts: &Facts<'_>, found: &mut Found) {
    let mut acknowledged: BTreeMap<Key, Vec<(Duration, String)>> = BTreeMap::new();
    for operation in &history.operations {
        if let (Command::Append(key), Outcome::Ok(_)) = (operation.command, &operation.outcome) {
            let entry = (operation.ended, operation.token());
            acknowledged.entry(key).or_default().push(entry);
        }
    }
    // What each task has seen last of each log.
    let mut seen: BTreeMap<(usize, Key), (Duration, String)> = BTreeMap::new();
    for operation in &history.operations {
        let Some((key, log)) = primary_read(operation) else {
            continue;
        };
        let task = operation.id.0;
        if history.within(operation.invoked, operation.ended, may_read_old) {
            seen.remove(&(task, key));
            continue;
        }
        let has = tokens_in(log);
        // What was acknowledged before it was sent must be there.
        let earlier = acknowledged.get(&key).into_iter().flatten();
        let missing = earlier.filter(|(at, token)| {
            *at < operation.invoked && !has.contains(&token.as_str()) && !facts.is_lost(token)
        });
        for (_, token) in missing {
            let (read, name) = (operation.token(), key.name());
            found.add("4", format!("{read} read {name} without {token}"));
        }
        if let Some((at, before)) = seen.get(&(task, key))
            && *at < operation.invoked
            && !log.starts_with(before.as_str())
            && tokens_in(before).iter().all(|token| !facts.is_lost(token))
        {
            let (read, name) = (operation.token(), key.name());
            found.add("4", format!("{read} read {name} as it had been before"));
        }
        seen.insert((task, key), (operation.ended, log.to_owned()));
    }
}

/// The log that a primary was asked for.
fn primary_read(operation: &Operation) -> Option<(Key, &str)> {
    let Command::Read(key) = operation.command else {
        return None;
    };
    match operation.reply()? {
        [log] if operation.who != Who::Replica => Some((key, log.as_deref().unwrap_or_default())),
        _ => None,
    }
}
