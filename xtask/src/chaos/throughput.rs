//! 10: what the healthy shards do while another one is away, by the side of a cluster
//! that nothing is done to, in the same moments.

use std::time::Duration;

use super::checks::Verdict;
use super::keyspace::{CONTROL, SHARDS};
use super::process::Sample;

/// What is compared: short enough for several in an outage.
const WINDOW: Duration = Duration::from_millis(250);
/// The least share of its throughput that a healthy shard keeps.
const LEAST: f64 = 0.95;
/// With fewer windows, or fewer pipelines in them, there is nothing to be said.
const WINDOWS: usize = 4;
const PIPELINES: u64 = 100;

/// A span of time since the run's start.
pub(super) type Span = (Duration, Duration);

/// What a shard kept of its throughput, measured against the control's.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kept {
    pub(super) shard: usize,
    /// Over the whole outage.
    pub(super) total: f64,
    /// The median of the windows.
    pub(super) median: f64,
}

/// Compares an outage with the calm before it, for all shards not in `hurt`.
pub(super) fn kept(samples: &[Sample], calm: Span, away: Span, hurt: &[usize]) -> Vec<Kept> {
    let count = |shard, span| count(samples, shard, span);
    let healthy = (0..SHARDS).filter(|shard| !hurt.contains(shard));
    let mut all = Vec::new();
    for shard in healthy {
        let before = ratio(count(shard, calm), count(CONTROL, calm));
        let mut each = Vec::new();
        let mut from = away.0;
        while from + WINDOW <= away.1 {
            let span = (from, from + WINDOW);
            each.push(ratio(count(shard, span), count(CONTROL, span)) / before);
            from += WINDOW;
        }
        let whole = (away.0, from);
        let enough = each.len() >= WINDOWS && count(CONTROL, whole) >= PIPELINES;
        if !enough || count(CONTROL, calm) < PIPELINES {
            continue;
        }
        each.sort_by(f64::total_cmp);
        let total = ratio(count(shard, whole), count(CONTROL, whole)) / before;
        let median = each.get(each.len() / 2).copied().unwrap_or_default();
        all.push(Kept {
            shard,
            total,
            median,
        });
    }
    all
}

pub(super) fn check(kept: &[Kept], verdict: &mut Verdict) {
    for kept in kept {
        verdict.checked(10, 1);
        if kept.total < LEAST || kept.median < LEAST {
            verdict.violated(10, || {
                let (total, median) = (100.0 * kept.total, 100.0 * kept.median);
                let shard = kept.shard;
                format!("healthy shard {shard} kept {total:.1} %, in the median {median:.1} %")
            });
        }
    }
}

fn count(samples: &[Sample], shard: usize, (from, to): Span) -> u64 {
    let within = |sample: &&Sample| {
        sample.shard == shard && sample.is_ok && sample.ended >= from && sample.ended < to
    };
    samples.iter().filter(within).count() as u64
}

fn ratio(of: u64, to: u64) -> f64 {
    of as f64 / (to as f64).max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALM: Span = (Duration::ZERO, Duration::from_secs(2));
    const AWAY: Span = (Duration::from_secs(2), Duration::from_secs(4));

    /// 1,000 pipelines a second for the control and for shards 0 and 1, of which
    /// shard 1 is `kept` in an outage of shard 2.
    fn samples(kept: impl Fn(u64) -> bool) -> Vec<Sample> {
        let mut samples = Vec::new();
        for milli in 0..4_000 {
            for shard in [0, 1, CONTROL] {
                samples.push(Sample {
                    shard,
                    ended: Duration::from_millis(milli),
                    is_ok: shard != 1 || milli < 2_000 || kept(milli),
                });
            }
        }
        samples
    }

    #[track_caller]
    fn check_of(samples: &[Sample], violated: u64) {
        let found = kept(samples, CALM, AWAY, &[2]);
        assert_eq!(found.len(), 2);
        let mut verdict = Verdict::default();
        check(&found, &mut verdict);
        assert_eq!(verdict.violations(), violated, "{found:?}");
    }

    #[test]
    fn a_healthy_shard_that_slows_down_is_found() {
        check_of(&samples(|_| true), 0);
        check_of(&samples(|milli| milli % 50 != 0), 0);
        check_of(&samples(|milli| milli % 10 != 0), 1);
        // A stall of half a second that the median does not show.
        check_of(&samples(|milli| milli >= 2_500), 1);
    }

    #[test]
    fn where_the_control_slows_down_too_it_was_the_machine() {
        let mut samples = samples(|milli| milli % 2 == 0);
        for sample in &mut samples {
            let outage = sample.ended >= AWAY.0 && sample.ended.as_millis() % 2 == 1;
            sample.is_ok &= !outage;
        }
        check_of(&samples, 0);
    }

    #[test]
    fn an_outage_too_short_says_nothing() {
        let short = (AWAY.0, AWAY.0 + 3 * WINDOW);
        assert!(kept(&samples(|_| true), CALM, short, &[2]).is_empty());
    }
}
