//! 1: every reply carries its request's tag.

use super::{History, Verdict};
use crate::chaos::history::{Event, Found, Sort};

pub(super) fn check(history: &History<'_>, verdict: &mut Verdict) {
    for event in history.keys.values().flatten() {
        let Some(found) = event.outcome.found() else {
            continue;
        };
        verdict.checked(1, 1);
        if !belongs(event, found) {
            verdict.violated(1, || history.tell("a reply of somebody else's", event));
        }
    }
}

/// Whether such a reply can be that of such a command.
fn belongs(event: &Event, found: Found) -> bool {
    match (event.key.sort, found) {
        (Sort::Register, Found::Value { key, .. }) => key == event.key.number,
        // The first write of a register finds nothing there.
        (Sort::Register, Found::Nothing) => true,
        // They are looked at for themselves.
        (Sort::Twins, Found::Torn) => true,
        (Sort::Counter | Sort::Twins, Found::Number(value)) => {
            event.key.increments(value).is_some()
        }
        // An append is answered with the length of its list.
        (Sort::List, Found::Number(length)) => length > 0,
        _ => false,
    }
}
