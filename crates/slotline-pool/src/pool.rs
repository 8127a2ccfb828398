//! The pool's handle.

use std::fmt;
use std::sync::Arc;

use slotline_resp::Commands;
use tokio::time::Instant;

use crate::address::Address;
use crate::config::{Config, Intent, PoolBuilder};
use crate::dial::Greeting;
use crate::error::Error;
use crate::exchange::Exchange;
use crate::line::Line;
use crate::protocol::WhileAway;
use crate::statistics::Statistics;

/// Initialised connections to one node, for one intent, that any number of tasks
/// use at once.
///
/// Cheap to clone. It dials when it is first needed, and again, with the same
/// recipe (S3), whenever the connection is lost. When the last clone is dropped
/// the connection is closed and every pending [`Exchange`] resolves.
#[derive(Clone)]
pub struct Pool {
    inner: Arc<Owner>,
}

/// Closes when the last handle is gone: each line then closes itself.
struct Owner {
    config: Arc<Config>,
    first: Line,
    more: Box<[Line]>,
}

impl Owner {
    fn lines(&self) -> impl Iterator<Item = &Line> {
        std::iter::once(&self.first).chain(&self.more)
    }

    /// The line with the fewest commands in flight, the first of several: so a
    /// further connection is made only when those before it are in use.
    fn least_loaded(&self) -> &Line {
        if self.more.is_empty() {
            return &self.first;
        }
        let lines = self.lines();
        lines
            .min_by_key(|line| line.shared.in_flight())
            .unwrap_or(&self.first)
    }
}

impl Pool {
    /// Begins to describe a pool for the node at `address`.
    pub fn builder(address: Address) -> PoolBuilder {
        PoolBuilder::new(address)
    }

    pub(crate) fn new(config: Config) -> Pool {
        let config = Arc::new(config);
        let line = || Line::new(Arc::clone(&config));
        let more = (1..config.connections).map(|_| line()).collect();
        Pool {
            inner: Arc::new(Owner {
                first: line(),
                more,
                config,
            }),
        }
    }

    /// Makes sure that there is a connection, and tells what the server said of
    /// itself. If a dial is under way it waits for that one; after a failed dial
    /// it waits out the pause before the next, a second at most.
    ///
    /// # Errors
    /// That of the dial, [`Error::step`] naming the step; or the pool is closed.
    ///
    /// # Cancel safety
    /// If it is dropped, the dial goes on for those who come later.
    pub async fn connect(&self) -> Result<Greeting, Error> {
        self.inner.first.connect().await
    }

    /// Hands commands to the connection, as one batch: their bytes follow one
    /// another, nothing comes between them (R4). They have their place as soon
    /// as this returns: on one connection, batches go out in the order of the
    /// calls; of several, it goes to the one with the fewest commands in flight.
    ///
    /// Without a connection they wait for one, or not, as `while_away` says. A
    /// batch of which no byte was written stays over a change of connection.
    /// Past `deadline`, what has not been written never will be (R5).
    ///
    /// Commands that would change the connection for everybody are refused (S4).
    /// Must be called within a tokio runtime.
    pub fn send(&self, commands: Commands, deadline: Instant, while_away: WhileAway) -> Exchange {
        if commands.is_empty() {
            return Exchange::of_nothing();
        }
        if let Some((command, advice)) = commands.refused_when_shared() {
            let error = Error::refused(self.address(), command.name(), advice);
            return Exchange::unsent(error);
        }
        let line = self.inner.least_loaded();
        line.send(commands, deadline, while_away)
    }

    /// Whether the node can be reached as far as is known: false from a failed
    /// dial until one succeeds, true otherwise.
    #[must_use]
    pub fn is_reachable(&self) -> bool {
        self.inner.lines().all(|line| line.is_reachable())
    }

    /// Gives back everything of which no byte was written: it resolves at once,
    /// not sent, with [`Error::is_displaced`] (B3). For when another node has
    /// taken over this one's part.
    pub fn give_back(&self) {
        self.inner.lines().for_each(Line::give_back);
    }

    /// Replaces the present connections, because the answers of one show that the
    /// server has lost what the recipe had set (S5): no request begins on them any
    /// more, those they carry are brought to an end, and all others go to the
    /// next ones. Without a connection it does nothing.
    pub fn quarantine(&self) {
        self.inner.lines().for_each(Line::quarantine);
    }

    /// What the server said of itself when the present connection was made, the
    /// first of several; `None` if there is no connection.
    #[must_use]
    pub fn greeting(&self) -> Option<Greeting> {
        self.inner.lines().find_map(Line::greeting)
    }

    /// The node.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.inner.config.address
    }

    /// What the connections are for.
    #[must_use]
    pub fn intent(&self) -> Intent {
        self.inner.config.intent
    }

    /// What has been done so far, over all connections.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        let each = self.inner.lines().map(|line| line.shared.statistics());
        each.fold(Statistics::default(), Statistics::with)
    }

    /// Closes the connections. Every pending [`Exchange`] resolves, and every
    /// later one, with [`Error::is_closed`].
    pub fn close(&self) {
        self.inner.lines().for_each(|line| line.shared.close());
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("config", &self.inner.config)
            .finish_non_exhaustive()
    }
}
