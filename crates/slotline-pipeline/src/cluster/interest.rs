//! Who wants to know what of nodes: nobody is asked for what no read depends on.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use tokio::sync::Notify;

/// What somebody wants to know of nodes beside their slots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wanted(u8);

impl Wanted {
    /// Reads that go to primaries depend on nothing.
    pub(crate) const NOTHING: Wanted = Wanted(0);
    /// Whether replicas are connected to their primaries.
    pub(crate) const LINKS: Wanted = Wanted(1);
    /// How far they have come, too.
    pub(crate) const LAG: Wanted = Wanted(1 | 2);
    /// Where nodes stand, too.
    pub(crate) const ZONES: Wanted = Wanted(1 | 4);

    pub(crate) const fn and(self, other: Wanted) -> Wanted {
        Wanted(self.0 | other.0)
    }

    pub(crate) const fn has(self, other: Wanted) -> bool {
        self.0 & other.0 == other.0
    }
}

/// What has been wanted so far. It only grows.
#[derive(Debug, Default)]
pub(crate) struct Interest {
    wanted: AtomicU8,
    grown: Notify,
    /// Nodes do not say how far they have come: refreshes have to tell.
    is_left_to_refreshes: AtomicBool,
}

impl Interest {
    /// Takes note of what a read depends on; whether that is new. Mostly it is
    /// not, and then this is one relaxed load.
    pub(crate) fn note(&self, wanted: Wanted) -> bool {
        if self.get().has(wanted) {
            return false;
        }
        self.wanted.fetch_or(wanted.0, Ordering::Relaxed);
        self.grown.notify_one();
        true
    }

    pub(crate) fn get(&self) -> Wanted {
        Wanted(self.wanted.load(Ordering::Relaxed))
    }

    /// Waits until more is wanted than when this last returned.
    pub(crate) async fn grown(&self) {
        self.grown.notified().await;
    }

    pub(crate) fn leave_to_refreshes(&self, is_left: bool) {
        self.is_left_to_refreshes.store(is_left, Ordering::Relaxed);
    }

    pub(crate) fn is_left_to_refreshes(&self) -> bool {
        self.is_left_to_refreshes.load(Ordering::Relaxed)
    }
}
