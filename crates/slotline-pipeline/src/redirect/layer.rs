use tower::Layer;

use super::Redirect;
use crate::cluster::Cluster;

/// Follows redirects, and waits out what is temporary: MOVED, ASK, TRYAGAIN,
/// CLUSTERDOWN, LOADING, MASTERDOWN, READONLY. Each command goes again on its
/// own, never the batch (D3), and never past a later one for the same key that
/// has run (O1).
///
/// Source: [cluster specification](https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/),
/// "Redirection and resharding".
#[derive(Debug, Clone)]
#[must_use]
pub struct RedirectLayer {
    cluster: Cluster,
    hops: u8,
}

impl RedirectLayer {
    /// Follows redirects and tells `cluster` of them.
    pub fn new(cluster: Cluster) -> RedirectLayer {
        RedirectLayer { cluster, hops: 16 }
    }

    /// How often one command is redirected before its redirect surfaces; 16 by
    /// default.
    pub fn hops(mut self, hops: u8) -> RedirectLayer {
        self.hops = hops;
        self
    }
}

impl<S> Layer<S> for RedirectLayer {
    type Service = Redirect<S>;

    fn layer(&self, inner: S) -> Redirect<S> {
        Redirect::new(inner, self.cluster.clone(), self.hops)
    }
}
