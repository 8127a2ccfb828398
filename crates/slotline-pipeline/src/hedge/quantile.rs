//! How long the slower reads take.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

/// Four buckets for each power of two of nanoseconds.
const BUCKETS: usize = 4 * 64;
/// Older reads count for less: at so many, all counts are halved.
const REMEMBERED: u32 = 4_096;
/// Looking through all buckets is not for every read.
const EVERY: u32 = 32;

/// One quantile of how long reads take, of the last few thousand of them.
#[derive(Debug)]
pub(super) struct Quantile {
    share: f64,
    /// Below so many reads nothing is known.
    least: u32,
    buckets: Box<[AtomicU32]>,
    count: AtomicU32,
    /// In nanoseconds; 0 as long as nothing is known.
    value: AtomicU64,
}

impl Quantile {
    pub(super) fn new(share: f64, least: u32) -> Quantile {
        Quantile {
            share: share.clamp(0.0, 1.0),
            least,
            buckets: (0..BUCKETS).map(|_| AtomicU32::new(0)).collect(),
            count: AtomicU32::new(0),
            value: AtomicU64::new(0),
        }
    }

    /// `None` as long as too few reads were seen.
    pub(super) fn value(&self) -> Option<Duration> {
        let nanos = self.value.load(Ordering::Relaxed);
        (nanos > 0).then(|| Duration::from_nanos(nanos))
    }

    pub(super) fn note(&self, took: Duration) {
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        if let Some(bucket) = self.buckets.get(bucket_of(nanos)) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        let count = self.count.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        if count >= self.least && (count.is_multiple_of(EVERY) || count == self.least) {
            self.look();
        }
    }

    /// Several threads may do so at once; each comes to nearly the same.
    fn look(&self) {
        let counts = || {
            self.buckets
                .iter()
                .map(|bucket| bucket.load(Ordering::Relaxed))
        };
        let all: u64 = counts().map(u64::from).sum();
        let wanted = (all as f64 * self.share).ceil() as u64;
        let mut seen = 0;
        let found = counts().position(|count| {
            seen += u64::from(count);
            seen >= wanted.max(1)
        });
        if let Some(bucket) = found {
            self.value.store(end_of(bucket), Ordering::Relaxed);
        }
        if all >= u64::from(REMEMBERED) {
            for bucket in &self.buckets {
                let half = bucket.load(Ordering::Relaxed) / 2;
                bucket.fetch_sub(half, Ordering::Relaxed);
            }
        }
    }
}

fn bucket_of(nanos: u64) -> usize {
    let nanos = nanos.max(4);
    let power = nanos.ilog2();
    let quarter = (nanos >> (power - 2)) & 3;
    (4 * power) as usize + quarter as usize
}

/// The longest time of a bucket.
fn end_of(bucket: usize) -> u64 {
    let (power, quarter) = ((bucket / 4) as u32, (bucket % 4) as u64);
    let quarters = 4_u128 + u128::from(quarter) + 1;
    let end = (quarters << power) / 4;
    u64::try_from(end).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_no_wider_than_a_quarter_of_what_it_holds() {
        for nanos in [4, 5, 7, 8, 1_000, 123_456, u64::MAX / 3, u64::MAX] {
            let end = end_of(bucket_of(nanos));
            assert!(end >= nanos && end / 5 * 4 <= nanos, "{nanos}: {end}");
        }
        assert!(bucket_of(u64::MAX) < BUCKETS);
    }

    #[test]
    fn nineteen_of_twenty_reads_are_faster() {
        let quantile = Quantile::new(0.95, 100);
        let read = |micros| quantile.note(Duration::from_micros(micros));
        (0..99).for_each(|_| read(100));
        assert_eq!(quantile.value(), None, "too few");
        (0..1_000).for_each(|n| read(if n % 25 == 0 { 9_000 } else { 100 }));
        let value = quantile.value().unwrap_or_default().as_micros();
        assert!((100..130).contains(&value), "{value}");
        // What was long ago is forgotten.
        (0..30_000).for_each(|_| read(1_000));
        let value = quantile.value().unwrap_or_default().as_micros();
        assert!((1_000..1_300).contains(&value), "{value}");
    }
}
