use tower::Layer;

use super::Spread;
use super::split::concerns;
use crate::cluster::Cluster;
use crate::request::Request;

/// Gives a command that one node of a cluster cannot answer to all that can, and
/// makes one outcome of theirs. It belongs above [`Chunk`](crate::chunk::Chunk):
/// below it the parts are commands like any other, each of which is redirected, sent
/// again and planned anew on its own.
///
/// - A command whose policy is `multi_shard` (MGET, MSET, DEL, UNLINK, EXISTS, TOUCH)
///   and whose keys are of several slots is split by slot. It is not atomic then: some
///   parts may have run and others not.
/// - One that is `all_shards` (DBSIZE, KEYS, FLUSHALL, FUNCTION LOAD …) is asked of
///   every primary, one that is `all_nodes` (CONFIG SET, SCRIPT LOAD …) also of the
///   replicas, those aside that the cluster counts as failed. [Nodes that serve no
///   slot](slotline_topology::Topology::slotless) are asked too, except for what only
///   reads keys.
///
/// The outcome is made as the command's response policy says: the sum, the least, the
/// first error, one array of all … Where the policy is `special` (INFO, MEMORY STATS,
/// LATENCY HISTORY …) it is a map from each node's address to what it answered;
/// RANDOMKEY's is any key. If a part fails, its failure is the command's, and names the
/// part's node. A command that is no read and of which some parts have run and others
/// have not is [ambiguous](slotline_resp::Delivery::Ambiguous), and
/// [partly done](crate::Error::is_partly_done).
///
/// A server that is no cluster answers everything itself, and in a transaction nothing
/// is spread: there such commands are refused.
///
/// Source: [command tips](https://redis.io/docs/latest/develop/reference/command-tips/).
#[derive(Debug, Clone)]
#[must_use]
pub struct SpreadLayer {
    cluster: Cluster,
}

impl SpreadLayer {
    /// Spreads over the nodes of `cluster`.
    pub fn new(cluster: Cluster) -> SpreadLayer {
        SpreadLayer { cluster }
    }

    /// Whether the layer has anything to do for a request, or
    /// [`LearnLayer`](crate::LearnLayer) may have: for whoever goes past both where
    /// they have not, since every layer moves the futures of those below it.
    #[must_use]
    #[inline]
    pub fn concerns(&self, request: &Request) -> bool {
        request.commands.may_spread() && self.may_concern(request)
    }

    fn may_concern(&self, request: &Request) -> bool {
        request.commands.iter().any(concerns)
            && !self.cluster.snapshot().topology().is_single_node()
    }
}

impl<S> Layer<S> for SpreadLayer {
    type Service = Spread<S>;

    fn layer(&self, inner: S) -> Spread<S> {
        Spread::new(inner, self.cluster.clone())
    }
}
