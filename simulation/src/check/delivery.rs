//! What ran, and what is left of it (2, 3).

use std::collections::{BTreeMap, BTreeSet};

use super::{Facts, Found, tokens_in};
use crate::history::{History, Operation, Outcome};
use crate::keys::Key;
use crate::plan::Command;
use crate::task::is_without_effect;

pub(super) fn check(history: &History, facts: &Facts<'_>, found: &mut Found) {
    let mut counters: BTreeMap<String, Counter> = BTreeMap::new();
    for operation in &history.operations {
        let token = operation.token();
        if let Outcome::Failed { delivery, text, .. } = &operation.outcome
            && *delivery == slotline::Delivery::Answered
        {
            found.add("2", format!("{token} was answered with an error: {text}"));
        }
        if let Command::Incr(key) = operation.command {
            let counter = counters
                .entry(key.name())
                .or_insert_with(|| Counter::of(key));
            match &operation.outcome {
                Outcome::Ok(_) => counter.ok += 1,
                _ if operation.may_have_run() => counter.unknown += 1,
                _ => {}
            }
            continue;
        }
        let writes = matches!(
            operation.command,
            Command::Set(_)
                | Command::SetBoth(_)
                | Command::SetAll
                | Command::DeleteAll
                | Command::Append(_)
                | Command::Put(..)
        );
        if !writes {
            continue;
        }
        let runs = facts.runs(&token).len();
        // One that was split runs once for each slot.
        let all = match operation.command {
            Command::SetAll | Command::DeleteAll => Key::slots().count(),
            _ => 1,
        };
        partly(operation, runs, all, found);
        let lines = facts.runs(&token).iter().filter_map(|at| facts.entry(*at));
        let lines: BTreeSet<&str> = lines.map(|entry| entry.line.as_str()).collect();
        let is_right = match &operation.outcome {
            Outcome::Ok(_) => runs == all,
            Outcome::Failed { delivery, .. } if is_without_effect(*delivery) => runs == 0,
            _ => runs <= all,
        };
        if !is_right || lines.len() < runs {
            let outcome = &operation.outcome;
            found.add("2", format!("{token} ran {runs} times: {outcome:?}"));
        }
    }
    for (name, counter) in &counters {
        counted(history, facts, name, counter, found);
    }
    kept(history, facts, found);
}

/// A command over slots whose error says that some of its parts have run: at least so
/// many have, it has no more parts than those, and nobody may think that it had no
/// effect.
fn partly(operation: &Operation, runs: usize, all: usize, found: &mut Found) {
    let Outcome::Failed {
        delivery,
        text,
        is_partly_done: true,
        ..
    } = &operation.outcome
    else {
        return;
    };
    let is_right = parts_in(text).is_some_and(|(ran, of)| {
        let is_part = 0 < ran && ran < of && of == all;
        is_part && runs >= ran && *delivery == slotline::Delivery::Ambiguous
    });
    if !is_right {
        let token = operation.token();
        found.add("2", format!("{runs} parts of {token} have run: {text}"));
    }
}

/// How many parts have run, and how many there are: "2 of the 6 parts of DEL have run".
pub(crate) fn parts_in(text: &str) -> Option<(usize, usize)> {
    let (ran, rest) = text.split_once(" of the ")?;
    let ran = ran.rsplit(' ').next()?;
    let of = rest.split(' ').next()?;
    Some((ran.parse().ok()?, of.parse().ok()?))
}

struct Counter {
    base: i64,
    ok: i64,
    unknown: i64,
}

impl Counter {
    fn of(key: Key) -> Counter {
        Counter {
            base: key.base(),
            ok: 0,
            unknown: 0,
        }
    }
}

/// `ok ≤ ran ≤ ok + unknown`, and what has run and was not lost is there.
fn counted(history: &History, facts: &Facts<'_>, name: &str, counter: &Counter, found: &mut Found) {
    let Counter { base, ok, unknown } = counter;
    let runs = facts.increments.get(name).map_or(&[][..], Vec::as_slice);
    let ran = i64::try_from(runs.len()).unwrap_or(i64::MAX);
    if ran < *ok || ran > ok + unknown {
        let line = format!("{name} was increased {ran} times: {ok} ok, {unknown} unknown");
        found.add("2", line);
    }
    let entries = runs.iter().filter_map(|at| facts.entry(*at));
    let lost = entries.filter(|entry| entry.lost).count();
    let lost = i64::try_from(lost).unwrap_or(i64::MAX);
    let Some(Ok(Some(end))) = history.ends.get(name) else {
        return;
    };
    // What a lost write was followed by may hold it all the same, or may not.
    if lost == 0 && end.parse() != Ok(base + ran) {
        let line = format!("{name} is {end}, and should be {}", base + ran);
        found.add("3", line);
    }
}

/// An acknowledged entry of a log is there unless a failover dropped it.
fn kept(history: &History, facts: &Facts<'_>, found: &mut Found) {
    let ends: BTreeMap<&str, Vec<&str>> = history
        .ends
        .iter()
        .filter_map(|(key, end)| {
            let end = end.as_ref().ok()?.as_deref().unwrap_or_default();
            Some((key.as_str(), tokens_in(end)))
        })
        .collect();
    for operation in &history.operations {
        let (Command::Append(key), Outcome::Ok(_)) = (operation.command, &operation.outcome) else {
            continue;
        };
        let (name, token) = (key.name(), operation.token());
        let Some(end) = ends.get(name.as_str()) else {
            continue;
        };
        if !end.contains(&token.as_str()) && !facts.is_lost(&token) {
            found.add(
                "3",
                format!("{token} was acknowledged, and {name} lacks it"),
            );
        }
    }
    for (name, end) in &ends {
        let mut seen = BTreeSet::new();
        for token in end.iter().filter(|token| token.starts_with('<')) {
            if !seen.insert(token) {
                found.add("2", format!("{name} has {token} twice"));
            }
        }
    }
}
