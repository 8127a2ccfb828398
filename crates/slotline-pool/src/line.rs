//! One shared connection, now and whenever it has been made anew.

use std::pin::pin;
use std::sync::Arc;

use slotline_resp::Commands;
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout_at};

use crate::config::Config;
use crate::dial::Greeting;
use crate::error::Error;
use crate::events::EventKind;
use crate::exchange::Exchange;
use crate::keeper;
use crate::protocol::WhileAway;
use crate::shared::Shared;

/// The place of one connection in its pool. The keeper task that serves it has
/// the shared part only, so that dropping the line ends it.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) shared: Arc<Shared>,
}

impl Drop for Line {
    fn drop(&mut self) {
        self.shared.close();
    }
}

impl Line {
    pub(crate) fn new(config: Arc<Config>, index: usize) -> Line {
        Line {
            shared: Arc::new(Shared::new(config, index)),
        }
    }

    /// See [`Pool::connect`](crate::Pool::connect).
    pub(crate) async fn connect(&self) -> Result<Greeting, Error> {
        let shared = &self.shared;
        let mut dialled = pin!(shared.dialled.notified());
        let mut since = None;
        loop {
            // Before the state is looked at, so that no dial ends unnoticed.
            dialled.as_mut().enable();
            let (found, start) = shared.with(|state| {
                if state.takes_nothing() {
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
                state.is_used = true;
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

    /// See [`Pool::send`](crate::Pool::send); what is to be refused has been.
    pub(crate) fn send(
        &self,
        commands: Commands,
        deadline: Instant,
        while_away: WhileAway,
    ) -> Exchange {
        let shared = &self.shared;
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

    pub(crate) fn is_reachable(&self) -> bool {
        let now = Instant::now();
        self.shared
            .with(|state| state.unreachable.is_none() && !state.is_suspect(now))
    }

    /// See [`Pool::give_back`](crate::Pool::give_back).
    pub(crate) fn give_back(&self) {
        let error = Error::displaced(&self.shared.config.address);
        self.shared.with(|state| state.protocol.give_back(&error));
    }

    pub(crate) fn greeting(&self) -> Option<Greeting> {
        self.shared.with(|state| state.connection.clone())
    }

    /// See [`Pool::quarantine`](crate::Pool::quarantine).
    pub(crate) fn quarantine(&self) {
        let is_new = self.shared.with(|state| {
            let is_new = state.connection.is_some() && !state.is_quarantined;
            if is_new {
                state.is_quarantined = true;
                state.statistics.quarantined += 1;
                state.wake_keeper();
            }
            is_new
        });
        if is_new {
            self.shared.tell(EventKind::Quarantined);
        }
    }

    /// See [`Pool::drain`](crate::Pool::drain).
    pub(crate) fn begin_to_drain(&self, deadline: Instant) {
        let now = Instant::now();
        self.shared.with(|state| state.drain(deadline, now));
    }

    /// Waits until it has been drained and its socket is closed, or has no more
    /// time.
    pub(crate) async fn drained(&self, deadline: Instant) {
        let shared = &self.shared;
        let mut dialled = pin!(shared.dialled.notified());
        loop {
            dialled.as_mut().enable();
            if !shared.with(|state| state.is_kept) {
                // Nobody else is there to do it.
                return shared.close();
            }
            if timeout_at(deadline, dialled.as_mut()).await.is_err() {
                return shared.close();
            }
            dialled.set(shared.dialled.notified());
        }
    }

    /// See [`Pool::reauthenticate`](crate::Pool::reauthenticate).
    pub(crate) fn reauthenticate(&self) {
        self.shared.with(|state| {
            state.upkeep.reauth.request();
            state.wake_keeper();
        });
    }

    fn start_keeper(&self) -> Result<(), Error> {
        let shared = Arc::clone(&self.shared);
        let Ok(runtime) = Handle::try_current() else {
            let error = Error::stopped(&shared.config.address, "there is no tokio runtime here");
            shared.with(|state| state.is_kept = false);
            return Err(error);
        };
        runtime.spawn(keeper::keep(keeper::Guard::new(shared)));
        Ok(())
    }
}
