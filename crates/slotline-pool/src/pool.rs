//! The pool's handle.

use std::fmt;
use std::pin::pin;
use std::sync::Arc;

use slotline_resp::Commands;
use tokio::runtime::Handle;
use tokio::time::Instant;

use crate::address::Address;
use crate::config::{Config, Intent, PoolBuilder};
use crate::dial::Greeting;
use crate::error::Error;
use crate::exchange::Exchange;
use crate::keeper;
use crate::protocol::WhileAway;
use crate::shared::Shared;
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

/// Closes when the last handle is gone; the keeper has the shared part only.
struct Owner {
    shared: Arc<Shared>,
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.shared.close();
    }
}

impl Pool {
    /// Begins to describe a pool for the node at `address`.
    pub fn builder(address: Address) -> PoolBuilder {
        PoolBuilder::new(address)
    }

    pub(crate) fn new(config: Config) -> Pool {
        let shared = Arc::new(Shared::new(config));
        Pool {
            inner: Arc::new(Owner { shared }),
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
        let shared = &self.inner.shared;
        let mut dialled = pin!(shared.dialled.notified());
        let mut since = None;
        loop {
            // Before the state is looked at, so that no dial ends unnoticed.
            dialled.as_mut().enable();
            let (found, start) = shared.with(|state| {
                if state.is_closed {
                    return (Some(Err(Error::closed(&shared.config.address))), false);
                }
                if let Some(greeting) = &state.connection {
                    return (Some(Ok(greeting.clone())), false);
                }
                let ended = state.dials_ended;
                if *since.get_or_insert(ended) != ended
                    && let Some(error) = &state.unreachable
                {
                    return (Some(Err(error.clone())), false);
                }
                state.last_used = Instant::now();
                (None, !std::mem::replace(&mut state.is_kept, true))
            });
            if let Some(found) = found {
                return found;
            }
            if start {
                self.start_keeper()?;
            }
            dialled.as_mut().await;
            dialled.set(shared.dialled.notified());
        }
    }

    /// Hands commands to the connection, as one batch: their bytes follow one
    /// another, nothing comes between them (R4). They have their place as soon
    /// as this returns: batches go out in the order of the calls.
    ///
    /// Without a connection they wait for one, or not, as `while_away` says. A
    /// batch of which no byte was written stays over a change of connection.
    /// Past `deadline`, what has not been written never will be (R5).
    ///
    /// Commands that would change the connection for everybody are refused (S4).
    /// Must be called within a tokio runtime.
    pub fn send(&self, commands: Commands, deadline: Instant, while_away: WhileAway) -> Exchange {
        let shared = &self.inner.shared;
        if commands.is_empty() {
            return Exchange::of_nothing();
        }
        if let Some((command, advice)) = commands.refused_when_shared() {
            let error = Error::refused(&shared.config.address, command.name(), advice);
            return Exchange::unsent(error);
        }
        let (ticket, start) = shared.submit(&commands, deadline, while_away);
        let started = if start { self.start_keeper() } else { Ok(()) };
        match (ticket, started) {
            (Ok(ticket), Ok(())) => Exchange::under_way(Arc::clone(shared), ticket, commands),
            (Ok(ticket), Err(error)) => {
                shared.abandon(ticket);
                Exchange::unsent(error)
            }
            (Err(error), _) => Exchange::unsent(error),
        }
    }

    /// Whether the node can be reached as far as is known: false from a failed
    /// dial until one succeeds, true otherwise.
    #[must_use]
    pub fn is_reachable(&self) -> bool {
        self.inner.shared.with(|state| state.unreachable.is_none())
    }

    /// Gives back everything of which no byte was written: it resolves at once,
    /// not sent, with [`Error::is_displaced`] (B3). For when another node has
    /// taken over this one's part.
    pub fn give_back(&self) {
        let shared = &self.inner.shared;
        let error = Error::displaced(&shared.config.address);
        shared.with(|state| state.protocol.give_back(&error));
    }

    /// Replaces the present connection, because its answers show that the server
    /// has lost what the recipe had set (S5): no request begins on it any more,
    /// those it carries are brought to an end, and all others go to the next one.
    /// Without a connection it does nothing.
    pub fn quarantine(&self) {
        self.inner.shared.with(|state| {
            if state.connection.is_some() && !state.is_quarantined {
                state.is_quarantined = true;
                state.statistics.quarantined += 1;
                let keeper = state.parked.take();
                state
                    .protocol
                    .woken
                    .extend(keeper.map(|parked| parked.waker));
            }
        });
    }

    /// What the server said of itself when the present connection was made;
    /// `None` if there is no connection.
    #[must_use]
    pub fn greeting(&self) -> Option<Greeting> {
        self.inner.shared.with(|state| state.connection.clone())
    }

    /// The node.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.inner.shared.config.address
    }

    /// What the connections are for.
    #[must_use]
    pub fn intent(&self) -> Intent {
        self.inner.shared.config.intent
    }

    /// What has been done so far.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        self.inner.shared.statistics()
    }

    /// Closes the connection. Every pending [`Exchange`] resolves, and every
    /// later one, with [`Error::is_closed`].
    pub fn close(&self) {
        self.inner.shared.close();
    }

    fn start_keeper(&self) -> Result<(), Error> {
        let shared = Arc::clone(&self.inner.shared);
        let Ok(runtime) = Handle::try_current() else {
            let error = Error::stopped(&shared.config.address, "there is no tokio runtime here");
            shared.with(|state| state.is_kept = false);
            return Err(error);
        };
        runtime.spawn(keeper::keep(keeper::Guard::new(shared)));
        Ok(())
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("config", &self.inner.shared.config)
            .finish_non_exhaustive()
    }
}
