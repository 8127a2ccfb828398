//! Where random choices come from.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{Rng, RngExt, SeedableRng};

/// The thread's own generator, or one that repeats itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct Random(Option<Arc<Mutex<SmallRng>>>);

impl Random {
    pub(crate) fn seeded(seed: u64) -> Random {
        let generator = SmallRng::seed_from_u64(seed);
        Random(Some(Arc::new(Mutex::new(generator))))
    }

    /// Makes a choice.
    pub(crate) fn with<R>(&self, choose: impl FnOnce(&mut dyn Rng) -> R) -> R {
        match &self.0 {
            None => choose(&mut rand::rng()),
            Some(generator) => {
                let mut generator = generator.lock().unwrap_or_else(PoisonError::into_inner);
                choose(&mut *generator)
            }
        }
    }

    /// Up to a quarter more than `time`, never the same, so that many clients spread.
    pub(crate) fn somewhat_more(&self, time: Duration) -> Duration {
        time.mul_f64(self.with(|rng| rng.random_range(1.0..1.25)))
    }

    /// Up to a quarter less than `time`, for the same reason.
    pub(crate) fn somewhat_less(&self, time: Duration) -> Duration {
        time.mul_f64(self.with(|rng| rng.random_range(0.75..1.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_its_choices() {
        let choices = |seed| {
            let random = Random::seeded(seed);
            std::array::from_fn::<u64, 8, _>(|_| random.with(|rng| rng.random()))
        };
        assert_eq!(choices(1), choices(1));
        assert_ne!(choices(1), choices(2));
    }
}
