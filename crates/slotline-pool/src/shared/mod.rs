//! What the callers, the keeper and the driver of one pool share: plain data
//! under a lock that is held briefly, and never while anything is woken.

mod state;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use slotline_resp::Commands;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::config::Config;
use crate::dial::Greeting;
use crate::error::{Error, Waiting};
use crate::events::EventKind;
use crate::observers::{Closed, Lent};
use crate::protocol::{Outcome, Ticket, WhileAway};
use crate::state::ConnectionState;
use crate::statistics::Statistics;

pub(crate) use state::{Parked, State, UNUSED, earlier};

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: Arc<Config>,
    /// Which of the pool's connections it is.
    pub(crate) index: usize,
    state: Mutex<State>,
    /// Commands that hold a place, as last seen: for choosing among connections
    /// without taking their locks.
    in_flight: AtomicUsize,
    /// A dial has ended, or the pool was closed.
    pub(crate) dialled: Notify,
}

impl Shared {
    pub(crate) fn new(config: Arc<Config>, index: usize) -> Shared {
        Shared {
            state: Mutex::new(State::new(config.bounds, Instant::now())),
            config,
            index,
            in_flight: AtomicUsize::new(0),
            dialled: Notify::new(),
        }
    }

    /// Tells the observers of a connection that is about to be used.
    pub(crate) fn tell_lent(&self, greeting: &Greeting, now: Instant) {
        let config = &self.config;
        self.with(|state| state.lent = Some(now));
        config.observers.lent(&Lent {
            address: &config.address,
            intent: config.intent,
            connection: Some(self.index),
            greeting,
        });
    }

    /// Tells the observers that it is gone, once; whether there was any.
    pub(crate) fn tell_closed(&self, reason: &Error) -> bool {
        let Some(lent) = self.with(|state| state.lent.take()) else {
            return false;
        };
        let config = &self.config;
        config.observers.closed(&Closed {
            address: &config.address,
            intent: config.intent,
            connection: Some(self.index),
            lived: lent.elapsed(),
            reason,
        });
        true
    }

    /// Tells whoever listens.
    pub(crate) fn tell(&self, kind: EventKind) {
        self.config.tell(Some(self.index), kind);
    }

    /// Commands that hold a place, as of the last change.
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic while it was held cannot have left more behind than a request
        // that is answered late; the keeper's guard then fails them all.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something to the state; whom it concerns is woken once the lock has
    /// been let go.
    pub(crate) fn with<R>(&self, act: impl FnOnce(&mut State) -> R) -> R {
        let mut state = self.lock();
        let result = act(&mut state);
        self.let_go(state);
        result
    }

    /// The same for the driver, which wakes whom it concerns when it likes to.
    pub(crate) fn with_driver<R>(
        &self,
        woken: &mut VecDeque<Waker>,
        act: impl FnOnce(&mut State) -> R,
    ) -> R {
        let mut state = self.lock();
        let result = act(&mut state);
        if !state.protocol.woken.is_empty() {
            woken.extend(state.protocol.woken.drain(..));
        }
        self.note_in_flight(&state);
        let driver = state.driver_to_wake();
        drop(state);
        if let Some(driver) = driver {
            driver.wake();
        }
        result
    }

    /// Lets the lock go, and then wakes whom what was done to the state concerns.
    fn let_go(&self, mut state: MutexGuard<'_, State>) {
        // An empty list stays, with the room that it has grown to.
        let woken = match state.protocol.woken.is_empty() {
            true => Vec::new(),
            false => std::mem::take(&mut state.protocol.woken),
        };
        self.note_in_flight(&state);
        let keeper = state.keeper_to_wake(&self.config);
        drop(state);
        if let Some(keeper) = keeper {
            keeper.wake();
        }
        woken.into_iter().for_each(Waker::wake);
    }

    fn note_in_flight(&self, state: &State) {
        let in_flight = state.protocol.in_flight();
        self.in_flight.store(in_flight, Ordering::Relaxed);
    }

