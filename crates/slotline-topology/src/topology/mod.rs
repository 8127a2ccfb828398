//! The map from slots to nodes.

mod build;
mod node;
mod patch;

pub(crate) use build::Builder;
pub use build::TopologyBuilder;
pub(crate) use node::Details;
pub use node::{Health, Node, NodeIndex, Role};

use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::endpoint::Endpoint;
use crate::slot::Slot;

/// A primary and the replicas that serve the same slots.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Shard {
    pub(crate) primary: NodeIndex,
    pub(crate) replicas: Vec<NodeIndex>,
    /// The config epoch under which the primary is known to own the slots.
    pub(crate) epoch: Option<u64>,
}

impl Shard {
    /// The config epoch under which the primary is known to own the slots, if
    /// any view had it: the greater one is the newer claim.
    pub fn epoch(&self) -> Option<u64> {
        self.epoch
    }

    /// The node that owns the slots.
    pub fn primary(&self) -> NodeIndex {
        self.primary
    }

    /// The nodes that copy it; those that the cluster counts as failed are not
    /// among them.
    pub fn replicas(&self) -> &[NodeIndex] {
        &self.replicas
    }

    /// Primary and replicas.
    pub fn nodes(&self) -> impl Iterator<Item = NodeIndex> + '_ {
        std::iter::once(self.primary).chain(self.replicas.iter().copied())
    }
}

/// In the table: a slot that nobody serves.
pub(crate) const NOBODY: u16 = u16::MAX;

/// Which node serves each slot: immutable, one pointer wide, cheap to clone.
///
/// Two topologies are equal if they send every slot to the same endpoints,
/// however their nodes are numbered and whoever else belongs to the cluster.
///
/// ```
/// use slotline_topology::{Endpoint, Slot, Topology};
///
/// let a = Endpoint::parse("10.0.0.1:7000")?;
/// let b = Endpoint::parse("10.0.0.2:7000")?;
/// let replica = Endpoint::parse("10.0.0.3:7000")?;
/// let topology = Topology::builder()
///     .shard([0..=8191], a.clone(), [replica])
///     .shard([8192..=16383], b.clone(), [])
///     .build();
///
/// let slot = Slot::of_key(b"foo"); // 12182
/// let primary = topology.primary_of(slot).unwrap();
/// assert_eq!(topology.node(primary).unwrap().endpoint(), &b);
///
/// // MOVED 12182 10.0.0.1:7000
/// let topology = topology.patched(slot, &a);
/// assert_eq!(topology.primary_of(slot), topology.find(&a));
/// assert_eq!(topology.replicas_of(slot).len(), 1);
/// # Ok::<(), slotline_topology::Error>(())
/// ```
#[derive(Clone)]
pub struct Topology(pub(crate) Arc<Map>);

#[derive(Clone)]
pub(crate) struct Map {
    pub(crate) nodes: Vec<Node>,
    pub(crate) shards: Vec<Shard>,
    /// The shard of each slot.
    pub(crate) table: Box<[u16]>,
    pub(crate) by_endpoint: FxHashMap<Endpoint, NodeIndex>,
    pub(crate) covered: usize,
    pub(crate) single: bool,
}

impl Topology {
    /// A standalone server, which serves every slot.
    pub fn single(endpoint: Endpoint) -> Self {
        let mut builder = Builder::default();
        let shard = builder
            .node(None, endpoint, None)
            .and_then(|primary| builder.shard(primary, Vec::new(), None));
        builder.assign(0..=Slot::COUNT - 1, shard);
        builder.build(true)
    }

    /// A topology made by hand, for tests and fixed set-ups.
    pub fn builder() -> TopologyBuilder {
        TopologyBuilder::default()
    }

    pub(crate) fn shard_index(&self, slot: Slot) -> u16 {
        self.0.table.get(slot.index()).copied().unwrap_or(NOBODY)
    }

    /// The nodes that serve a slot; `None` if nobody does.
    pub fn shard_of(&self, slot: Slot) -> Option<&Shard> {
        // No shard has the index that stands for nobody.
        self.0.shards.get(usize::from(self.shard_index(slot)))
    }

    /// The same with a number for the shard, below that of all shards: for whoever
    /// keeps something for each shard that was met.
    pub fn numbered_shard_of(&self, slot: Slot) -> Option<(usize, &Shard)> {
        let number = usize::from(self.shard_index(slot));
        Some((number, self.0.shards.get(number)?))
    }

    /// The node that owns a slot; `None` if nobody does.
    pub fn primary_of(&self, slot: Slot) -> Option<NodeIndex> {
        self.shard_of(slot).map(Shard::primary)
    }

    /// The replicas of a slot's owner.
    pub fn replicas_of(&self, slot: Slot) -> &[NodeIndex] {
        self.shard_of(slot).map_or(&[], Shard::replicas)
    }

