//! Why a command has no reply.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use slotline_resp::{Delivery, error_code};
use slotline_topology::{Endpoint, Slot};

/// An error of any service, as tower's own layers report theirs.
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// Why a command has no reply, or none that its caller can use, and what became
/// of it. Cheap to clone: one lost connection fails many commands.
#[derive(Clone)]
pub struct Error {
    facts: Arc<Facts>,
    delivery: Delivery,
}

#[derive(Debug)]
struct Facts {
    kind: ErrorKind,
    message: String,
    node: Option<Endpoint>,
    source: Option<BoxError>,
    /// It is about a part of the command, and other parts have run.
    is_partly_done: bool,
}

/// What kind of failure a node's service reports; see [`Error::of_node`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NodeFailure {
    /// The connection was lost.
    Network,
    /// No answer in time.
    Timeout,
    /// The node cannot be reached now, and the command was not to wait for it.
    Unreachable,
    /// The command was taken back before a byte of it was written, because its
    /// slot may have another owner by now.
    Displaced,
    /// The connection refuses such a command, or a queue is full: sending it
    /// again would not help.
    Refused,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ErrorKind {
    Node(NodeFailure),
    NoOwner,
    CrossSlot,
    NotRoutable,
    /// It was for a primary, and the node is none any more.
    Demoted,
    Order,
    Deadline,
    Layer,
    /// A server's own error, of one part of a command.
    Server,
    Unmerged,
}

impl Error {
    /// The failure of one node's service.
    #[must_use]
    pub fn of_node(failure: NodeFailure, node: Endpoint, source: impl Into<BoxError>) -> Error {
        let delivery = match failure {
            NodeFailure::Network | NodeFailure::Timeout => Delivery::Ambiguous,
            _ => Delivery::NotSent,
        };
        let source = source.into();
        Error::new(
            ErrorKind::Node(failure),
            delivery,
            source.to_string(),
            Some(node),
            Some(source),
        )
    }

    pub(crate) fn no_owner(slot: Slot) -> Error {
        Error::not_sent(
            ErrorKind::NoOwner,
            format!("no node serves slot {slot}, or none that reads may go to"),
        )
    }

    /// The keys of a command, or of several together, are of more than one slot.
    #[must_use]
    pub fn cross_slot(name: &str) -> Error {
        Error::not_sent(
            ErrorKind::CrossSlot,
            format!(
                "the keys of {name} belong to several slots; give them one hash tag, as in {{user:1}}.a {{user:1}}.b"
            ),
        )
    }

    pub(crate) fn not_routable(name: &str, advice: &str) -> Error {
        Error::not_sent(
            ErrorKind::NotRoutable,
            format!("{name} cannot be sent to a cluster as it is: {advice}"),
        )
    }

    pub(crate) fn refused_when_shared(name: &str, advice: &str) -> Error {
        Error::not_sent(
            ErrorKind::Node(NodeFailure::Refused),
            format!("{name} is refused on a connection that is shared: {advice}"),
        )
    }

    /// A command does not belong in a transaction; `advice` says what to do instead.
    #[must_use]
    pub fn refused_in_transaction(name: &str, advice: &str) -> Error {
        Error::not_sent(
            ErrorKind::Node(NodeFailure::Refused),
            format!("{name} is refused in a transaction: {advice}"),
        )
    }

    /// It comes behind a command that a shared connection refuses, and counts on
    /// what that one would have set.
    pub(crate) fn behind(name: &str, refused: &str) -> Error {
        Error::not_sent(
            ErrorKind::Node(NodeFailure::Refused),
            format!("{name} comes behind {refused}, which is refused, and may count on it"),
        )
    }

    /// A redirect that there was no time left to follow. Whoever reads it has no use
    /// for the address, and a MOVED for a fault of ours.
    pub(crate) fn late(redirect: &str, delivery: Delivery) -> Error {
        let what = format!("the deadline passed before a redirect was followed ({redirect})");
        Error::new(ErrorKind::Deadline, delivery, what, None, None)
    }

