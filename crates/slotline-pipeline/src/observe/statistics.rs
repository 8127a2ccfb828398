use std::sync::atomic::{AtomicU64, Ordering};

/// What the layers of a client have done so far that a request going well has no
/// part in. Counts are of commands where nothing else is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Statistics {
    /// Sent on because of a MOVED.
    pub moved: u64,
    /// Sent on because of an ASK.
    pub asked: u64,
    /// Made to wait, because a server said TRYAGAIN, CLUSTERDOWN, LOADING,
    /// MASTERDOWN, READONLY or UNBLOCKED.
    pub waited: u64,
    /// Connections that were replaced because an answer showed that they had lost
    /// their state (S5).
    pub sessions_lost: u64,
    /// Refreshes of the topology that were begun.
    pub refreshes: u64,
    /// Times that the heirs of an owner were asked which could not be reached.
    pub probes: u64,
    /// Times that nodes were asked how they are themselves, for reads from replicas.
    pub surveys: u64,
}

/// The counters behind [`Statistics`].
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) moved: Counter,
    pub(crate) asked: Counter,
    pub(crate) waited: Counter,
    pub(crate) refreshes: Counter,
    pub(crate) probes: Counter,
    pub(crate) surveys: Counter,
}

#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn count(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
