//! What the layers ask of a node: the innermost service is one
//! `Service<Part, Response = PartResponse>` for all nodes.

use slotline_resp::{Commands, Replies};
use slotline_topology::{Endpoint, Topology};
use tokio::time::Instant;

use crate::alone::Alone;
use crate::error::Error;
use crate::track::Watched;

/// What a connection is for. A command meant for a primary never travels on a
/// connection that is in read-only mode: on a primary that was just demoted it
/// would be answered with old data instead of a MOVED (S2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Intent {
    /// Commands for a primary.
    ReadWrite,
    /// Reads from a replica.
    ReadOnly,
}

/// Who was asked: a node, and on what kind of connection.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Asked {
    /// The node.
    pub node: Endpoint,
    /// What the connection was for.
    pub intent: Intent,
}

impl Asked {
    /// A node, asked on such a connection.
    #[must_use]
    pub fn new(node: Endpoint, intent: Intent) -> Asked {
        Asked { node, intent }
    }
}

/// What becomes of commands while their node cannot be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WhileAway {
    /// They wait for it until their deadline.
    Wait,
    /// They come back at once, not sent: they may go elsewhere.
    Refuse,
}

/// One node's part of a request: one write, whose replies come back in order.
#[derive(Debug, Clone)]
pub struct Part {
    /// The node.
    pub node: Endpoint,
    /// What kind of connection they need.
    pub intent: Intent,
    /// The commands; they lie next to each other in the byte stream.
    pub commands: Commands,
    /// Whether they are one transaction, from MULTI to EXEC, which ASKING may come
    /// before.
    pub is_transaction: bool,
    /// Of a lone command, which ASKING may come before: that it has a connection to
    /// itself, which blocks or is kept.
    pub alone: Option<Box<Alone>>,
    /// When all must have an outcome.
    pub deadline: Instant,
    /// What becomes of them while the node cannot be reached.
    pub while_away: WhileAway,
    /// Whom a layer around the nodes tells what it does with them.
    pub watched: Watched,
}

/// The time that a part of more commands takes tells more of the part than of its
/// node.
pub(crate) const MOST_MEASURED: usize = 32;

/// What a node answered: replies to the first commands, and where there are
/// fewer than commands, why.
#[derive(Debug, Clone)]
pub struct PartResponse {
    /// The replies, to as many commands from the first on.
    pub replies: Replies,
    /// Why the other commands have none.
    pub failure: Option<PartFailure>,
}

/// Why the later commands of a part have no replies.
#[derive(Debug, Clone)]
pub struct PartFailure {
    /// What happened.
    pub error: Error,
    /// The first command of which no byte was written. Those before it that have
    /// no reply may have run.
    pub first_unsent: usize,
}

/// What the layers and the background refresh ask about nodes and tell them,
/// beside sending commands.
pub trait Nodes {
    /// Whether the node can be reached for all that is known. One that nobody has
    /// tried yet can.
    fn is_reachable(&self, node: &Endpoint) -> bool;

    /// Takes back all commands for `node` of which no byte was written: each
    /// ends as not sent and displaced, so that it is routed anew (B3).
    fn give_back(&self, node: &Endpoint);

    /// This is the map just now; told several times a second. Whoever keeps something
    /// for a node that has left the map may let go of it; a command that was routed
    /// by the map before may still come. By default nothing happens.
    fn known(&self, topology: &Topology) {
        let _ = topology;
    }

    /// Replaces the present connections to `node` for `intent`: an answer shows
    /// that the server has lost what their recipe had set (S5). What goes to the
    /// node after this has returned goes over another connection.
    fn quarantine(&self, node: &Endpoint, intent: Intent);

    /// Whether there is, or soon will be, a connection to the node: whoever only
    /// wants to know how it is does not open one for that. By default there is.
    fn is_used(&self, node: &Endpoint) -> bool {
        let _ = node;
        true
    }
}
