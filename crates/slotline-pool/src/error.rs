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
    #[cfg(feature = "tls")]
    InvalidTls(String),
    Refused {
        command: String,
        /// On what.
        on: &'static str,
        advice: &'static str,
    },
    Dial(Dial),
    Lost(&'static str),
    Deadline(Waiting),
    Full,
    Displaced,
    Cancelled,
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
    /// What provides the credentials failed: it may well not the next time.
    Provider,
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
    /// For somebody to give a leased connection back.
    Lease,
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

    #[cfg(feature = "tls")]
    pub(crate) fn invalid_tls(what: impl Into<String>) -> Error {
        Error::of(Kind::InvalidTls(what.into()), None, None)
    }

    pub(crate) fn refused(address: &Address, command: &str, advice: &'static str) -> Error {
        Error::refused_on(address, "a connection that is shared", command, advice)
    }

    pub(crate) fn refused_on(
        address: &Address,
        on: &'static str,
        command: &str,
        advice: &'static str,
    ) -> Error {
        let refused = Kind::Refused {
            command: command.to_owned(),
            on,
            advice,
        };
        Error::of(refused, Some(address), None)
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

    pub(crate) fn cancelled(address: &Address) -> Error {
        Error::of(Kind::Cancelled, Some(address), None)
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

    /// Whether an address or a setting makes no sense.
    #[must_use]
    pub fn is_config(&self) -> bool {
        match self.0.kind {
            Kind::InvalidAddress(_) => true,
            #[cfg(feature = "tls")]
            Kind::InvalidTls(_) => true,
            _ => false,
        }
    }

    /// Whether the network is the cause: the node could not be reached, or the
    /// connection was lost.
    #[must_use]
    pub fn is_network(&self) -> bool {
        match &self.0.kind {
            Kind::Dial(dial) => matches!(dial.nature, Nature::Network | Nature::Timeout),
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
            Kind::Lost(how) => *how == SILENT || *how == UNANSWERED,
            _ => false,
        }
    }

    /// Whether the command was refused: because it would change the connection
    /// for everybody who shares it or, on a [`Lease`](crate::Lease), because its
    /// replies could not be told apart. The text says what to use instead.
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

    /// Whether the command was taken back by [`Call::cancel`](crate::Call::cancel)
    /// before any of it was sent.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        matches!(self.0.kind, Kind::Cancelled)
    }

    /// Whether there was no room among what waits for this node, or no connection
    /// left to lease.
    #[must_use]
    pub fn is_overloaded(&self) -> bool {
        matches!(
            self.0.kind,
            Kind::Full | Kind::Deadline(Waiting::Room | Waiting::Lease)
        )
    }

    /// Whether a connection could not be made ready for use; see [`step`](Self::step).
    #[must_use]
    pub fn is_handshake(&self) -> bool {
        matches!(self.0.kind, Kind::Dial(_))
    }

    /// The step in which a connection could not be made ready: `credentials`,
    /// `connect`, `TLS`, `HELLO`, `AUTH`, `SELECT`, `READONLY`, `init hook 2
    /// (warm-up)`.
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
        let is_provider = matches!(&self.0.kind, Kind::Dial(it) if it.nature == Nature::Provider);
        self.is_network() || is_provider
    }
}

/// How a connection is lost that the server has ended.
pub(crate) const CLOSED: &str = "closed by the server";
/// How a connection is lost on which nothing has come for too long.
pub(crate) const SILENT: &str = "no answer within the response timeout";
/// How a connection is lost that was idle and did not answer a PING.
pub(crate) const UNANSWERED: &str = "no answer to a PING while idle";

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(address) = &self.0.address {
            write!(f, "{address}: ")?;
        }
        match &self.0.kind {
            Kind::InvalidAddress(what) => write!(f, "not an address: {what}"),
            #[cfg(feature = "tls")]
            Kind::InvalidTls(what) => write!(f, "the TLS settings make no sense: {what}"),
            Kind::Refused {
                command,
                on,
                advice,
            } => write!(f, "{command} is refused on {on}: {advice}"),
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
                    Waiting::Lease => "a leased connection to be given back",
                })?;
                match &self.0.source {
                    Some(source) => write!(f, " (last dial: {source})"),
                    None => Ok(()),
                }
            }
            Kind::Full => f.write_str("the node's queue is full"),
            Kind::Displaced => f.write_str("handed back unsent, to be routed anew"),
            Kind::Cancelled => f.write_str("taken back before it was sent"),
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
