//! Why something failed, and what became of the command.

use std::error::Error as StdError;
use std::fmt;

use slotline_pipeline as pipeline;
use slotline_pool as pool;
use slotline_resp::{CommandInfo, Delivery};
use slotline_topology::Endpoint;

use crate::gate::{NotFound, Unfound};

mod codes;
mod refused;

pub(crate) use codes::Says;
use refused::Aborted;
pub use refused::Refused;

/// What fails with an [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why something failed. Of a command it says what became of it; see
/// [`delivery`](Error::delivery).
pub struct Error(Box<Inner>);

struct Inner {
    kind: Kind,
    command: Option<String>,
    node: Option<Endpoint>,
}

#[derive(Debug)]
enum Kind {
    /// The URL or the builder's settings make no sense.
    Config(String),
    /// No node that was named can be used: each with its reason.
    Connect(NotFound),
    /// The node is there and is not what was asked for.
    Mode(String),
    /// No reply.
    Failed(pipeline::Error),
    /// The server's own error, or a reply that is not what was asked for.
    Reply(slotline_resp::Error, Delivery),
    /// The server's answer to EXEC, and to what it did not queue.
    Aborted(Aborted),
    /// A watched key had changed.
    Conflict,
    /// The watch counts no more; why.
    WatchLost(Box<Error>),
    /// The last of so many attempts was in vain; why, if no key had changed.
    Contended(u32, Option<Box<Error>>),
}

type BoxError = Box<dyn StdError + Send + Sync>;

impl Error {
    pub(crate) fn config(message: impl Into<String>) -> Error {
        Error::new(Kind::Config(message.into()))
    }

    pub(crate) fn connect(reasons: Vec<(String, BoxError)>) -> Error {
        Error::new(Kind::Connect(NotFound { reasons }))
    }

    pub(crate) fn mode(message: impl Into<String>) -> Error {
        Error::new(Kind::Mode(message.into()))
    }

    pub(crate) fn failed(error: pipeline::Error) -> Error {
        let node = error.node().cloned();
        Error::new(Kind::Failed(error)).at(node)
    }

    /// What came of the reply to a command.
    pub(crate) fn reply(error: slotline_resp::Error, info: &CommandInfo) -> Error {
        let delivery = match error.code() {
            Some(code) if error.is_server() => Delivery::of_error(info, code),
            _ => Delivery::Answered,
        };
        Error::new(Kind::Reply(error, delivery))
    }

    /// A transaction that was refused: EXEC's error, and those of its commands.
    pub(crate) fn aborted(line: &str, refused: Vec<Refused>) -> Error {
        Error::new(Kind::Aborted(Aborted::new(line, refused)))
    }

    /// A transaction that did not run, since a watched key had changed.
    pub(crate) fn conflict() -> Error {
        Error::new(Kind::Conflict)
    }

    pub(crate) fn watch_lost(why: Error) -> Error {
        let (command, node) = (why.0.command.clone(), why.0.node.clone());
        let error = Error::new(Kind::WatchLost(Box::new(why))).at(node);
        error.of_command(command.as_deref().unwrap_or_default())
    }

    pub(crate) fn contended(attempts: u32, last: Option<Error>) -> Error {
        Error::new(Kind::Contended(attempts, last.map(Box::new)))
    }

    fn new(kind: Kind) -> Error {
        Error(Box::new(Inner {
            kind,
            command: None,
            node: None,
        }))
    }

    pub(crate) fn of_command(mut self, name: &str) -> Error {
        // One that is in no table has no name here.
        self.0.command = (!name.is_empty()).then(|| name.to_owned());
        self
    }

    pub(crate) fn at(mut self, node: Option<Endpoint>) -> Error {
        self.0.node = node;
        self
    }

    /// What became of the command. A client that could not be made has sent
    /// nothing.
    #[must_use]
    pub fn delivery(&self) -> Delivery {
        match &self.0.kind {
            Kind::Config(_) | Kind::Connect(_) | Kind::Mode(_) => Delivery::NotSent,
            Kind::Failed(error) => error.delivery(),
            Kind::Reply(_, delivery) => *delivery,
            Kind::Aborted(aborted) => aborted.delivery(),
            Kind::Conflict | Kind::Contended(..) => Delivery::Rejected,
            // What was read for it may have been; the transaction was not sent.
            Kind::WatchLost(why) => match why.delivery() {
                Delivery::Rejected => Delivery::Rejected,
                _ => Delivery::NotSent,
            },
        }
    }

