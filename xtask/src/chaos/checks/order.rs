//! 5: commands of one pipeline that share a key run in its order, and those of a
//! process in the order in which it sent them.

use super::effects::ends;
use super::{History, Verdict};
use crate::chaos::history::{Event, Found, Key, Sort, What};

pub(super) fn check(history: &History<'_>, verdict: &mut Verdict) {
    for (key, events) in &history.keys {
        match key.sort {
            Sort::Register => read_own_write(history, events, verdict),
            Sort::List => in_order(history, *key, verdict),
            Sort::Counter | Sort::Twins => {}
        }
    }
}

/// Behind the write in its pipeline a read finds just that: there is no other
/// writer.
fn read_own_write(history: &History<'_>, events: &[&Event], verdict: &mut Verdict) {
    let mut written: Option<(&Event, u32)> = None;
    for event in events {
        match (event.what, event.outcome.found()) {
            (What::Write(n), found) => written = found.map(|_| (*event, n)),
            (What::Read, Some(found)) => {
                let Some((write, n)) = written else {
                    continue;
                };
                // Between the two the owner may have changed and lost it.
                let (shard, at) = (event.key.shard, event.ended);
                let may_lose = history.episode.may_go_back(shard, write.ended, at);
                if write.pipeline != event.pipeline || may_lose {
                    continue;
                }
                verdict.checked(5, 1);
                let own = matches!(found, Found::Value { n: found, .. } if found == n);
                if !own {
                    let what = format!("a read behind the write of {n} in its pipeline");
                    verdict.violated(5, || history.tell(&what, event));
                }
            }
            _ => {}
        }
    }
}

/// One process appends ever higher numbers, and leaves the list once it does not
/// know what became of one.
fn in_order(history: &History<'_>, key: Key, verdict: &mut Verdict) {
    let mut before = None;
    for found in ends(history, key) {
        let Found::Value { n, .. } = found else {
            continue;
        };
        verdict.checked(5, 1);
        // An element that is there twice is a matter of effects.
        if before.is_some_and(|before| n < before) {
            verdict.violated(5, || {
                history.tell_key(&format!("element {n} stands behind {before:?}"), key)
            });
        }
        before = Some(n);
    }
}
