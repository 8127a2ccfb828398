//! Nodes that say of themselves that they cannot speak for their cluster.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustc_hash::FxHashMap;
use slotline_topology::Endpoint;
use tokio::time::Instant;

/// How long its last word counts. Commands that wait for it ask it again sooner.
const COUNTS: Duration = Duration::from_millis(500);

/// When each node last answered CLUSTERDOWN.
#[derive(Debug, Default)]
pub(crate) struct Doubts(Mutex<FxHashMap<Endpoint, Instant>>);

impl Doubts {
    /// The node has just answered CLUSTERDOWN.
    pub(crate) fn note(&self, node: &Endpoint) {
        let now = Instant::now();
        let mut doubts = self.lock();
        if let Some(last) = doubts.get_mut(node) {
            *last = now;
            return;
        }
        doubts.retain(|_, last| now < *last + COUNTS);
        doubts.insert(node.clone(), now);
    }

    /// Whether it has done so of late.
    pub(crate) fn concern(&self, node: &Endpoint) -> bool {
        let doubts = self.lock();
        let last = doubts.get(node);
        last.is_some_and(|last| last.elapsed() < COUNTS)
    }

    fn lock(&self) -> MutexGuard<'_, FxHashMap<Endpoint, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
