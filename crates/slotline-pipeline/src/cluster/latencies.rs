//! How long nodes take to answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use rustc_hash::FxHashMap;
use slotline_topology::Endpoint;

/// A failed attempt counts as one that took this long.
const FAILED: Duration = Duration::from_secs(1);

/// How long nodes take to answer, as a mean in which the last answer counts for
/// an eighth.
#[derive(Debug, Default)]
pub(crate) struct Latencies(ArcSwap<FxHashMap<Endpoint, Arc<AtomicU64>>>);

impl Latencies {
    /// `None` until a first answer was measured.
    pub(crate) fn of(&self, node: &Endpoint) -> Option<Duration> {
        let nanos = self.0.load().get(node)?.load(Ordering::Relaxed);
        Some(Duration::from_nanos(nanos))
    }

    pub(crate) fn note(&self, node: &Endpoint, took: Option<Duration>) {
        let took = took.unwrap_or(FAILED).as_nanos();
        let took = u64::try_from(took).unwrap_or(u64::MAX);
        if let Some(mean) = self.0.load().get(node) {
            let moved = |old: u64| Some((old - old / 8).saturating_add(took / 8));
            let _always = mean.fetch_update(Ordering::Relaxed, Ordering::Relaxed, moved);
            return;
        }
        self.0.rcu(|known| {
            let mut known = FxHashMap::clone(known);
            known.insert(node.clone(), Arc::new(AtomicU64::new(took)));
            known
        });
    }

    /// Forgets nodes that are no longer there.
    pub(crate) fn keep(&self, is_there: impl Fn(&Endpoint) -> bool) {
        if self.0.load().keys().all(&is_there) {
            return;
        }
        self.0.rcu(|known| {
            let mut known = FxHashMap::clone(known);
            known.retain(|node, _| is_there(node));
            known
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_latency_follows_what_is_measured() {
        let latencies = Latencies::default();
        let node = Endpoint::new("node", 7000);
        let of = || latencies.of(&node);
        assert_eq!(of(), None);
        latencies.note(&node, Some(Duration::from_micros(800)));
        assert_eq!(of(), Some(Duration::from_micros(800)));
        for _ in 0..100 {
            latencies.note(&node, Some(Duration::from_micros(80)));
        }
        assert!(of().unwrap_or_default() < Duration::from_micros(90));
        latencies.note(&node, None);
        assert!(of().unwrap_or_default() > Duration::from_millis(100));
        latencies.note(&node, Some(Duration::MAX));
        latencies.note(&node, Some(Duration::MAX));
        latencies.keep(|_| false);
        assert_eq!(of(), None);
    }
}