    /// The command was refused and may not go again, since a later command of its
    /// pipeline that shares a key with it has run or may have.
    pub(crate) fn order(why: &str, delivery: Delivery) -> Error {
        Error::new(
            ErrorKind::Order,
            delivery,
            format!(
                "not sent again, since a later command for the same key has run meanwhile ({why})"
            ),
            None,
            None,
        )
    }

    /// It has to stay behind an earlier command that shares a key with it. If it
    /// can go before the deadline it does, and nobody sees this.
    pub(crate) fn stays_behind() -> Error {
        Error::deadline("an earlier command for the same key had no outcome")
    }

    pub(crate) fn deadline(doing: &str) -> Error {
        Error::not_sent(
            ErrorKind::Deadline,
            format!("the deadline passed while {doing}"),
        )
    }

    /// Nothing came for a command, for which nobody gave a reason.
    pub(crate) fn no_outcome() -> Error {
        Error::deadline("waiting for an outcome").with_delivery(Delivery::Ambiguous)
    }

    /// A node is to be asked that is none of the cluster any more.
    pub(crate) fn left(node: &Endpoint) -> Error {
        let what = format!("{node} has left the cluster");
        let node = Some(node.clone());
        Error::new(ErrorKind::NotRoutable, Delivery::NotSent, what, node, None)
    }

    /// What was for a primary comes to a node that is none any more.
    pub(crate) fn demoted(node: &Endpoint) -> Error {
        let what = format!("{node} has become a replica");
        let node = Some(node.clone());
        Error::new(ErrorKind::Demoted, Delivery::NotSent, what, node, None)
    }

    pub(crate) fn is_demoted(&self) -> bool {
        self.facts.kind == ErrorKind::Demoted
    }

    /// A server's own error, for a part of a command.
    pub(crate) fn answered(line: &str, node: Option<Endpoint>) -> Error {
        let delivery = Delivery::Answered;
        Error::new(ErrorKind::Server, delivery, line.to_owned(), node, None)
    }

    /// What the nodes answered to their parts of a command does not fit together.
    pub(crate) fn unmerged(name: &str) -> Error {
        let what = format!("the nodes' answers to {name} do not fit together");
        Error::new(ErrorKind::Unmerged, Delivery::Answered, what, None, None)
    }

    /// The same failure, which is that of one part of the command `name`, for the
    /// whole: `ran` of `all` parts have run.
    pub(crate) fn of_part(&self, name: &str, ran: usize, all: usize) -> Error {
        let at = self.node().filter(|_| self.facts.kind == ErrorKind::Server);
        let at = at.map_or_else(String::new, |node| format!(" from {node}"));
        let message = format!(
            "{ran} of the {all} parts of {name} have run; of one that has not: {}{at}",
            self.facts.message
        );
        let facts = Facts {
            kind: self.facts.kind,
            message,
            node: self.facts.node.clone(),
            source: Some(Box::new(self.clone())),
            is_partly_done: true,
        };
        Error {
            facts: Arc::new(facts),
            delivery: Delivery::Ambiguous,
        }
    }

    /// The error of a whole request, as a layer reports it: one of ours, or that
    /// of a layer of the user's own. tower's `Elapsed` leaves it open whether the
    /// commands ran; `Overloaded` and `Closed` mean that they were not sent.
    #[must_use]
    pub fn of_layer(error: impl Into<BoxError>) -> Error {
        let error = match error.into().downcast::<Error>() {
            Ok(ours) => return *ours,
            Err(foreign) => foreign,
        };
        let message = error.to_string();
        // tower's own types exist only where its features are on, which is the
        // user's choice; their texts are part of their public documentation.
        let delivery = match message.as_str() {
            "service overloaded" | "buffer's worker closed unexpectedly" => Delivery::NotSent,
            _ => Delivery::Ambiguous,
        };
        Error::new(ErrorKind::Layer, delivery, message, None, Some(error))
    }

    fn not_sent(kind: ErrorKind, message: String) -> Error {
        Error::new(kind, Delivery::NotSent, message, None, None)
    }

    fn new(
        kind: ErrorKind,
        delivery: Delivery,
        message: String,
        node: Option<Endpoint>,
        source: Option<BoxError>,
    ) -> Error {
        let facts = Facts {
            kind,
            message,
            node,
            source,
            is_partly_done: false,
        };
        Error {
            facts: Arc::new(facts),
            delivery,
        }
    }

