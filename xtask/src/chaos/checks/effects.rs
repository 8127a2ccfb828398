//! 2: what was not sent or was rejected has no effect, and nothing has it twice.

use std::collections::BTreeSet;

use super::{History, Verdict};
use crate::chaos::history::{Event, Final, Found, Key, Outcome, Sort, What};

pub(super) fn check(history: &History<'_>, verdict: &mut Verdict) {
    for (key, events) in &history.keys {
        match key.sort {
            Sort::Counter | Sort::Twins => counter(history, *key, events, verdict),
            Sort::Register => values(history, *key, events, verdict),
            Sort::List => {
                values(history, *key, events, verdict);
                twice(history, *key, verdict);
            }
        }
    }
}

/// ok ≤ final ≤ ok + unknown; the lower bound where nothing may be lost.
fn counter(history: &History<'_>, key: Key, events: &[&Event], verdict: &mut Verdict) {
    let increments = events.iter().filter(|event| event.what == What::Increment);
    let (mut ok, mut unknown) = (0, 0);
    let mut seen = BTreeSet::new();
    for event in increments {
        match event.outcome {
            Outcome::Ok(Found::Number(value)) => {
                ok += 1;
                if !seen.insert(value) && !history.episode.is_lossy(key.shard) {
                    verdict.violated(2, || history.tell("two increments to one value", event));
                }
            }
            Outcome::Ok(_) => ok += 1,
            Outcome::Info(_) => unknown += 1,
            Outcome::Fail => {}
        }
    }
    let Some(found) = history.episode.finals.get(&key) else {
        return;
    };
    if *found == Final::One(Found::Torn) {
        // There is no one number to count by.
        return;
    }
    verdict.checked(2, 1);
    let applied = match found {
        Final::One(Found::Number(value)) => key.increments(*value),
        _ => None,
    };
    let Some(applied) = applied else {
        // It was replicated before anything was done to the cluster.
        verdict.violated(2, || {
            history.tell_key(&format!("a counter holds {found:?}"), key)
        });
        return;
    };
    let too_low = applied < ok && !history.episode.is_lossy(key.shard);
    if too_low || applied > ok + unknown {
        let what = format!("increased {applied} times, {ok} acknowledged, {unknown} unknown");
        verdict.violated(2, || history.tell_key(&what, key));
    }
}

/// No value was ever seen whose write had no effect, or that nobody wrote.
fn values(history: &History<'_>, key: Key, events: &[&Event], verdict: &mut Verdict) {
    let mut effective = BTreeSet::new();
    for event in events {
        if let What::Write(n) | What::Append(n) = event.what {
            verdict.checked(2, 1);
            if event.outcome != Outcome::Fail {
                effective.insert(n);
            }
        }
    }
    for event in events {
        if let Some(Found::Value { key: of, n }) = event.outcome.found()
            && of == key.number
            && !effective.contains(&n)
        {
            verdict.violated(2, || history.tell("a write without effect was seen", event));
        }
    }
    for found in ends(history, key) {
        if let Found::Value { key: of, n } = found
            && (of != key.number || !effective.contains(&n))
        {
            let what = format!("{found:?}, whose write had no effect, is there in the end");
            verdict.violated(2, || history.tell_key(&what, key));
        }
    }
}

fn twice(history: &History<'_>, key: Key, verdict: &mut Verdict) {
    let mut seen = BTreeSet::new();
    for found in ends(history, key) {
        if let Found::Value { n, .. } = found
            && !seen.insert(n)
        {
            verdict.violated(2, || {
                history.tell_key(&format!("element {n} is there twice"), key)
            });
        }
    }
}

/// Everything that the key holds in the end.
pub(super) fn ends(history: &History<'_>, key: Key) -> Vec<Found> {
    match history.episode.finals.get(&key) {
        Some(Final::One(found)) => vec![*found],
        Some(Final::List(all)) => all.clone(),
        None => Vec::new(),
    }
}
