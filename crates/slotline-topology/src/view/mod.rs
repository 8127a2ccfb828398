//! What one node says about its cluster.

mod nodes;
mod slots;

pub use nodes::{NodeFlags, NodeLine, parse_nodes};

use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::merge::merge;
use crate::slot::Slot;
use crate::slot_set::SlotSet;
use crate::topology::Topology;

/// The cluster as one node sees it: from its `CLUSTER SLOTS`, and better with
/// its `CLUSTER NODES` too. [`merge`] makes a [`Topology`] of several.
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
    /// By node id, if CLUSTER NODES was read.
    epochs: FxHashMap<Arc<str>, u64>,
    pub(crate) myself: Option<Arc<str>>,
    pub(crate) migrating: SlotSet,
    pub(crate) importing: SlotSet,
}

/// A node as one view names it.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) id: Option<Arc<str>>,
    pub(crate) endpoint: Endpoint,
    /// The node gave no host, so that the endpoint is where it was asked.
    pub(crate) assumed: bool,
}

/// One range of slots; nodes are places in [`View::members`].
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) first: u16,
    pub(crate) last: u16,
    pub(crate) primary: usize,
    pub(crate) replicas: Vec<usize>,
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

    /// Adds what `CLUSTER NODES` of the same node says: config epochs, and the
    /// slots on the move. Lines that cannot be read are passed over.
    pub fn add_nodes(&mut self, reply_text: &str) {
        for line in parse_nodes(reply_text) {
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
    }

    /// How many slots this node names an owner of, of 16,384.
    pub fn covered(&self) -> usize {
        let mut named = SlotSet::new();
        for entry in &self.entries {
            named.extend((entry.first..=entry.last).filter_map(Slot::new));
        }
        named.len()
    }

    /// The topology by this view alone.
    ///
    /// # Errors
    ///
    /// It names no owner of any slot ([`Error::is_empty`]).
    pub fn topology(&self) -> Result<Topology, Error> {
        merge(std::slice::from_ref(self), None).map(|merged| merged.topology)
    }

    /// The config epoch of an entry's owner, if this view knows it.
    pub(crate) fn epoch(&self, entry: &Entry) -> Option<u64> {
        let id = self.members.get(entry.primary)?.id.as_ref()?;
        self.epochs.get(id).copied()
    }
}
