//! How long to wait before the next dial.

use std::time::Duration;

use crate::config::LONGEST;
use crate::random::Random;

/// The bound of the pause after the first failure; it doubles with every failure
/// in a row, up to `most`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Backoff {
    least: Duration,
    most: Duration,
}

impl Default for Backoff {
    fn default() -> Backoff {
        Backoff::new(Duration::from_millis(10), Duration::from_secs(1))
    }
}

impl Backoff {
    /// Any two times make sense: none is less than a millisecond, since nothing
    /// doubled is nothing, and `most` no less than `least`.
    pub(crate) fn new(least: Duration, most: Duration) -> Backoff {
        let least = least.clamp(Duration::from_millis(1), LONGEST);
        Backoff {
            least,
            most: most.clamp(least, LONGEST),
        }
    }

    fn ceiling(self, failures: u32) -> Duration {
        let factor = 1u32.checked_shl(failures.min(31)).unwrap_or(u32::MAX);
        self.least.saturating_mul(factor).min(self.most)
    }

    /// Full jitter: anything up to the bound, so that clients that lost the same
    /// server at the same moment do not come back at the same moment (E5).
    pub(crate) fn pause(self, failures: u32, random: &Random) -> Duration {
        let most = self.ceiling(failures);
        most.mul_f64(random.share()).min(most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_stays_within_its_bounds() {
        let millis = Duration::from_millis;
        let times = [
            Duration::ZERO,
            Duration::from_nanos(1),
            millis(1),
            millis(10),
            millis(1000),
            Duration::from_secs(u64::MAX),
            Duration::MAX,
        ];
        for (least, most) in times
            .iter()
            .flat_map(|least| times.map(|most| (*least, most)))
        {
            let backoff = Backoff::new(least, most);
            assert_eq!(backoff.ceiling(0), backoff.least);
            let mut before = Duration::ZERO;
            for failures in [0, 1, 2, 5, 6, 7, 8, 30, 31, 32, 33, 1000, u32::MAX] {
                let ceiling = backoff.ceiling(failures);
                let shown = format!("{least:?} to {most:?}, {failures}: {ceiling:?}");
                assert!(ceiling >= millis(1) && ceiling >= before, "{shown}");
                assert!(ceiling <= most.max(least).max(millis(1)), "{shown}");
                assert!(
                    backoff.pause(failures, &Random::default()) <= ceiling,
                    "{shown}"
                );
                before = ceiling;
            }
        }
        let usual = Backoff::default();
        let bounds = [0, 1, 2, 6, 7, u32::MAX].map(|failures| usual.ceiling(failures));
        assert_eq!(bounds, [10, 20, 40, 640, 1000, 1000].map(millis));
    }
}
