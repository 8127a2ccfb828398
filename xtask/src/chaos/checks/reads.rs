//! 9, for reads from replicas: while the cluster is hurt they may fail for want of a
//! node or of time, and for nothing else; before and afterwards they do not fail.

use super::{History, Verdict};

pub(super) fn check(history: &History<'_>, verdict: &mut Verdict) {
    let episode = history.episode;
    for failed in &episode.failed_reads {
        verdict.checked(9, 1);
        let is_hurt = episode.hurt_from.is_none_or(|hurt| failed.ended >= hurt)
            && episode.calm_from.is_none_or(|calm| failed.invoked < calm);
        // Whatever was in its way then was so until its deadline.
        let is_late = failed.ended >= failed.invoked + episode.timeout;
        if !is_hurt || !(failed.is_for_want || is_late) {
            verdict.violated(9, || {
                format!(
                    "{:.4}-{:.4} s a read from a replica, {}: {}",
                    failed.invoked.as_secs_f64(),
                    failed.ended.as_secs_f64(),
                    if is_hurt {
                        "neither for want of a node nor of time"
                    } else {
                        "when all was well"
                    },
                    failed.error,
                )
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::chaos::checks::judge;
    use crate::chaos::history::{Episode, FailedRead};

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// A cluster that is hurt from 10 to 20 s, and a read that failed.
    fn check(from: u64, to: u64, is_for_want: bool, expected: u64) {
        let episode = Episode {
            hurt_from: Some(seconds(10)),
            calm_from: Some(seconds(20)),
            timeout: seconds(3),
            failed_reads: vec![FailedRead {
                invoked: seconds(from),
                ended: seconds(to),
                is_for_want,
                error: String::new(),
            }],
            ..Episode::default()
        };
        let found = judge(&episode).violations();
        assert_eq!(found, expected, "{from}-{to} {is_for_want}");
    }

    #[test]
    fn a_failed_read_is_excused_while_the_cluster_is_hurt_and_for_want_only() {
        for is_for_want in [true, false] {
            check(8, 9, is_for_want, 1);
            check(20, 21, is_for_want, 1);
            check(12, 15, is_for_want, 0);
        }
        check(9, 10, true, 0);
        check(11, 12, true, 0);
        check(19, 21, true, 0);
        check(11, 12, false, 1);
    }
}