    /// Gives commands a place. The flag says whether a keeper has to be started.
    pub(crate) fn submit(
        &self,
        commands: &Commands,
        deadline: Instant,
        while_away: WhileAway,
    ) -> (Result<Ticket, Error>, bool) {
        let mut state = self.lock();
        let (outcome, written_at) = self.admit(&mut state, commands, deadline, while_away);
        if let Some(now) = written_at
            && let Some((direct, chunk)) = state.take_direct()
        {
            // Whom it concerns is looked after below, when all of it is done.
            drop(state);
            // If the socket is broken, the driver will find that out.
            let written = chunk.write_with(|pieces| direct.write(pieces));
            state = self.lock();
            state.wrote(chunk, written.unwrap_or(0), now);
        }
        self.let_go(state);
        outcome
    }

    /// The same under the lock. Also what time it is, where the driver is asleep.
    fn admit(
        &self,
        state: &mut State,
        commands: &Commands,
        deadline: Instant,
        while_away: WhileAway,
    ) -> ((Result<Ticket, Error>, bool), Option<Instant>) {
        let address = &self.config.address;
        if state.takes_nothing() {
            return ((Err(Error::closed(address)), false), None);
        }
        state.is_used = true;
        // A driver that is awake looks at the clock before it writes anything.
        let is_asleep = state.connection.is_none() || state.parked.is_some();
        let now = is_asleep.then(Instant::now);
        if now.is_some_and(|now| deadline <= now) {
            let error = Error::deadline(address, Waiting::Connection, None);
            return ((Err(error), false), None);
        }
        // Even a request that is refused keeps the keeper trying, or the
        // node would count as unreachable for ever.
        let start = !std::mem::replace(&mut state.is_kept, true);
        if let Some(error) = state.turns_away(while_away, start, &self.config) {
            state.statistics.failed_fast += 1;
            return ((Err(error), start), None);
        }
        let ticket = state.protocol.submit(commands, deadline, while_away);
        if ticket.is_some() {
            state.statistics.commands += commands.len() as u64;
        }
        ((ticket.ok_or_else(|| Error::full(address)), start), now)
    }

    pub(crate) fn poll_outcome(&self, ticket: Ticket, waker: &Waker) -> Option<Outcome> {
        let mut state = self.lock();
        let outcome = state.protocol.poll(ticket, waker);
        // Who waits concerns nobody else, and who has taken an outcome only a line that
        // drains, which may be settled by that: no keeper is looked after on this path.
        let concerns_keeper = outcome.is_some() && state.draining.is_some();
        drop(state);
        if concerns_keeper {
            self.with(|_| ());
        }
        outcome
    }

    pub(crate) fn abandon(&self, ticket: Ticket) {
        self.with(|state| state.protocol.abandon(ticket));
    }

    pub(crate) fn close(&self) {
        let now = Instant::now();
        self.with(|state| state.close(now, &self.config));
        self.dialled.notify_waiters();
    }

    /// What it is now, for [`Pool::state`](crate::Pool::state).
    pub(crate) fn state(&self) -> ConnectionState {
        self.with(|state| {
            let (in_flight, queued_bytes, waiting) = state.protocol.load();
            ConnectionState {
                phase: state.phase,
                since: state.since,
                greeting: state.connection.clone(),
                in_flight,
                queued_bytes,
                waiting,
                failures: state.failures,
                last_error: state.last_error.clone(),
            }
        })
    }

    pub(crate) fn statistics(&self) -> Statistics {
        self.with(|state| {
            let (in_flight, queued_bytes, waiting) = state.protocol.load();
            Statistics {
                in_flight,
                queued_bytes,
                waiting,
                replies: state.protocol.replies,
                pushes: state.statistics.pushes + state.protocol.pushes,
                connected: state.connection.is_some(),
                ..state.statistics
            }
        })
    }
}
