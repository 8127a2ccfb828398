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
    use proptest::prelude::*;

    use super::*;

    fn any_duration() -> impl Strategy<Value = Duration> {
        prop_oneof![
            Just(Duration::ZERO),
            Just(Duration::from_nanos(1)),
            Just(Duration::MAX),
            (any::<u64>(), 0..1_000_000_000_u32)
                .prop_map(|(secs, nanos)| Duration::new(secs, nanos)),
            (0..10_000_u64).prop_map(Duration::from_millis),
        ]
    }

    fn any_attempt() -> impl Strategy<Value = u32> {
        prop_oneof![0..70_u32, Just(u32::MAX), any::<u32>()]
    }

    proptest! {
        /// Fails when the doubling wraps or panics (attempt 32), and when `first`
        /// is not cut to `most`.
        #[test]
        fn no_setting_overflows_or_exceeds_its_ceiling(
            first in any_duration(),
            most in any_duration(),
            attempt in any_attempt(),
        ) {
            let wait = full_jitter(&Random::default(), first, most, attempt);
            prop_assert!(wait <= most);
            if attempt == 0 {
                prop_assert!(wait <= first);
            }
        }
    }

    #[test]
    fn the_ceiling_doubles_and_every_wait_below_it_comes() {
        let (first, most) = (Duration::from_millis(1), Duration::from_millis(100));
        for (attempt, ceiling) in [(0, 1), (1, 2), (5, 32), (7, 100), (99, 100)] {
            let random = Random::default();
            let waits = (0..1_000).map(|_| full_jitter(&random, first, most, attempt));
            let waits: Vec<Duration> = waits.collect();
            let ceiling = Duration::from_millis(ceiling);
            assert!(waits.iter().all(|wait| *wait <= ceiling), "{attempt}");
            assert!(waits.iter().any(|wait| *wait > ceiling / 2), "{attempt}");
            assert!(waits.iter().any(|wait| *wait < ceiling / 2), "{attempt}");
        }
    }
}
