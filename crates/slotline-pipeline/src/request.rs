//! What travels down the layers: a batch of commands, and how to send it.

use std::sync::Arc;

use slotline_resp::Commands;
use slotline_topology::{Endpoint, SlotSet};
use tokio::time::Instant;

use crate::intent::write_slots;

/// Where commands that only read may go. Replicas lag behind their primary: a
/// read from one may miss what was just written.
///
/// A replica before version 8 knows nothing of a slot's migration: for a key
/// that has moved already it answers nil where its primary would answer ASK.
/// Once an ASK or a TRYAGAIN has been seen for a slot, its reads go to its
/// primary until the migration is over; before the first such sign a read may
/// still miss a key that has moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum ReadFrom {
    /// The slot's primary.
    #[default]
    Primary,
    /// A replica of the slot, or its primary where no replica can be reached.
    PreferReplica,
    /// A replica of the slot; with none, an error.
    ReplicaOnly,
}

/// A batch of commands on its way. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Request {
    pub(crate) commands: Commands,
    pub(crate) deadline: Instant,
    pub(crate) read_from: ReadFrom,
    pub(crate) targets: Targets,
    pub(crate) primary_slots: Option<Arc<SlotSet>>,
    pub(crate) avoid: Vec<Endpoint>,
}

/// Where the commands of a request go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Targets {
    /// Each to the node that its slot names.
    BySlot,
    /// Each where its own entry says.
    Each(Arc<[Target]>),
}

/// Where one command goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// To the node that its slot names.
    BySlot,
    /// To its slot's primary, though it only reads.
    Primary,
    /// To the node that a redirect named.
    Named { node: Endpoint, asking: bool },
}

impl Request {
    /// A request that must be answered by `deadline`: it covers every queue,
    /// redirect and retry.
    #[must_use]
    pub fn new(commands: Commands, deadline: Instant) -> Request {
        Request {
            commands,
            deadline,
            read_from: ReadFrom::Primary,
            targets: Targets::BySlot,
            primary_slots: None,
            avoid: Vec::new(),
        }
    }

    /// Where its commands that only read may go.
    #[must_use]
    pub fn read_from(mut self, read_from: ReadFrom) -> Request {
        self.read_from = read_from;
        self
    }

    /// The commands.
    #[must_use]
    pub fn commands(&self) -> &Commands {
        &self.commands
    }

    /// When every command of it must have an outcome.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// How many commands it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.commands.len()
    }

    /// Whether it has no command.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.commands.is_empty()
    }

    pub(crate) fn target(&self, index: usize) -> &Target {
        match &self.targets {
            Targets::BySlot => &Target::BySlot,
            Targets::Each(each) => each.get(index).unwrap_or(&Target::BySlot),
        }
    }

    /// A request for a part of this one's commands. Which slots the whole writes
    /// to goes with it, so that a part never reads such a slot from a replica.
    pub(crate) fn part(&mut self, commands: Commands, targets: Targets) -> Request {
        if self.primary_slots.is_none() && self.read_from != ReadFrom::Primary {
            self.primary_slots = Some(Arc::new(write_slots(&self.commands)));
        }
        Request {
            commands,
            targets,
            ..self.clone()
        }
    }
}
