use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use slotline::{Delivery, Error};

/// What was reported of the increments of one counter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// So many were answered with a number.
    pub ok: i64,
    /// So many may have run.
    pub ambiguous: i64,
    /// So many did not run, says the client.
    pub failed: i64,
}

/// The tallies of many counters, kept by many tasks.
#[derive(Debug, Default)]
pub struct Counters {
    by_key: Mutex<BTreeMap<String, Tally>>,
    errors: Mutex<Vec<String>>,
}

impl Counters {
    /// Takes down the outcome of an INCR.
    pub fn note(&self, key: &str, outcome: Result<i64, Error>) {
        let mut by_key = self.by_key.lock().unwrap_or_else(PoisonError::into_inner);
        let tally = by_key.entry(key.to_owned()).or_default();
        match outcome {
            Ok(_) => tally.ok += 1,
            Err(error) => {
                match error.delivery() {
                    Delivery::Ambiguous => tally.ambiguous += 1,
                    _ => tally.failed += 1,
                }
                let mut errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
                errors.push(error.to_string());
            }
        }
    }

    /// The tally of each counter.
    pub fn all(&self) -> BTreeMap<String, Tally> {
        let by_key = self.by_key.lock();
        by_key.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// All of them together.
    pub fn total(&self) -> Tally {
        let mut total = Tally::default();
        for tally in self.all().values() {
            total.ok += tally.ok;
            total.ambiguous += tally.ambiguous;
            total.failed += tally.failed;
        }
        total
    }

    /// What the errors said.
    pub fn errors(&self) -> Vec<String> {
        let errors = self.errors.lock();
        errors.unwrap_or_else(PoisonError::into_inner).clone()
    }
}
