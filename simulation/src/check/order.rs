//! Commands of a pipeline that share a key run in order (5).

use std::collections::BTreeMap;

use super::{Facts, Found, tokens_in};
use crate::history::{History, Operation};
use crate::keys::Key;
use crate::plan::Command;

pub(super) fn check(history: &History, facts: &Facts<'_>, found: &mut Found) {
    let mut pipelines: BTreeMap<(usize, usize), Vec<&Operation>> = BTreeMap::new();
    for operation in &history.operations {
        let (task, number, _) = operation.id;
        pipelines.entry((task, number)).or_default().push(operation);
    }
    for operations in pipelines.values() {
        for (at, earlier) in operations.iter().enumerate() {
            for later in operations.iter().skip(at + 1) {
                pair(earlier, later, facts, found);
            }
        }
    }
}

fn pair(earlier: &Operation, later: &Operation, facts: &Facts<'_>, found: &mut Found) {
    let (one, other) = (earlier.token(), later.token());
    let written = written(earlier.command);
    for key in written.filter(|key| written_by(later.command, *key)) {
        let name = key.name();
        let ran = |token: &str| {
            let mut runs = facts.runs(token).iter().copied();
            runs.find(|at| facts.entry(*at).is_some_and(|it| it.line.contains(&name)))
        };
        if let (Some(first), Some(second)) = (ran(&one), ran(&other))
            && first > second
        {
            found.add("5", format!("{other} ran before {one}, which shares a key"));
        }
    }
    match (earlier.command, later.command) {
        (Command::Append(key), Command::Read(read)) if key == read => {
            let (Some(_), Some([log])) = (earlier.reply(), later.reply()) else {
                return;
            };
            let log = log.as_deref().unwrap_or_default();
            if !tokens_in(log).contains(&one.as_str()) && !facts.is_lost(&one) {
                let line = format!("{other} read a log without {one}, which its pipeline wrote");
                found.add("5", line);
            }
        }
        (Command::Read(read), Command::Append(key)) if key == read => {
            if let Some([Some(log)]) = earlier.reply()
                && tokens_in(log).contains(&other.as_str())
            {
                let line = format!("{one} read what its pipeline wrote behind it with {other}");
                found.add("5", line);
            }
        }
        _ => {}
    }
}

/// The keys that a command writes.
fn written(command: Command) -> impl Iterator<Item = Key> {
    let (one, several) = match command {
        Command::Set(key) | Command::Append(key) | Command::Put(key, _) => (Some(key), vec![]),
        Command::SetBoth(slot) => (None, vec![Key::Register(slot, 0), Key::Register(slot, 1)]),
        Command::SetAll | Command::DeleteAll => (None, Key::registers(1).collect()),
        _ => (None, vec![]),
    };
    one.into_iter().chain(several)
}

fn written_by(command: Command, key: Key) -> bool {
    written(command).any(|other| other == key)
}
