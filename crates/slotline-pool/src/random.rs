//! Where random choices come from.

use std::sync::{Arc, Mutex, PoisonError};

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

/// The thread's own generator, or one that repeats itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct Random(Option<Arc<Mutex<SmallRng>>>);

impl Random {
    pub(crate) fn seeded(seed: u64) -> Random {
        let generator = SmallRng::seed_from_u64(seed);
        Random(Some(Arc::new(Mutex::new(generator))))
    }

    /// A number from 0 to 1.
    pub(crate) fn share(&self) -> f64 {
        match &self.0 {
            None => rand::rng().random_range(0.0..=1.0),
            Some(generator) => {
                let mut generator = generator.lock().unwrap_or_else(PoisonError::into_inner);
                generator.random_range(0.0..=1.0)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_its_choices() {
        let choices = |seed| {
            let random = Random::seeded(seed);
            std::array::from_fn::<f64, 8, _>(|_| random.share())
        };
        assert_eq!(choices(1), choices(1));
        assert_ne!(choices(1), choices(2));
        assert!(choices(3).iter().all(|share| (0.0..=1.0).contains(share)));
    }
}
