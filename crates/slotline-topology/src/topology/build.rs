//! Putting a topology together.

use std::ops::RangeInclusive;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::endpoint::Endpoint;
use crate::slot::Slot;
use crate::topology::{Details, Map, NOBODY, Node, NodeIndex, Role, Shard, Topology};

/// Collects nodes and shards, each once.
pub(crate) struct Builder {
    nodes: Vec<Node>,
    by_endpoint: FxHashMap<Endpoint, NodeIndex>,
    shards: Vec<Shard>,
    by_shard: FxHashMap<Shard, u16>,
    table: Box<[u16]>,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            nodes: Vec::new(),
            by_endpoint: FxHashMap::default(),
            shards: Vec::new(),
            by_shard: FxHashMap::default(),
            table: vec![NOBODY; usize::from(Slot::COUNT)].into(),
        }
    }
}

impl Builder {
    /// The node at an endpoint; `None` once there are more than indexes.
    pub(crate) fn node(
        &mut self,
        id: Option<Arc<str>>,
        endpoint: Endpoint,
        details: Option<Arc<Details>>,
    ) -> Option<NodeIndex> {
        if let Some(&index) = self.by_endpoint.get(&endpoint) {
            if let Some(node) = self.nodes.get_mut(index.index())
                && node.id.is_none()
            {
                node.id = id;
                node.details = Details::joined(&node.details, &details);
            }
            return Some(index);
        }
        let index = free_index(self.nodes.len()).map(NodeIndex)?;
        self.by_endpoint.insert(endpoint.clone(), index);
        self.nodes.push(Node {
            id,
            endpoint,
            role: Role::Replica,
            is_slotless: false,
            details,
        });
        Some(index)
    }

    /// Whether a node is at an endpoint.
    pub(crate) fn has(&self, endpoint: &Endpoint) -> bool {
        self.by_endpoint.contains_key(endpoint)
    }

    /// A node that serves no slot, unless one that is known already is at its
    /// endpoint.
    pub(crate) fn slotless(
        &mut self,
        id: Option<Arc<str>>,
        endpoint: Endpoint,
        details: Option<Arc<Details>>,
        role: Role,
    ) {
        if self.has(&endpoint) {
            return;
        }
        let index = self.node(id, endpoint, details);
        let node = index.and_then(|index| self.nodes.get_mut(index.index()));
        if let Some(node) = node {
            node.role = role;
            node.is_slotless = true;
        }
    }

    /// The shard of these nodes.
    pub(crate) fn shard(
        &mut self,
        primary: NodeIndex,
        mut replicas: Vec<NodeIndex>,
        epoch: Option<u64>,
    ) -> Option<u16> {
        replicas.retain(|&replica| replica != primary);
        replicas.sort_unstable();
        replicas.dedup();
        let shard = Shard {
            primary,
            replicas,
            epoch,
        };
        if let Some(&index) = self.by_shard.get(&shard) {
            return Some(index);
        }
        let index = free_index(self.shards.len())?;
        self.by_shard.insert(shard.clone(), index);
        self.shards.push(shard);
        Some(index)
    }

    /// Gives slots to a shard; numbers that are no slots are passed over.
    pub(crate) fn assign(&mut self, slots: RangeInclusive<u16>, shard: Option<u16>) {
        let end = (usize::from(*slots.end()) + 1).min(self.table.len());
        let places = self.table.get_mut(usize::from(*slots.start())..end);
        if let (Some(shard), Some(places)) = (shard, places) {
            places.fill(shard);
        }
    }

    pub(crate) fn build(mut self, single: bool) -> Topology {
        let mut used = vec![false; self.shards.len()];
        let mut covered = 0;
        for &shard in &self.table {
            if let Some(used) = used.get_mut(usize::from(shard)) {
                *used = true;
                covered += 1;
            }
        }
        for (shard, _) in self.shards.iter().zip(used).filter(|(_, used)| *used) {
            if let Some(node) = self.nodes.get_mut(shard.primary.index()) {
                node.role = Role::Primary;
            }
        }
        Topology(Arc::new(Map {
            nodes: self.nodes,
            shards: self.shards,
            table: self.table,
            by_endpoint: self.by_endpoint,
            covered,
            single,
        }))
    }
}

/// The index for the next of `taken`; the last one stands for nobody.
pub(crate) fn free_index(taken: usize) -> Option<u16> {
    u16::try_from(taken).ok().filter(|&index| index != NOBODY)
}

/// Builds a [`Topology`] by hand: see [`Topology::builder`].
#[derive(Default)]
#[must_use]
pub struct TopologyBuilder(Builder);

impl TopologyBuilder {
    /// Adds a primary that owns these ranges of slots, and its replicas. Of a
    /// slot that is given twice the last owner stays.
    pub fn shard(
        mut self,
        slots: impl IntoIterator<Item = RangeInclusive<u16>>,
        primary: Endpoint,
        replicas: impl IntoIterator<Item = Endpoint>,
    ) -> Self {
        let primary = self.0.node(None, primary, None);
        let replicas = replicas
            .into_iter()
            .filter_map(|replica| self.0.node(None, replica, None))
            .collect();
        let shard = primary.and_then(|primary| self.0.shard(primary, replicas, None));
        for range in slots {
            self.0.assign(range, shard);
        }
        self
    }

    /// Adds a node that belongs to the cluster and serves no slot, unless there is
    /// one at its endpoint already.
    pub fn slotless(mut self, node: Endpoint, role: Role) -> Self {
        self.0.slotless(None, node, None, role);
        self
    }

    /// The topology.
    pub fn build(self) -> Topology {
        self.0.build(false)
    }
}

impl std::fmt::Debug for TopologyBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TopologyBuilder")
            .field("nodes", &self.0.nodes)
            .finish_non_exhaustive()
    }
}
