//! Commands of a pipeline that share a key run in order (5).

use std::collections::BTreeMap;

use super::{Facts, Found, tokens_in};
use crate::history::{History, Operation};
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
    if share_a_write(earlier.command, later.command)
        && let (Some(first), Some(second)) = (
            facts.runs(&one).first().copied(),
            facts.runs(&other).first().copied(),
        )
        && first > second
    {
        found.add("5", format!("{other} ran before {one}, which shares a key"));
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

/// Whether both write the same key.
fn share_a_write(earlier: Command, later: Command) -> bool {
    let slot_of = |command| match command {
        Command::Set(crate::keys::Key::Register(slot, _)) | Command::SetBoth(slot) => Some(slot),
        _ => None,
    };
    match (earlier, later) {
        (Command::Append(one), Command::Append(other))
        | (Command::Set(one), Command::Set(other))
        | (Command::Put(one, _), Command::Put(other, _)) => one == other,
        (Command::SetBoth(_), Command::SetBoth(_))
        | (Command::SetBoth(_), Command::Set(_))
        | (Command::Set(_), Command::SetBoth(_)) => slot_of(earlier) == slot_of(later),
        _ => false,
    }
}
