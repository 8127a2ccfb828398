use std::fmt;
use std::sync::Arc;

use tower::Layer;

use super::Redirect;
use crate::cluster::Cluster;
use crate::node::Nodes;

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
    pub(super) way: Way,
}

/// What a redirect is followed by.
#[derive(Clone)]
pub(super) struct Way {
    pub(super) cluster: Cluster,
    pub(super) hops: u8,
    pub(super) nodes: Option<Arc<dyn Nodes + Send + Sync>>,
}

impl RedirectLayer {
    /// Follows redirects and tells `cluster` of them.
    pub fn new(cluster: Cluster) -> RedirectLayer {
        RedirectLayer {
            way: Way {
                cluster,
                hops: 16,
                nodes: None,
            },
        }
    }

    /// How often one command is redirected before its redirect surfaces; 16 by
    /// default.
    pub fn hops(mut self, hops: u8) -> RedirectLayer {
        self.way.hops = hops;
        self
    }

    /// Whom to tell that connections have to be replaced: a MOVED that a replica
    /// gives to a read on a connection for reads, and that names the primary this
    /// replica copies, means that the connection has lost its READONLY (S5). The
    /// read then goes again over another connection, once. Without this it is a
    /// MOVED like any other.
    pub fn nodes(mut self, nodes: impl Nodes + Send + Sync + 'static) -> RedirectLayer {
        self.way.nodes = Some(Arc::new(nodes));
        self
    }
}

impl<S> Layer<S> for RedirectLayer {
    type Service = Redirect<S>;

    fn layer(&self, inner: S) -> Redirect<S> {
        Redirect::new(inner, Arc::new(self.way.clone()))
    }
}

impl fmt::Debug for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Way")
            .field("hops", &self.hops)
            .finish_non_exhaustive()
    }
}
