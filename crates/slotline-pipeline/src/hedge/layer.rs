use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tower::Layer;

use super::quantile::Quantile;
use super::service::Hedge;
use crate::cluster::Cluster;
use crate::retry::RetryBudget;

/// Asks a second replica when the first has not answered a read within the time
/// that nineteen of twenty reads take; the first whole answer counts. For between
/// [`RouteLayer`](crate::RouteLayer) and the nodes.
///
/// It concerns reads from replicas, of at most 32 commands. A second question is
/// paid from a budget, so that replicas that are slow because they are loaded are
/// not loaded more; it counts only if it was answered without an error, so a
/// redirect is always that of the node which was asked first. A read that is
/// watched so costs one allocation.
#[derive(Debug, Clone)]
#[must_use]
pub struct HedgeLayer {
    /// `None` hedges nothing.
    shared: Option<Arc<Shared>>,
    most_lag: Option<u64>,
}

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) cluster: Cluster,
    pub(super) quantile: Quantile,
    pub(super) least_wait: Duration,
    pub(super) budget: RetryBudget,
    pub(super) reads: AtomicU64,
    pub(super) won: AtomicU64,
}

/// What hedging has done so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct HedgeStatistics {
    /// Reads that could have been hedged.
    pub reads: u64,
    /// Those for which a second replica was asked: what hedging costs.
    pub hedged: u64,
    /// Those whose second answer came first: what it gains.
    pub won: u64,
    /// Those that were slow enough, but for which there was no budget.
    pub refused: u64,
    /// After how long a second replica is asked now; `None` as long as too few
    /// reads were seen.
    pub wait: Option<Duration>,
}

impl HedgeStatistics {
    /// Which share of the reads was hedged, from 0 to 1.
    #[must_use]
    pub fn rate(&self) -> f64 {
        share(self.hedged, self.reads)
    }

    /// Which share of the hedged reads was answered by the second replica first,
    /// from 0 to 1.
    #[must_use]
    pub fn gain(&self) -> f64 {
        share(self.won, self.hedged)
    }
}

fn share(part: u64, of: u64) -> f64 {
    if of == 0 {
        0.0
    } else {
        part as f64 / of as f64
    }
}

impl HedgeLayer {
    /// Hedges at most one read in twenty, and ten a second beside that; nothing
    /// within a millisecond, and nothing before a hundred reads were seen.
    pub fn new(cluster: Cluster) -> HedgeLayer {
        HedgeLayer::with(
            cluster,
            0.95,
            Duration::from_millis(1),
            RetryBudget::new(0.05, 10, 100),
        )
    }

    /// Hedges what takes longer than the share `quantile` of reads, and than
    /// `least_wait`, as far as `budget` goes: every read puts something in.
    pub fn with(
        cluster: Cluster,
        quantile: f64,
        least_wait: Duration,
        budget: RetryBudget,
    ) -> HedgeLayer {
        HedgeLayer {
            shared: Some(Arc::new(Shared {
                cluster,
                quantile: Quantile::new(quantile, 100),
                least_wait,
                budget,
                reads: AtomicU64::new(0),
                won: AtomicU64::new(0),
            })),
            most_lag: None,
        }
    }

    /// By how many bytes of changes a replica may be behind its primary and still be
    /// asked, as with [`RouteLayer::most_lag`](crate::RouteLayer::most_lag).
    pub fn most_lag(mut self, bytes: u64) -> HedgeLayer {
        self.most_lag = Some(bytes);
        self
    }

    /// Hedges nothing, and costs nothing.
    pub fn off() -> HedgeLayer {
        HedgeLayer {
            shared: None,
            most_lag: None,
        }
    }

    /// What was done so far, over all services that this layer and its clones have
    /// made.
    #[must_use]
    pub fn statistics(&self) -> HedgeStatistics {
        let Some(shared) = &self.shared else {
            return HedgeStatistics::default();
        };
        HedgeStatistics {
            reads: shared.reads.load(Ordering::Relaxed),
            hedged: shared.budget.withdrawn(),
            won: shared.won.load(Ordering::Relaxed),
            refused: shared.budget.refused(),
            wait: shared.wait(),
        }
    }
}

impl Shared {
    /// After how long a second replica is asked.
    pub(super) fn wait(&self) -> Option<Duration> {
        Some(self.quantile.value()?.max(self.least_wait))
    }
}

impl<S> Layer<S> for HedgeLayer {
    type Service = Hedge<S>;

    fn layer(&self, inner: S) -> Hedge<S> {
        Hedge::new(inner, self.shared.clone(), self.most_lag)
    }
}
