//! Every reply is its command's own (1).

use std::collections::BTreeMap;

use super::{Facts, Found, token_in, tokens_in};
use crate::history::{History, Operation};
use crate::keys::Key;
use crate::plan::Command;

pub(super) fn check(history: &History, facts: &Facts<'_>, found: &mut Found) {
    // How often each answer to an INCR was given by a node, and not yet seen.
    let mut given: BTreeMap<(String, String), usize> = BTreeMap::new();
    for (key, runs) in &facts.increments {
        for entry in runs.iter().filter_map(|at| facts.entry(*at)) {
            let answer = entry.reply.trim_start_matches(':').to_owned();
            *given.entry(((*key).to_owned(), answer)).or_default() += 1;
        }
    }
    for operation in &history.operations {
        let Some(reply) = operation.reply() else {
            continue;
        };
        let is_own = match (operation.command, reply) {
            (Command::Incr(key), [Some(number)]) => {
                let counted = given.get_mut(&(key.name(), number.clone()));
                match counted {
                    Some(left) if *left > 0 => {
                        *left -= 1;
                        true
                    }
                    _ => false,
                }
            }
            _ => is_own(operation, reply, facts),
        };
        if !is_own {
            let (token, command) = (operation.token(), operation.command);
            found.add("1", format!("{token} {command:?} was answered {reply:?}"));
        }
    }
}

fn is_own(operation: &Operation, reply: &[Option<String>], facts: &Facts<'_>) -> bool {
    let token = operation.token();
    // A value names the place that it was written to, and a write that ran.
    let names = |value: &Option<String>, place: &str| match value {
        None => true,
        Some(value) => {
            let written = value
                .strip_prefix(place)
                .and_then(|rest| rest.strip_prefix('='));
            written.is_some_and(|token| !facts.runs(token).is_empty())
        }
    };
    match (operation.command, reply) {
        (Command::Get(key), [value]) => names(value, &key.name()),
        (Command::Look(key, field), [value]) => names(value, &format!("{}.{field}", key.name())),
        (Command::Both(slot), [first, second]) => {
            names(first, &Key::Register(slot, 0).name())
                && names(second, &Key::Register(slot, 1).name())
        }
        (Command::All, values) => {
            let mut values = values.iter();
            let mut each = Key::registers(0);
            each.all(|key| values.next().is_some_and(|value| names(value, &key.name())))
                && values.next().is_none()
        }
        (Command::Set(_) | Command::SetBoth(_) | Command::SetAll, [Some(ok)]) => ok == "OK",
        (Command::Put(..), [Some(new)]) => matches!(new.as_str(), "0" | "1"),
        // So many were there as the nodes have said.
        (Command::DeleteAll, [Some(count)]) => {
            let runs = facts.runs(&token).iter();
            let parts = runs.filter_map(|at| facts.entry(*at)?.reply.strip_prefix(':'));
            let sum: usize = parts.filter_map(|part| part.parse::<usize>().ok()).sum();
            count.parse() == Ok(sum) && sum <= Key::slots().count()
        }
        (Command::Append(_), [Some(length)]) => {
            let runs = facts.runs(&token).iter();
            let mut answers = runs.filter_map(|at| facts.entry(*at));
            answers.any(|entry| entry.reply.strip_prefix(':') == Some(length))
        }
        (Command::Read(_), [None]) => true,
        (Command::Read(key), [Some(log)]) => tokens_in(log).iter().all(|token| {
            let runs = facts.runs(token).iter();
            let mut entries = runs.filter_map(|at| facts.entry(*at));
            entries.any(|entry| entry.line.contains(&key.name()) && token_in(token).is_some())
        }),
        (Command::Echo, [Some(text)]) => *text == token,
        // It is looked at by what it shows of its transaction.
        (Command::Transaction(_), [_, _, _, _]) => true,
        _ => false,
    }
}
