//! What one node says about its cluster.

mod from_nodes;
mod nodes;
mod raw;
mod shards;
mod sketch;
mod slots;
mod usable;

pub use nodes::{NodeFlags, NodeLine, parse_nodes};
pub use shards::PortKind;

use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::address_map::AddressMap;
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::merge::merge;
use crate::slot::Slot;
use crate::slot_set::SlotSet;
use crate::topology::{Details, Topology};

/// The cluster as one node sees it: from its `CLUSTER SLOTS`, `CLUSTER SHARDS`
/// or `CLUSTER NODES`; the first two are better with its `CLUSTER NODES` too.
/// [`merge`] makes a [`Topology`] of several.
///
/// ```
/// use slotline_resp::Reply;
/// use slotline_topology::{Endpoint, Slot, View};
///
/// let asked = Endpoint::parse("10.0.0.1:7000")?;
/// let reply = Reply::from_frame(
///     "*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$0\r\n\r\n:7000\r\n".into(),
/// )?;
/// let view = View::from_slots(&reply, &asked)?;
/// let topology = view.topology()?;
/// assert_eq!(topology.covered(), 16384);
/// assert!(topology.find(&asked).is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct View {
    pub(crate) asked: Endpoint,
    pub(crate) members: Vec<Member>,
    pub(crate) entries: Vec<Entry>,
    /// Of each slot the entry that speaks of it, or [`SILENT`].
    pub(crate) table: Box<[u16]>,
    /// By node id, if CLUSTER NODES was read.
    epochs: FxHashMap<Arc<str>, u64>,
    myself: Option<Arc<str>>,
    /// The nodes that can be used, if CLUSTER NODES was read.
    pub(crate) usable: Vec<Usable>,
    pub(crate) migrating: SlotSet,
    importing: SlotSet,
}

/// In the table: no entry speaks of the slot.
pub(crate) const SILENT: u16 = u16::MAX;

/// A node as one view names it.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) id: Option<Arc<str>>,
    pub(crate) endpoint: Endpoint,
    /// The node gave no host, so that the endpoint is where it was asked.
    pub(crate) assumed: bool,
    pub(crate) details: Option<Arc<Details>>,
}

/// An owner and who copies it; nodes are places in [`View::members`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Entry {
    pub(crate) primary: usize,
    pub(crate) replicas: Vec<usize>,
}

/// A node that is in the cluster and can be reached, in the eyes of the one that was
/// asked.
#[derive(Clone, Debug)]
pub(crate) struct Usable {
    /// Its place in [`View::members`].
    pub(crate) member: usize,
    /// The id of the primary that it copies.
    pub(crate) copies: Option<Arc<str>>,
}

impl View {
    /// The node that was asked.
    pub fn asked(&self) -> &Endpoint {
        &self.asked
    }

    /// The id of the node that was asked, if its CLUSTER NODES was read.
    pub fn myself(&self) -> Option<&str> {
        self.myself.as_deref()
    }

    /// The slots that the asked node is moving away, as its own line of CLUSTER
    /// NODES says (`[93->-id]`); no node tells of another's migrations.
    pub fn migrating(&self) -> &SlotSet {
        &self.migrating
    }

    /// The slots that the asked node is taking in (`[93-<-id]`).
    pub fn importing(&self) -> &SlotSet {
        &self.importing
    }

    /// Adds what `CLUSTER NODES` of the same node says: config epochs, the slots on
    /// the move, and the nodes that serve no slot. Lines that cannot be read are passed over.
    pub fn add_nodes(&mut self, reply_text: &str) {
        self.add_lines(&parse_nodes(reply_text));
    }

    fn add_lines(&mut self, lines: &[NodeLine]) {
        for line in lines {
            let id: Arc<str> = line.id.as_str().into();
            if line.flags.myself {
                self.myself = Some(Arc::clone(&id));
                self.migrating
                    .extend(line.migrating.iter().map(|(slot, _)| *slot));
                self.importing
                    .extend(line.importing.iter().map(|(slot, _)| *slot));
            }
            self.epochs.insert(id, line.epoch);
        }
        self.add_usable(lines);
    }

    /// Adds the availability zone of the node that was asked, as it says itself in
    /// `INFO server` or in its answer to `HELLO` (`availability_zone`). Valkey 8
    /// tells of it only so; [`merge`] keeps what is known of a node's zone.
    /// Nothing happens if the view does not know which node was asked.
    pub fn set_zone(&mut self, zone: &str) {
        let is_asked = |member: &&mut Member| match &self.myself {
            Some(id) => member.id.as_ref() == Some(id),
            None => member.endpoint == self.asked,
        };
        if let Some(asked) = self.members.iter_mut().find(is_asked)
            && !zone.is_empty()
        {
            let mut details = asked.details.as_deref().cloned().unwrap_or_default();
            details.zone = Some(zone.into());
            asked.details = Some(Arc::new(details));
        }
    }

    /// This view with every endpoint translated by `map`, but for that of the node
    /// that was asked, which is where it was reached.
    #[must_use]
    pub fn mapped(mut self, map: &AddressMap) -> Self {
        for member in &mut self.members {
            if let Some(reached_at) = map.get(&member.endpoint) {
                member.endpoint = reached_at;
            }
        }
        self
    }

    /// How many slots this node names an owner of, of 16,384.
    pub fn covered(&self) -> usize {
        self.table.iter().filter(|entry| **entry != SILENT).count()
    }

    /// The topology by this view alone.
    ///
    /// # Errors
    ///
    /// It names no owner of any slot ([`Error::is_empty`]).
    pub fn topology(&self) -> Result<Topology, Error> {
        merge(std::slice::from_ref(self), None).map(|merged| merged.topology)
    }

    /// The place of the entry that speaks of a slot, or [`SILENT`].
    pub(crate) fn place(&self, slot: Slot) -> u16 {
        self.table.get(slot.index()).copied().unwrap_or(SILENT)
    }

    /// The config epoch of an entry's owner, if this view knows it.
    pub(crate) fn epoch(&self, entry: &Entry) -> Option<u64> {
        let id = self.members.get(entry.primary)?.id.as_ref()?;
        self.epochs.get(id).copied()
    }
}
