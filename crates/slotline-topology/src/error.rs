//! The one error type of the crate.

use std::fmt;

/// The result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why something is not a slot, an endpoint, a view or a topology.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error(Kind);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Slot(u16),
    Endpoint(&'static str),
    Reply(&'static str, slotline_resp::Error),
    Empty,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kind::Slot(number) => {
                write!(f, "{number} is not a slot: there are 16384, counted from 0")
            }
            Kind::Endpoint(why) => write!(f, "not an endpoint: {why}"),
            Kind::Reply(command, _) => write!(f, "{command} cannot be read"),
            Kind::Empty => f.write_str("no node was told of that serves any slot"),
        }
    }
}

impl Error {
    pub(crate) fn slot(number: u16) -> Self {
        Self(Kind::Slot(number))
    }

    pub(crate) fn endpoint(why: &'static str) -> Self {
        Self(Kind::Endpoint(why))
    }

    pub(crate) fn slots(cause: slotline_resp::Error) -> Self {
        Self(Kind::Reply("CLUSTER SLOTS", cause))
    }

    pub(crate) fn shards(cause: slotline_resp::Error) -> Self {
        Self(Kind::Reply("CLUSTER SHARDS", cause))
    }

    pub(crate) fn empty() -> Self {
        Self(Kind::Empty)
    }

    /// Whether a number is beyond the last slot.
    pub fn is_slot(&self) -> bool {
        matches!(self.0, Kind::Slot(_))
    }

    /// Whether a text is not `host:port`.
    pub fn is_endpoint(&self) -> bool {
        matches!(self.0, Kind::Endpoint(_))
    }

    /// Whether a node's reply could not be read: see [`reply`](Self::reply).
    pub fn is_reply(&self) -> bool {
        matches!(self.0, Kind::Reply(..))
    }

    /// Whether no slot has an owner by any view.
    pub fn is_empty(&self) -> bool {
        matches!(self.0, Kind::Empty)
    }

    /// What was wrong with a node's reply: its own error, such as `ERR This
    /// instance has cluster support disabled`, or a reply of another shape.
    pub fn reply(&self) -> Option<&slotline_resp::Error> {
        match &self.0 {
            Kind::Reply(_, cause) => Some(cause),
            _ => None,
        }
    }

    /// The server's own word, if it replied with an error.
    pub fn code(&self) -> Option<&str> {
        self.reply()?.code()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.0 {
            Kind::Reply(_, cause) => Some(cause),
            _ => None,
        }
    }
}