    /// The first word of the server's own error, as `WRONGTYPE`; also of one that
    /// it gave while a connection was made, as `WRONGPASS`.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        match &self.0.kind {
            Kind::Reply(error, _) if error.is_server() => error.code(),
            Kind::Aborted(aborted) => Some(aborted.code()),
            Kind::WatchLost(why) => why.code(),
            Kind::Reply(..) | Kind::Config(_) | Kind::Mode(_) => None,
            Kind::Conflict | Kind::Contended(..) => None,
            Kind::Failed(error) => error.code().or_else(|| self.pool_error()?.code()),
            Kind::Connect(_) => self.pool_error()?.code(),
        }
    }

    /// The command's name.
    #[must_use]
    pub fn command(&self) -> Option<&str> {
        self.0.command.as_deref()
    }

    /// The node that answered, or that it was meant for.
    #[must_use]
    pub fn node(&self) -> Option<&Endpoint> {
        self.0.node.as_ref()
    }

    /// The step of making a connection that failed: `connect`, `HELLO`, `AUTH`,
    /// `READONLY`, an init hook by its name …
    #[must_use]
    pub fn step(&self) -> Option<&str> {
        self.pool_error()?.step()
    }

    /// Whether a connection was lost or could not be made.
    #[must_use]
    pub fn is_network(&self) -> bool {
        match &self.0.kind {
            Kind::Failed(error) => error.is_network(),
            Kind::Connect(_) => self.pool_error().is_some_and(pool::Error::is_network),
            Kind::WatchLost(why) => why.is_network(),
            _ => false,
        }
    }

    /// Whether it is about the cluster: a redirect that could not be followed, a
    /// slot that nobody serves, keys of several slots.
    #[must_use]
    pub fn is_cluster(&self) -> bool {
        let of_cluster = |code: &str| Says::OfCluster.is_said_by(code);
        match &self.0.kind {
            Kind::Failed(error) => error.is_cluster() || error.code().is_some_and(of_cluster),
            Kind::Reply(error, _) => error.code().is_some_and(of_cluster),
            Kind::Aborted(aborted) => aborted.codes().any(of_cluster),
            Kind::Mode(_) => true,
            Kind::WatchLost(why) => why.is_cluster(),
            _ => false,
        }
    }

    /// Whether a time ran out.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        match &self.0.kind {
            Kind::Failed(error) => error.is_timeout(),
            Kind::Connect(_) => self.pool_error().is_some_and(pool::Error::is_timeout),
            _ => false,
        }
    }

    /// Whether the server answered with an error of its own.
    #[must_use]
    pub fn is_server(&self) -> bool {
        match &self.0.kind {
            Kind::Reply(error, _) => error.is_server(),
            Kind::Failed(error) => error.code().is_some(),
            Kind::Aborted(_) => true,
            Kind::WatchLost(why) => why.is_server(),
            _ => false,
        }
    }

    /// Whether the reply is not what was asked for, as text for a number.
    #[must_use]
    pub fn is_decode(&self) -> bool {
        matches!(&self.0.kind, Kind::Reply(error, _) if !error.is_server())
    }

    /// Whether the URL or a setting makes no sense, to itself or to the server: it
    /// may lack the database that was asked for, as clusters have one only.
    #[must_use]
    pub fn is_config(&self) -> bool {
        match &self.0.kind {
            Kind::Config(_) => true,
            Kind::Connect(_) => self.pool_error().is_some_and(|error| {
                error.is_config() || (error.step() == Some("SELECT") && error.code().is_some())
            }),
            _ => false,
        }
    }

    /// Whether the order of its pipeline forbade to send the command again.
    #[must_use]
    pub fn is_order(&self) -> bool {
        matches!(&self.0.kind, Kind::Failed(error) if error.is_order())
    }

    /// Whether the command was spread over several nodes, as DEL with keys of several
    /// slots is, and some of its parts have run while others have not, or may not have.
    /// Its [`delivery`](Error::delivery) is then
    /// [`Ambiguous`](slotline_resp::Delivery::Ambiguous), since neither all nor nothing
    /// of it took effect; everything else is that of the first part that failed.
    #[must_use]
    pub fn is_partly_done(&self) -> bool {
        matches!(&self.0.kind, Kind::Failed(error) if error.is_partly_done())
    }

    /// Whether a shared connection refused the command, or a queue was full, or all
    /// connections that may be [leased](crate::ClientBuilder::max_leases) were in use.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        matches!(&self.0.kind, Kind::Failed(error) if error.is_refused())
    }

    /// Whether a transaction did not run since a key that was watched had changed. It
    /// may be tried again, beginning with what it was made of.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        matches!(self.0.kind, Kind::Conflict)
    }

    /// Whether a [watch](crate::Client::watch) counts no more: its slot has moved, its
    /// node was demoted, or the connection was lost. Nothing of the transaction has run.
    /// Begin again with a new watch; [`Watching`](crate::Watching) does so by itself.
    #[must_use]
    pub fn is_watch_lost(&self) -> bool {
        matches!(self.0.kind, Kind::WatchLost(_))
    }

    /// Whether a transaction on watched keys did not run in as many
    /// [attempts](crate::Watching::attempts) as it had.
    #[must_use]
    pub fn is_contended(&self) -> bool {
        matches!(self.0.kind, Kind::Contended(..))
    }

    /// Whether the command was taken back before a byte of it was written.
    pub(crate) fn is_displaced(&self) -> bool {
        matches!(&self.0.kind, Kind::Failed(error) if error.is_displaced())
    }

    /// Whether it will pass: the node is away, or its slots have another owner.
    pub(crate) fn will_pass(&self) -> bool {
        let passes = |code| Says::Passes.is_said_by(code);
        self.is_network() || self.is_timeout() || self.code().is_some_and(passes)
    }

    /// The commands of a transaction that the server refused when they were queued,
    /// and why: for them it did not run ([`code`](Error::code) is `EXECABORT`). Empty
    /// for any other error.
    #[must_use]
    pub fn refused(&self) -> &[Refused] {
        match &self.0.kind {
            Kind::Aborted(aborted) => aborted.refused(),
            Kind::WatchLost(why) => why.refused(),
            _ => &[],
        }
    }

    /// The whole text of the server's own error.
    pub(crate) fn server_line(&self) -> Option<std::borrow::Cow<'_, str>> {
        match &self.0.kind {
            Kind::Reply(error, _) if error.is_server() => Some(error.message()),
            _ => None,
        }
    }

    fn pool_error(&self) -> Option<&pool::Error> {
        match &self.0.kind {
            Kind::Failed(error) => {
                let cause = error.cause()?;
                let unfound = cause.downcast_ref::<Unfound>();
                let of_all = unfound.and_then(|unfound| unfound.0.pool_error());
                cause.downcast_ref().or(of_all)
            }
            Kind::Connect(reasons) => reasons.pool_error(),
            _ => None,
        }
    }
}

