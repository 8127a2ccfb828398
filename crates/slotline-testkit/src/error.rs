//! The one error type of the crate.

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// The result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, on which node, at which step.
#[derive(Debug)]
pub struct Error {
    kind: Kind,
    step: Cow<'static, str>,
    node: Option<SocketAddr>,
}

#[derive(Debug)]
enum Kind {
    Setup(String),
    Io(io::Error),
    Timeout { after: Duration, last: String },
    Server(slotline_resp::Error),
    Protocol(slotline_resp::Error),
    Process(String),
    AddressInUse,
}

impl Error {
    fn new(step: impl Into<Cow<'static, str>>, kind: Kind) -> Self {
        Self {
            kind,
            step: step.into(),
            node: None,
        }
    }

    pub(crate) fn setup(step: impl Into<Cow<'static, str>>, what: impl Into<String>) -> Self {
        Self::new(step, Kind::Setup(what.into()))
    }

    pub(crate) fn io(step: impl Into<Cow<'static, str>>, error: io::Error) -> Self {
        Self::new(step, Kind::Io(error))
    }

    pub(crate) fn timeout(
        step: impl Into<Cow<'static, str>>,
        after: Duration,
        last: impl Into<String>,
    ) -> Self {
        Self::new(
            step,
            Kind::Timeout {
                after,
                last: last.into(),
            },
        )
    }

    /// An error reply, or bytes that could not be read as a reply.
    pub(crate) fn reply(step: impl Into<Cow<'static, str>>, error: slotline_resp::Error) -> Self {
        let kind = if error.is_server() {
            Kind::Server(error)
        } else {
            Kind::Protocol(error)
        };
        Self::new(step, kind)
    }

    pub(crate) fn process(step: impl Into<Cow<'static, str>>, what: impl Into<String>) -> Self {
        Self::new(step, Kind::Process(what.into()))
    }

    pub(crate) fn address_in_use(step: impl Into<Cow<'static, str>>) -> Self {
        Self::new(step, Kind::AddressInUse)
    }

    /// The same error, saying at which node it happened.
    pub(crate) fn at(mut self, node: SocketAddr) -> Self {
        self.node = Some(node);
        self
    }

    /// Whether no server binary, folder or port could be had.
    pub fn is_setup(&self) -> bool {
        matches!(self.kind, Kind::Setup(_))
    }

    /// Whether a file or a socket failed.
    pub fn is_io(&self) -> bool {
        matches!(self.kind, Kind::Io(_))
    }

    /// Whether something was waited for and did not come about in time.
    pub fn is_timeout(&self) -> bool {
        matches!(self.kind, Kind::Timeout { .. })
    }

    /// Whether a server replied with an error.
    pub fn is_server(&self) -> bool {
        matches!(self.kind, Kind::Server(_))
    }

    /// Whether a server process ended, or could not be signalled.
    pub fn is_process(&self) -> bool {
        matches!(self.kind, Kind::Process(_) | Kind::AddressInUse)
    }

    /// Whether a server found its port taken by another program.
    pub(crate) fn is_address_in_use(&self) -> bool {
        matches!(self.kind, Kind::AddressInUse)
    }

    /// The first word of a server's error, such as `ERR` or `CLUSTERDOWN`.
    pub fn code(&self) -> Option<&str> {
        match &self.kind {
            Kind::Server(error) => error.code(),
            _ => None,
        }
    }

    /// The node it happened at, if at one.
    pub fn node(&self) -> Option<SocketAddr> {
        self.node
    }

    /// What was being done.
    pub fn step(&self) -> &str {
        &self.step
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(node) = self.node {
            write!(f, "node {node}: ")?;
        }
        write!(f, "{}: ", self.step)?;
        match &self.kind {
            Kind::Setup(what) | Kind::Process(what) => f.write_str(what),
            Kind::Io(error) => error.fmt(f),
            Kind::Timeout { after, last } if last.is_empty() => {
                write!(f, "not done after {after:?}")
            }
            Kind::Timeout { after, last } => write!(f, "not done after {after:?}: {last}"),
            Kind::Server(error) | Kind::Protocol(error) => error.fmt(f),
            Kind::AddressInUse => f.write_str("its port is taken by another program"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.kind {
            Kind::Io(error) => Some(error),
            Kind::Server(error) | Kind::Protocol(error) => Some(error),
            _ => None,
        }
    }
}
