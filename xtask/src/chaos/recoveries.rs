//! 9, its first half: the first success in each slot comes soon after its owner's
//! change.

use std::time::Duration;

use super::acts::Deed;
use super::checks::Verdict;
use super::history::Episode;

/// From the new owner's first write, seen by a probe, to the first success in the
/// last of its slots.
const SOON: Duration = Duration::from_secs(1);

/// The runtime's own lateness aside.
pub(super) fn check(deed: &Deed, episode: &Episode, verdict: &mut Verdict) {
    let Some(recovery) = &deed.recovery else {
        return;
    };
    verdict.checked(9, recovery.slots as u64);
    let end = recovery.accepted + recovery.time();
    let late = episode.lateness(recovery.accepted, end);
    if recovery.time() > SOON + late {
        verdict.violated(9, || {
            format!(
                "{} of shard {}: {:.3} s until the last of {} slots was served, the runtime \
                 {late:?} late",
                deed.nemesis.name(),
                deed.shard,
                recovery.time().as_secs_f64(),
                recovery.slots
            )
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chaos::history::Late;
    use crate::chaos::nemesis::Nemesis;
    use crate::outages::Recovery;

    #[test]
    fn a_recovery_that_takes_long_is_found_unless_the_runtime_was_late_itself() {
        let at = Duration::from_millis;
        let violations = |written, late| {
            let deed = Deed {
                nemesis: Nemesis::Kill,
                shard: 0,
                proof: String::new(),
                window: None,
                away: None,
                recovery: Some(Recovery {
                    accepted: at(5_000),
                    written: at(written),
                    read: at(5_100),
                    slots: 5_461,
                }),
                healed: at(9_000),
            };
            let mut episode = Episode::default();
            episode.late.push(Late {
                due: at(5_500),
                by: at(late),
            });
            let mut verdict = Verdict::default();
            check(&deed, &episode, &mut verdict);
            verdict.violations()
        };
        assert_eq!(violations(6_000, 0), 0);
        assert_eq!(violations(6_001, 0), 1);
        assert_eq!(violations(6_100, 100), 0);
        // The probe had not noticed yet that somebody takes writes.
        assert_eq!(violations(4_990, 0), 0);
    }
}