impl NotFound {
    fn pool_error(&self) -> Option<&pool::Error> {
        let mut reasons = self.reasons.iter();
        reasons.find_map(|(_, reason)| (&**reason as &(dyn StdError + 'static)).downcast_ref())
    }
}

impl Error {
    fn origin(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.node {
            Some(node) => write!(f, " (from {node}, {})", self.delivery()),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let (Some(command), false) = (&self.0.command, self.is_watch_lost()) {
            write!(f, "{command}: ")?;
        }
        match &self.0.kind {
            Kind::Config(message) | Kind::Mode(message) => f.write_str(message),
            Kind::Failed(error) => error.fmt(f),
            Kind::Conflict => f.write_str("a watched key had changed; nothing has run"),
            Kind::Reply(error, _) => {
                error.fmt(f)?;
                self.origin(f)
            }
            Kind::Aborted(aborted) => {
                aborted.fmt(f)?;
                self.origin(f)
            }
            Kind::Connect(reasons) => reasons.fmt(f),
            Kind::WatchLost(why) => {
                write!(f, "the watch is lost, and nothing has run: {why}")
            }
            Kind::Contended(attempts, last) => {
                write!(f, "nothing has run in {attempts} attempts: ")?;
                match last {
                    Some(why) => why.fmt(f),
                    None => f.write_str("a watched key had changed each time"),
                }
            }
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("command", &self.0.command)
            .field("node", &self.0.node)
            .finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.0.kind {
            Kind::Config(_) | Kind::Mode(_) | Kind::Aborted(_) | Kind::Conflict => None,
            Kind::WatchLost(why) => why.source(),
            Kind::Contended(_, last) => last.as_ref()?.source(),
            Kind::Connect(NotFound { reasons }) => {
                reasons.first().and_then(|(_, reason)| reason.source())
            }
            // Their words are this error's own: go on to what lies behind them.
            Kind::Failed(error) => error.source(),
            Kind::Reply(error, _) => error.source(),
        }
    }
}
