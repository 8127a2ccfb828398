//! 3: an acknowledged write disappears only where a window excuses it; one whose
//! replication was confirmed never does. 4: reads of one key by one process never
//! go back outside windows.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::effects::ends;
use super::{History, Verdict};
use crate::chaos::history::{Event, Found, Key, Sort, What};

pub(super) fn check(history: &History<'_>, verdict: &mut Verdict) {
    for (key, events) in &history.keys {
        match key.sort {
            Sort::Register => register(history, *key, events, verdict),
            Sort::List => list(history, *key, events, verdict),
            // Counted with the effects.
            Sort::Counter | Sort::Twins => {}
        }
        never_back(history, *key, events, verdict);
    }
    for write in &history.episode.confirmed {
        verdict.checked(3, 1);
        if !write.is_there {
            verdict.violated(3, || {
                let at = write.at.as_secs_f64();
                let (key, shard) = (&write.key, write.shard);
                format!("{key} of shard {shard}, confirmed by WAIT at {at:.4} s, is gone")
            });
        }
    }
}

/// The last value in the end is no older than the last that was acknowledged.
fn register(history: &History<'_>, key: Key, events: &[&Event], verdict: &mut Verdict) {
    let acknowledged = events.iter().filter_map(|event| match event.what {
        What::Write(n) if event.outcome.is_ok() => Some((n, *event)),
        _ => None,
    });
    let lasting = acknowledged.filter(|(_, event)| !excused(history, event));
    let Some((newest, event)) = lasting.max_by_key(|(n, _)| *n) else {
        return;
    };
    let Some(end) = ends(history, key).first().copied() else {
        return;
    };
    verdict.checked(3, 1);
    let is_there = matches!(end, Found::Value { n, .. } if n >= newest);
    if !is_there {
        let what = format!("an acknowledged write is gone, {end:?} is there");
        verdict.violated(3, || history.tell(&what, event));
    }
}

/// Every element that was acknowledged is there.
fn list(history: &History<'_>, key: Key, events: &[&Event], verdict: &mut Verdict) {
    if !history.episode.finals.contains_key(&key) {
        return;
    }
    let there: BTreeSet<u32> = ends(history, key)
        .into_iter()
        .filter_map(|found| match found {
            Found::Value { n, .. } => Some(n),
            _ => None,
        })
        .collect();
    for event in events {
        let What::Append(n) = event.what else {
            continue;
        };
        if !event.outcome.is_ok() || excused(history, event) {
            continue;
        }
        verdict.checked(3, 1);
        if !there.contains(&n) {
            verdict.violated(3, || history.tell("an acknowledged element is gone", event));
        }
    }
}

fn excused(history: &History<'_>, event: &Event) -> bool {
    history.episode.may_lose(event.key.shard, event.ended)
}

fn never_back(history: &History<'_>, key: Key, events: &[&Event], verdict: &mut Verdict) {
    let mut newest: BTreeMap<u32, (i64, Duration)> = BTreeMap::new();
    for event in events {
        let seen = match (event.what, event.outcome.found()) {
            // A write tells what was there before it.
            (What::Read | What::Write(_), Some(Found::Value { n, .. })) => i64::from(n),
            (What::Read | What::Increment, Some(Found::Number(value))) => value,
            // Nothing where there may have been something.
            (What::Read | What::Write(_), Some(Found::Nothing)) => -1,
            _ => continue,
        };
        let before = newest.insert(event.process, (seen, event.ended));
        let Some((before, at)) = before else {
            continue;
        };
        if history.episode.may_go_back(key.shard, at, event.ended) {
            continue;
        }
        verdict.checked(4, 1);
        if seen < before {
            verdict.violated(4, || history.tell("a read went back", event));
        }
    }
}
