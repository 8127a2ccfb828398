//! 7: every future resolves by its deadline and 100 ms, the runtime's own lateness
//! aside. 9, its second half: no errors are left once the cluster has been well
//! for a while.

use std::time::Duration;

use super::{History, Verdict};

/// How much later than its deadline an outcome may be there.
const GRACE: Duration = Duration::from_millis(100);

pub(super) fn check(history: &History<'_>, verdict: &mut Verdict) {
    let episode = history.episode;
    for event in history.keys.values().flatten() {
        verdict.checked(7, 1);
        let deadline = event.invoked + episode.timeout;
        if event.ended > deadline + GRACE {
            let excuse = episode.lateness(deadline, event.ended);
            if event.ended > deadline + GRACE + excuse {
                let late = event.ended - deadline;
                let what = format!("{late:?} after its deadline, the runtime {excuse:?} late");
                verdict.violated(7, || history.tell(&what, event));
            }
        }
        if episode.calm_from.is_some_and(|calm| event.invoked >= calm) {
            verdict.checked(9, 1);
            if event.outcome.is_error() {
                verdict.violated(9, || history.tell("an error when all was well", event));
            }
        }
    }
    for _ in 0..episode.hanging {
        verdict.violated(7, || "a future did not resolve".to_owned());
    }
}
