//! The one error type of the crate.

use std::fmt;
use std::sync::Arc;

use crate::address::Address;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why a pool could not do what was asked, at which node and in which step.
///
/// Cheap to clone, since one lost connection is the outcome of many commands.
/// What became of a command is not told here but by
/// [`Failure::delivery`](crate::Failure::delivery). Neither `Display` nor
/// `Debug` shows a password, a key or a value.
#[derive(Clone)]
pub struct Error(Arc<Inner>);

struct Inner {
    kind: Kind,
    address: Option<Address>,
    source: Option<Source>,
}

#[derive(Debug)]
enum Kind {
    InvalidAddress(String),
    Refused {
        command: String,
        advice: &'static str,
    },
    Dial(Dial),
    Lost(&'static str),
    Deadline(Waiting),
    Full,
    Displaced,
    Closed,
    Stopped(&'static str),
    SetupOver,
}

#[derive(Debug)]
struct Dial {
    step: String,
    cause: String,
    code: Option<String>,
    nature: Nature,
}

/// What sort of thing made a dial fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Nature {
    /// The network, or a server that for the moment takes nobody: worth waiting.
    Network,
    /// The deadline over the whole dial.
    Timeout,
    /// The server or a hook said no: trying again changes little.
    Refusal,
}

/// What a request was waiting for when its deadline passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waiting {
    /// For its turn, the node's queue being full.
    Room,
    /// For a connection, or for the connection to take its bytes.
    Connection,
    /// For the answer.
    Reply,
}

impl Error {
    fn of(kind: Kind, address: Option<&Address>, source: Option<Source>) -> Error {
        Error(Arc::new(Inner {
            kind,
            address: address.cloned(),
            source,
        }))
    }

    pub(crate) fn invalid_address(text: &str, what: &str) -> Error {
        Error::of(
            Kind::InvalidAddress(format!("`{text}`: {what}")),
            None,
            None,
        )
    }

    pub(crate) fn refused(address: &Address, command: &str, advice: &'static str) -> Error {
        let command = command.to_owned();
        Error::of(Kind::Refused { command, advice }, Some(address), None)
    }

    /// A dial that failed in `step`, in the words of `source`.
    pub(crate) fn dial(
        address: &Address,
        step: impl Into<String>,
        nature: Nature,
        source: impl Into<Source>,
    ) -> Error {
        let source = source.into();
        let code = source
            .downcast_ref::<slotline_resp::Error>()
            .and_then(|error| error.code().map(str::to_owned));
        let dial = Dial {
            step: step.into(),
            cause: source.to_string(),
            code,
            nature,
        };
        Error::of(Kind::Dial(dial), Some(address), Some(source))
    }

    /// A connection that was lost while it was in use.
    pub(crate) fn lost(address: &Address, how: &'static str, source: Option<Source>) -> Error {
        Error::of(Kind::Lost(how), Some(address), source)
    }

    pub(crate) fn deadline(address: &Address, waiting: Waiting, last_dial: Option<Error>) -> Error {
        let source = last_dial.map(|error| Box::new(error) as Source);
        Error::of(Kind::Deadline(waiting), Some(address), source)
    }

    pub(crate) fn full(address: &Address) -> Error {
        Error::of(Kind::Full, Some(address), None)
    }

    pub(crate) fn displaced(address: &Address) -> Error {
        Error::of(Kind::Displaced, Some(address), None)
    }

    pub(crate) fn closed(address: &Address) -> Error {
        Error::of(Kind::Closed, Some(address), None)
    }

    pub(crate) fn stopped(address: &Address, why: &'static str) -> Error {
        Error::of(Kind::Stopped(why), Some(address), None)
    }

    pub(crate) fn setup_over(address: &Address) -> Error {
        Error::of(Kind::SetupOver, Some(address), None)
    }

    /// Whether the network is the cause: the node could not be reached, or the
    /// connection was lost.
    #[must_use]
    pub fn is_network(&self) -> bool {
        match &self.0.kind {
            Kind::Dial(dial) => dial.nature != Nature::Refusal,
            Kind::Lost(_) => true,
            _ => false,
        }
    }

