//! 6: a transaction has all of its effects or none, and nothing gets in between.

use super::{History, Verdict};
use crate::chaos::history::{Final, Found, Sort};

/// Twins are alike in every answer and in the end; how often they were increased is
/// counted with the effects, as of any counter.
pub(super) fn check(history: &History<'_>, verdict: &mut Verdict) {
    let twins = history.keys.iter();
    for (key, events) in twins.filter(|(key, _)| key.sort == Sort::Twins) {
        for event in events.iter().filter(|event| event.outcome.is_ok()) {
            verdict.checked(6, 1);
            if event.outcome.found() == Some(Found::Torn) {
                verdict.violated(6, || history.tell("a transaction was torn apart", event));
            }
        }
        let Some(end) = history.episode.finals.get(key) else {
            continue;
        };
        verdict.checked(6, 1);
        if *end == Final::One(Found::Torn) {
            verdict.violated(6, || history.tell_key("twins are not alike", *key));
        }
    }
}