    /// The error behind this one as the node's service or the layer gave it, to
    /// be downcast.
    #[must_use]
    pub fn cause(&self) -> Option<&(dyn StdError + 'static)> {
        let source = self.facts.source.as_deref()?;
        match source.downcast_ref::<Error>() {
            Some(part) if self.facts.is_partly_done => part.cause(),
            _ => Some(source),
        }
    }

    /// The first word of the server's own error, where one part of a command met one
    /// and others did not: see [`is_partly_done`](Error::is_partly_done).
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        let part = self.facts.source.as_deref()?.downcast_ref::<Error>()?;
        let is_server = part.facts.kind == ErrorKind::Server;
        is_server.then(|| error_code(&part.facts.message))
    }

    /// Whether the command was spread over several nodes, and some of its parts have
    /// run while others have not: it is no read, and its
    /// [`delivery`](Error::delivery) is ambiguous, since neither all nor nothing of it
    /// took effect. The other predicates, and the node, are those of the first part
    /// that failed.
    #[must_use]
    pub fn is_partly_done(&self) -> bool {
        self.facts.is_partly_done
    }

    /// The same failure, for a command of which something else became.
    #[must_use]
    pub fn with_delivery(&self, delivery: Delivery) -> Error {
        Error {
            facts: Arc::clone(&self.facts),
            delivery,
        }
    }

    /// What became of the command.
    #[must_use]
    pub fn delivery(&self) -> Delivery {
        self.delivery
    }

    /// The node that it was meant for, where one was chosen.
    #[must_use]
    pub fn node(&self) -> Option<&Endpoint> {
        self.facts.node.as_ref()
    }

    /// Whether the connection was lost or could not be made.
    #[must_use]
    pub fn is_network(&self) -> bool {
        use NodeFailure::{Network, Unreachable};
        matches!(self.facts.kind, ErrorKind::Node(Network | Unreachable))
    }

    /// Whether a time ran out.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        let timeout = ErrorKind::Node(NodeFailure::Timeout);
        self.facts.kind == timeout || self.facts.kind == ErrorKind::Deadline
    }

    /// Whether it is about the cluster: no owner for a slot, keys of several
    /// slots, a command that has no one place to go.
    #[must_use]
    pub fn is_cluster(&self) -> bool {
        use ErrorKind::{CrossSlot, Demoted, NoOwner, NotRoutable};
        matches!(self.facts.kind, NoOwner | CrossSlot | NotRoutable | Demoted)
    }

    /// Whether no node served the command's slot.
    #[must_use]
    pub fn is_no_owner(&self) -> bool {
        self.facts.kind == ErrorKind::NoOwner
    }

    /// Whether the order of the pipeline forbade to send it again.
    #[must_use]
    pub fn is_order(&self) -> bool {
        self.facts.kind == ErrorKind::Order
    }

    /// Whether the command was taken back before a byte of it was written.
    #[must_use]
    pub fn is_displaced(&self) -> bool {
        self.facts.kind == ErrorKind::Node(NodeFailure::Displaced)
    }

    /// Whether its node could not be reached and it was not to wait for it.
    #[must_use]
    pub fn is_unreachable(&self) -> bool {
        self.facts.kind == ErrorKind::Node(NodeFailure::Unreachable)
    }

    /// Whether a connection or a full queue refused it.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.facts.kind == ErrorKind::Node(NodeFailure::Refused)
    }

    /// Whether it is the error of a layer that is not Slotline's.
    #[must_use]
    pub fn is_layer(&self) -> bool {
        self.facts.kind == ErrorKind::Layer
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.facts.message, self.delivery)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.facts.kind)
            .field("delivery", &self.delivery)
            .field("message", &self.facts.message)
            .field("source", &self.facts.source)
            .finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        let source = self.facts.source.as_ref()?;
        // A node's error is this one's message already: go on to its cause.
        match self.facts.kind {
            _ if self.facts.is_partly_done => source.source(),
            ErrorKind::Node(_) => source.source(),
            _ => Some(source.as_ref()),
        }
    }
}
