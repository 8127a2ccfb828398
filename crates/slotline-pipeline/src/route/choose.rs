//! Which node of a shard a read goes to.

use slotline_topology::{Endpoint, NodeIndex, Shard};
use smallvec::SmallVec;

use super::read::{Candidate, ReadFrom};
use crate::cluster::{Facts, Latencies, Snapshot};

/// One read in so many goes to the node whose turn it is, however fast the others
/// are.
const EXPLORING: usize = 32;

/// What a choice rests on.
pub(super) struct Choice<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) latencies: &'a Latencies,
    pub(super) read_from: &'a ReadFrom,
    /// Nodes that have just failed.
    pub(super) avoid: &'a [Endpoint],
    pub(super) turn: usize,
    pub(super) most_lag: Option<u64>,
}

/// A node that a read goes to, and whether there is another that it could go to
/// instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Chosen {
    pub(super) node: NodeIndex,
    pub(super) has_other: bool,
}

impl<'a> Choice<'a> {
    /// Where reads of the shard go; `None` for its primary, as if nothing had been
    /// said.
    pub(super) fn in_shard(&self, shard: &Shard) -> Option<Chosen> {
        let chosen = match self.read_from {
            ReadFrom::Primary => return None,
            ReadFrom::PreferReplica => self.replica(shard.replicas(), Some(shard.primary())),
            ReadFrom::ReplicaOnly => {
                return self.replica(shard.replicas(), Some(shard.primary()));
            }
            ReadFrom::Nearest => self.nearest(&self.candidates(shard)),
            ReadFrom::Zone(zone) => self.in_zone(shard, zone),
            ReadFrom::Custom(policy) => {
                let nodes = self.candidates(shard);
                let candidates: SmallVec<[Candidate<'_>; 8]> = nodes
                    .iter()
                    .filter_map(|node| self.candidate(*node, shard))
                    .collect();
                let node = nodes.get(policy.choose(&candidates)?)?;
                return Some(Chosen {
                    node: *node,
                    has_other: nodes.len() > 1,
                });
            }
        };
        match chosen {
            Some(chosen) if chosen.has_other || chosen.node != shard.primary() => Some(chosen),
            alone => self.last_resort(shard).or(alone),
        }
    }

    /// The replica whose turn it is, those to avoid passed over; where only
    /// replicas may be read, one of those rather than none.
    pub(super) fn replica(
        &self,
        replicas: &[NodeIndex],
        primary: Option<NodeIndex>,
    ) -> Option<Chosen> {
        let only = *self.read_from == ReadFrom::ReplicaOnly;
        let find =
            |is: &dyn Fn(NodeIndex) -> bool| in_turn(replicas, self.turn).find(|node| is(*node));
        let there = |node| !self.is_avoided(node);
        let good = find(&|node| self.is_fit(node, primary) && there(node));
        let any = || {
            find(&|node| self.is_bearable(node, primary) && there(node))
                .or_else(|| find(&|node| self.is_bearable(node, primary)))
        };
        let node = good.or_else(|| any().filter(|_| only))?;
        Some(Chosen {
            node,
            has_other: !only || replicas.len() > 1,
        })
    }

    /// No replica is fit. If one could be borne, the primary is not waited for while
    /// it is away: as soon as a primary has failed, the links of its replicas are down.
    fn last_resort(&self, shard: &Shard) -> Option<Chosen> {
        let primary = shard.primary();
        let bearable =
            |node: &NodeIndex| self.is_bearable(*node, Some(primary)) && !self.is_avoided(*node);
        let replica = in_turn(shard.replicas(), self.turn).find(bearable)?;
        Some(Chosen {
            node: if self.is_avoided(primary) {
                replica
            } else {
                primary
            },
            has_other: true,
        })
    }

    fn in_zone(&self, shard: &Shard, zone: &str) -> Option<Chosen> {
        let primary = shard.primary();
        let stands_there = |node: &NodeIndex| {
            self.facts(*node).and_then(|facts| facts.zone.as_deref()) == Some(zone)
        };
        let good = |node: &NodeIndex| self.is_fit(*node, Some(primary)) && !self.is_avoided(*node);
        let replicas = || in_turn(shard.replicas(), self.turn).filter(|node| good(node));
        let local = replicas().find(|node| stands_there(node));
        let own = || Some(primary).filter(|node| stands_there(node) && good(node));
        let node = local.or_else(own).or_else(|| replicas().next())?;
        Some(Chosen {
            node,
            has_other: shard.nodes().any(|other| other != node && good(&other)),
        })
    }

    /// The fastest; those that have not been measured come first.
    fn nearest(&self, nodes: &[NodeIndex]) -> Option<Chosen> {
        let latency = |node: &NodeIndex| {
            let endpoint = self.snapshot.topology().endpoint(*node)?;
            self.latencies.of(endpoint)
        };
        let node = if self.turn.is_multiple_of(EXPLORING) {
            in_turn(nodes, self.turn / EXPLORING).next()
        } else {
            in_turn(nodes, self.turn).min_by_key(latency)
        };
        Some(Chosen {
            node: node?,
            has_other: nodes.len() > 1,
        })
    }

    /// The primary and the replicas that are fit, those to avoid passed over.
    fn candidates(&self, shard: &Shard) -> SmallVec<[NodeIndex; 8]> {
        let primary = Some(shard.primary());
        shard
            .nodes()
            .filter(|node| self.is_fit(*node, primary) && !self.is_avoided(*node))
            .collect()
    }

    fn candidate(&self, node: NodeIndex, shard: &Shard) -> Option<Candidate<'a>> {
        let known = self.snapshot.topology().node(node)?;
        let facts = self.facts(node);
        Some(Candidate {
            endpoint: known.endpoint(),
            role: known.role(),
            zone: facts.and_then(|facts| facts.zone.as_deref()),
            latency: self.latencies.of(known.endpoint()),
            lag: self.snapshot.lag(node, shard.primary()),
        })
    }

    /// Whether it can serve reads for all that is known. A primary always can.
    fn is_fit(&self, node: NodeIndex, primary: Option<NodeIndex>) -> bool {
        primary == Some(node) || self.snapshot.is_fit(node, primary, self.most_lag)
    }

    /// Whether it may serve reads where nobody better can: a bound of lag holds all
    /// the same.
    fn is_bearable(&self, node: NodeIndex, primary: Option<NodeIndex>) -> bool {
        !self.snapshot.lags(node, primary, self.most_lag)
    }

    fn facts(&self, node: NodeIndex) -> Option<&'a Facts> {
        self.snapshot.facts(node)
    }

    pub(super) fn is_avoided(&self, node: NodeIndex) -> bool {
        let endpoint = self.snapshot.topology().endpoint(node);
        endpoint.is_none_or(|endpoint| self.avoid.contains(endpoint))
    }
}

/// The nodes, beginning with the one whose turn it is.
pub(super) fn in_turn(nodes: &[NodeIndex], turn: usize) -> impl Iterator<Item = NodeIndex> {
    let start = turn % nodes.len().max(1);
    let in_turn = nodes.iter().cycle().skip(start).take(nodes.len());
    in_turn.copied()
}
