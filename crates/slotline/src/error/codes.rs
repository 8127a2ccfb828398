//! What the codes of servers' errors say, beyond what became of the command.
//!
//! That is said by [`Delivery`](slotline_resp::Delivery), and what is done at once about a
//! redirect by the layers: this is about errors that came through to the caller.

/// What an error may say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Says {
    /// It is about the cluster.
    OfCluster,
    /// It will pass: the same command may be answered later.
    Passes,
    /// The node does not serve the slot, or does not now: whoever begins again finds who
    /// does.
    Elsewhere,
}

use Says::{Elsewhere, OfCluster, Passes};

const TABLE: [(&str, &[Says]); 10] = [
    ("ASK", &[OfCluster, Passes, Elsewhere]),
    ("BUSY", &[Passes]),
    ("CLUSTERDOWN", &[OfCluster, Passes, Elsewhere]),
    ("CROSSSLOT", &[OfCluster]),
    ("LOADING", &[Passes, Elsewhere]),
    ("MASTERDOWN", &[Passes, Elsewhere]),
    ("MOVED", &[OfCluster, Passes, Elsewhere]),
    // A lone server that is a replica stays one.
    ("READONLY", &[Elsewhere]),
    ("TRYAGAIN", &[OfCluster, Passes, Elsewhere]),
    ("UNBLOCKED", &[Passes, Elsewhere]),
];

impl Says {
    /// Whether errors with this code say so.
    pub(crate) fn is_said_by(self, code: &str) -> bool {
        let mut rows = TABLE.iter();
        rows.any(|(known, all)| *known == code && all.contains(&self))
    }
}
