use tower::Layer;

use super::Route;
use crate::cluster::Cluster;

/// Splits a request by the nodes that serve its commands' slots, hands each its
/// part over one `Service<Part>`, and puts the outcomes together in order (O2).
/// What a slot is used for decides over the whole request which of its nodes it
/// goes to (O3).
///
/// The inner service's future must be `Unpin`, since several of them are awaited
/// at once without boxing any: a `service_fn` wraps its async block in `Box::pin`.
#[derive(Debug, Clone)]
#[must_use]
pub struct RouteLayer {
    cluster: Cluster,
    most_lag: Option<u64>,
}

impl RouteLayer {
    /// Routes by what `cluster` knows at the moment of each call.
    pub fn new(cluster: Cluster) -> RouteLayer {
        RouteLayer {
            cluster,
            most_lag: None,
        }
    }

    /// By how many bytes of its primary's stream of changes a replica may be behind
    /// and still be read from; without a bound by default.
    ///
    /// It is the difference of the offsets that the two have told of themselves, once
    /// a second with [`Refresh`](crate::Refresh): so the bound is that of one and a
    /// half seconds ago, and what was written since then comes on top. A replica of
    /// which nothing is known yet is read from. One that no longer answers keeps the
    /// offset that it told last; a primary that no longer answers does not get ahead
    /// of its replicas.
    pub fn most_lag(mut self, bytes: u64) -> RouteLayer {
        self.most_lag = Some(bytes);
        self
    }
}

impl<S> Layer<S> for RouteLayer {
    type Service = Route<S>;

    fn layer(&self, inner: S) -> Route<S> {
        Route::new(inner, self.cluster.clone(), self.most_lag)
    }
}
