//! What has changed from one topology to the next.

use std::ops::RangeInclusive;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::endpoint::Endpoint;
use crate::slot::Slot;
use crate::topology::{Node, NodeIndex, Role, Topology};

/// What has changed from one topology to the next: see [`Topology::diff`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Diff {
    /// The nodes that are new.
    pub added: Vec<Node>,
    /// The nodes that are gone.
    pub removed: Vec<Node>,
    /// The nodes whose role or endpoint has changed, or that copy another primary.
    pub changed: Vec<NodeChange>,
    /// The slots that have another owner, in order, each run as one range. An
    /// owner that only has another endpoint is the same.
    pub moved: Vec<SlotMove>,
}

/// A node before and after.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NodeChange {
    /// What it was.
    pub before: Node,
    /// What it is.
    pub after: Node,
}

/// Slots that have another owner.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SlotMove {
    /// Which.
    pub slots: RangeInclusive<u16>,
    /// Whose they were; `None` if they had no owner.
    pub from: Option<Endpoint>,
    /// Whose they are; `None` if they have no owner.
    pub to: Option<Endpoint>,
}

impl Diff {
    /// Whether nothing has changed.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty()
            && self.removed.is_empty()
            && self.changed.is_empty()
            && self.moved.is_empty()
    }

    /// How many slots have another owner.
    pub fn moved_slots(&self) -> usize {
        self.moved.iter().map(|moved| moved.slots.len()).sum()
    }
}

impl Topology {
    /// What has changed from this topology to `next`. A node is the same if it has
    /// the same id; where either has none, if it has the same endpoint. Its health,
    /// its offset and whatever else is told of it do not count.
    ///
    /// ```
    /// use slotline_topology::{Endpoint, Slot, Topology};
    ///
    /// let (a, b) = (Endpoint::new("10.0.0.1", 7000), Endpoint::new("10.0.0.2", 7000));
    /// let before = Topology::builder()
    ///     .shard([0..=8191], a.clone(), [])
    ///     .shard([8192..=16383], b.clone(), [])
    ///     .build();
    /// let diff = before.diff(&before.patched(Slot::of_key(b"foo"), &a));
    /// assert_eq!(diff.moved[0].slots, 12182..=12182);
    /// assert_eq!((&diff.moved[0].from, &diff.moved[0].to), (&Some(b), &Some(a)));
    /// assert!(diff.added.is_empty() && diff.removed.is_empty());
    /// ```
    #[must_use]
    pub fn diff(&self, next: &Self) -> Diff {
        let pairs = Pairs::new(self, next);
        let mut diff = Diff {
            moved: moved(self, next, &pairs),
            ..Diff::default()
        };
        let (copied, copies) = (copied_primaries(self), copied_primaries(next));
        for (before, index) in indexed(self) {
            let Some((same, after)) = pairs
                .after(index)
                .and_then(|same| Some((same, next.node(same)?)))
            else {
                diff.removed.push(before.clone());
                continue;
            };
            let was = copied.get(&index).map(|primary| pairs.after(*primary));
            let is = copies.get(&same).map(|primary| Some(*primary));
            let copies_another = before.role() == Role::Replica && was != is;
            if before.role() != after.role()
                || before.endpoint() != after.endpoint()
                || copies_another
            {
                diff.changed.push(NodeChange {
                    before: before.clone(),
                    after: after.clone(),
                });
            }
        }
        let known: FxHashSet<NodeIndex> = pairs.after.iter().flatten().copied().collect();
        diff.added = indexed(next)
            .filter(|(_, index)| !known.contains(index))
            .map(|(node, _)| node.clone())
            .collect();
        diff
    }
}

fn indexed(topology: &Topology) -> impl Iterator<Item = (&Node, NodeIndex)> {
    topology.nodes().iter().zip((0..).map(NodeIndex))
}

/// Which node of the one topology is which of the other.
struct Pairs {
    after: Vec<Option<NodeIndex>>,
}

impl Pairs {
    fn new(before: &Topology, next: &Topology) -> Self {
        let by_id: FxHashMap<&str, NodeIndex> = indexed(next)
            .filter_map(|(node, index)| Some((node.id()?, index)))
            .collect();
        let same = |node: &Node| {
            if let Some(&index) = node.id().and_then(|id| by_id.get(id)) {
                return Some(index);
            }
            let index = next.find(node.endpoint())?;
            let other = next.node(index)?;
            // Two ids at one endpoint are two nodes, the one in place of the other.
            (node.id().is_none() || other.id().is_none()).then_some(index)
        };
        Self {
            after: before.nodes().iter().map(same).collect(),
        }
    }

    fn after(&self, before: NodeIndex) -> Option<NodeIndex> {
        self.after.get(before.index()).copied().flatten()
    }
}

/// Of each replica the primary that it copies.
fn copied_primaries(topology: &Topology) -> FxHashMap<NodeIndex, NodeIndex> {
    let mut copied = FxHashMap::default();
    for shard in topology.shards() {
        for &replica in shard.replicas() {
            copied.entry(replica).or_insert(shard.primary());
        }
    }
    copied
}

fn moved(before: &Topology, next: &Topology, pairs: &Pairs) -> Vec<SlotMove> {
    let mut runs: Vec<SlotMove> = Vec::new();
    let mut last = None;
    for slot in Slot::all() {
        let (from, to) = (before.primary_of(slot), next.primary_of(slot));
        // An owner that is gone is another than whoever is there now.
        if from.map(|from| pairs.after(from)) == to.map(Some) {
            last = None;
            continue;
        }
        let number = slot.get();
        match runs.last_mut() {
            Some(run) if last == Some((from, to)) => run.slots = *run.slots.start()..=number,
            _ => runs.push(SlotMove {
                slots: number..=number,
                from: from.and_then(|node| before.endpoint(node).cloned()),
                to: to.and_then(|node| next.endpoint(node).cloned()),
            }),
        }
        last = Some((from, to));
    }
    runs
}