    /// The shards that serve any slot. Where views differ, or were patched, one
    /// primary may have several.
    pub fn shards(&self) -> impl Iterator<Item = &Shard> {
        let mut serves = vec![false; self.0.shards.len()];
        for &shard in &self.0.table {
            if let Some(serves) = serves.get_mut(usize::from(shard)) {
                *serves = true;
            }
        }
        let all = self.0.shards.iter().zip(serves);
        all.filter_map(|(shard, serves)| serves.then_some(shard))
    }

    /// All nodes, at the places that [`NodeIndex`] speaks of.
    pub fn nodes(&self) -> &[Node] {
        &self.0.nodes
    }

    /// A node; `None` for the index of another topology's node.
    pub fn node(&self, index: NodeIndex) -> Option<&Node> {
        self.0.nodes.get(index.index())
    }

    /// The endpoint of a node; `None` for the index of another topology's node.
    pub fn endpoint(&self, index: NodeIndex) -> Option<&Endpoint> {
        self.node(index).map(Node::endpoint)
    }

    /// The node at an endpoint.
    pub fn find(&self, endpoint: &Endpoint) -> Option<NodeIndex> {
        self.0.by_endpoint.get(endpoint).copied()
    }

    /// The node of an id.
    pub fn find_id(&self, id: &str) -> Option<NodeIndex> {
        self.indexes()
            .find(|&index| self.node(index).and_then(Node::id) == Some(id))
    }

    fn indexes(&self) -> impl Iterator<Item = NodeIndex> + use<> {
        // There are never more nodes than indexes.
        (0..self.0.nodes.len() as u16).map(NodeIndex)
    }

    fn with_role(&self, role: Role) -> impl Iterator<Item = NodeIndex> + '_ {
        let is_wanted = move |node: &Node| node.role == role && !node.is_slotless;
        self.indexes()
            .filter(move |&index| self.node(index).is_some_and(is_wanted))
    }

    /// The nodes that own slots.
    pub fn primaries(&self) -> impl Iterator<Item = NodeIndex> + '_ {
        self.with_role(Role::Primary)
    }

    /// The nodes that copy one of those.
    pub fn replicas(&self) -> impl Iterator<Item = NodeIndex> + '_ {
        self.with_role(Role::Replica)
    }

    /// The nodes that belong to the cluster and serve no slot: primaries that have
    /// none, not yet or no more, and their replicas. Nothing is routed to them; what
    /// is for all nodes is for them too. Only `CLUSTER NODES` tells of them.
    pub fn slotless(&self) -> impl Iterator<Item = NodeIndex> + '_ {
        self.indexes()
            .filter(|&index| self.node(index).is_some_and(Node::is_slotless))
    }

    /// The slots that a node serves, as its primary or as a replica of it, in
    /// order and each run as one range.
    pub fn slots_of(&self, node: NodeIndex) -> Vec<RangeInclusive<u16>> {
        let serves: Vec<bool> = self
            .0
            .shards
            .iter()
            .map(|shard| shard.nodes().any(|member| member == node))
            .collect();
        let mut runs: Vec<RangeInclusive<u16>> = Vec::new();
        for slot in Slot::all() {
            let shard = usize::from(self.shard_index(slot));
            if !serves.get(shard).copied().unwrap_or(false) {
                continue;
            }
            let slot = slot.get();
            match runs.last_mut() {
                Some(run) if run.end() + 1 == slot => *run = *run.start()..=slot,
                _ => runs.push(slot..=slot),
            }
        }
        runs
    }

    /// How many slots have an owner, of 16,384.
    pub fn covered(&self) -> usize {
        self.0.covered
    }

    /// Whether this is a standalone server rather than a cluster.
    pub fn is_single_node(&self) -> bool {
        self.0.single
    }

    /// Whether both send each slot to the same primary and the same set of
    /// replicas, by their endpoints.
    pub fn agrees_with(&self, other: &Self) -> bool {
        if Arc::ptr_eq(&self.0, &other.0) {
            return true;
        }
        // Few pairs of shards meet, however fragmented the slots are.
        let mut compared: FxHashMap<(u16, u16), bool> = FxHashMap::default();
        self.covered() == other.covered()
            && Slot::all().all(|slot| {
                *compared
                    .entry((self.shard_index(slot), other.shard_index(slot)))
                    .or_insert_with(|| self.endpoints(slot) == other.endpoints(slot))
            })
    }

    /// The owner's endpoint and, sorted, those of its replicas.
    fn endpoints(&self, slot: Slot) -> Option<(Option<&Endpoint>, Vec<&Endpoint>)> {
        let shard = self.shard_of(slot)?;
        let mut replicas: Vec<&Endpoint> = shard
            .replicas
            .iter()
            .filter_map(|&replica| self.endpoint(replica))
            .collect();
        replicas.sort_unstable();
        Some((self.endpoint(shard.primary), replicas))
    }
}

impl PartialEq for Topology {
    fn eq(&self, other: &Self) -> bool {
        self.agrees_with(other)
    }
}

impl Eq for Topology {}

impl fmt::Debug for Topology {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Topology")
            .field("nodes", &self.0.nodes)
            .field("shards", &self.0.shards.len())
            .field("covered", &self.0.covered)
            .finish_non_exhaustive()
    }
}
