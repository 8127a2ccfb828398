//! How long to wait before the next dial.

use std::time::Duration;

use rand::RngExt;

const LEAST: Duration = Duration::from_millis(10);
const MOST: Duration = Duration::from_secs(1);

/// The bound that doubles with every failure in a row.
fn ceiling(failures: u32) -> Duration {
    LEAST
        .saturating_mul(1u32.checked_shl(failures.min(31)).unwrap_or(u32::MAX))
        .min(MOST)
}

/// Full jitter: anything up to the bound, so that clients that lost the same
/// server at the same moment do not come back at the same moment (E5).
pub(crate) fn pause(failures: u32) -> Duration {
    let most = ceiling(failures);
    most.mul_f64(rand::rng().random_range(0.0..=1.0)).min(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_stays_within_its_bounds() {
        assert_eq!(ceiling(0), LEAST);
        for failures in [0, 1, 2, 5, 6, 7, 8, 30, 31, 32, 33, 1000, u32::MAX] {
            assert!((LEAST..=MOST).contains(&ceiling(failures)), "{failures}");
            assert!(pause(failures) <= ceiling(failures), "{failures}");
        }
        assert_eq!(ceiling(u32::MAX), MOST);
    }
}