    /// Whether time ran out: a request's deadline, the connect timeout, or the
    /// time within which a connection must have answered.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        match &self.0.kind {
            Kind::Dial(dial) => dial.nature == Nature::Timeout,
            Kind::Deadline(_) => true,
            Kind::Lost(how) => *how == SILENT,
            _ => false,
        }
    }

    /// Whether the command was refused because it would change the connection
    /// for everybody who shares it. The text says what to use instead.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        matches!(self.0.kind, Kind::Refused { .. })
    }

    /// Whether the request was handed back by [`Pool::give_back`](crate::Pool::give_back).
    #[must_use]
    pub fn is_displaced(&self) -> bool {
        matches!(self.0.kind, Kind::Displaced)
    }

    /// Whether the pool was closed, or what served it has ended.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        matches!(self.0.kind, Kind::Closed | Kind::Stopped(_))
    }

    /// Whether there was no room among what waits for this node.
    #[must_use]
    pub fn is_overloaded(&self) -> bool {
        matches!(self.0.kind, Kind::Full | Kind::Deadline(Waiting::Room))
    }

    /// Whether a connection could not be made ready for use; see [`step`](Self::step).
    #[must_use]
    pub fn is_handshake(&self) -> bool {
        matches!(self.0.kind, Kind::Dial(_))
    }

    /// The step in which a connection could not be made ready: `connect`,
    /// `HELLO`, `AUTH`, `SELECT`, `READONLY`, `init hook 2 (warm-up)`.
    #[must_use]
    pub fn step(&self) -> Option<&str> {
        match &self.0.kind {
            Kind::Dial(dial) => Some(&dial.step),
            _ => None,
        }
    }

    /// The first word of the server's own error, if that is the cause, such as
    /// `WRONGPASS`.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        match &self.0.kind {
            Kind::Dial(dial) => dial.code.as_deref(),
            _ => None,
        }
    }

    /// The node that it is about.
    #[must_use]
    pub fn address(&self) -> Option<&Address> {
        self.0.address.as_ref()
    }

    /// Whether another dial soon may well succeed.
    pub(crate) fn is_passing(&self) -> bool {
        self.is_network()
    }
}

/// How a connection is lost that the server has ended.
pub(crate) const CLOSED: &str = "closed by the server";
/// How a connection is lost on which nothing has come for too long.
pub(crate) const SILENT: &str = "no answer within the response timeout";

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(address) = &self.0.address {
            write!(f, "{address}: ")?;
        }
        match &self.0.kind {
            Kind::InvalidAddress(what) => write!(f, "not an address: {what}"),
            Kind::Refused { command, advice } => write!(
                f,
                "{command} is refused on a connection that is shared: {advice}"
            ),
            Kind::Dial(dial) => write!(f, "{}: {}", dial.step, dial.cause),
            Kind::Lost(how) => {
                write!(f, "connection lost: {how}")?;
                match &self.0.source {
                    Some(source) => write!(f, ": {source}"),
                    None => Ok(()),
                }
            }
            Kind::Deadline(waiting) => {
                f.write_str("the deadline passed while waiting for ")?;
                f.write_str(match waiting {
                    Waiting::Room => "room in the node's queue",
                    Waiting::Connection => "a connection to take the command",
                    Waiting::Reply => "the reply",
                })?;
                match &self.0.source {
                    Some(source) => write!(f, " (last dial: {source})"),
                    None => Ok(()),
                }
            }
            Kind::Full => f.write_str("the node's queue is full"),
            Kind::Displaced => f.write_str("handed back unsent, to be routed anew"),
            Kind::Closed => f.write_str("the pool is closed"),
            Kind::Stopped(why) => f.write_str(why),
            Kind::SetupOver => f.write_str("the init hook is over, its connection is not its own"),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("address", &self.0.address)
            .field("source", &self.0.source)
            .finish()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        let source = self.0.source.as_deref()?;
        Some(source)
    }
}
