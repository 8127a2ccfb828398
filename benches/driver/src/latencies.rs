//! How long single operations took.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;

/// A histogram that all tasks share. Recording allocates nothing.
#[derive(Clone, Debug)]
pub struct Latencies(Arc<Mutex<Histogram<u64>>>);

impl Default for Latencies {
    fn default() -> Self {
        let longest = Duration::from_secs(60).as_nanos() as u64;
        let histogram = Histogram::new_with_bounds(1, longest, 3).expect("bounds");
        Self(Arc::new(Mutex::new(histogram)))
    }
}

impl Latencies {
    /// An operation took that long.
    pub fn record(&self, took: Duration) {
        let mut histogram = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        histogram.saturating_record(took.as_nanos() as u64);
    }

    /// Nanoseconds that `share` of them took at most; `None` of none.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Option<u64> {
        let histogram = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (!histogram.is_empty()).then(|| histogram.value_at_quantile(share))
    }
}
