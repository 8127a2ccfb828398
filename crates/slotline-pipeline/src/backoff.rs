//! How long to wait before trying again.

use std::time::Duration;

use rand::RngExt;

use crate::random::Random;

/// Full jitter: between nothing and a ceiling that doubles from `first` with
/// every attempt, up to `most`. No setting overflows.
pub(crate) fn full_jitter(
    random: &Random,
    first: Duration,
    most: Duration,
    attempt: u32,
) -> Duration {
    let ceiling = first.saturating_mul(2u32.saturating_pow(attempt)).min(most);
    let nanos = u64::try_from(ceiling.as_nanos()).unwrap_or(u64::MAX);
    Duration::from_nanos(random.with(|rng| rng.random_range(0..=nanos)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_setting_overflows_or_exceeds_its_ceiling() {
        for first in [Duration::ZERO, Duration::from_millis(5), Duration::MAX] {
            for most in [Duration::ZERO, Duration::from_millis(200), Duration::MAX] {
                for attempt in [0, 1, 31, 32, u32::MAX] {
                    assert!(full_jitter(&Random::default(), first, most, attempt) <= most);
                }
            }
        }
    }
}
