//! What the callers, the keeper and the driver of one pool share: plain data
//! under a lock that is held briefly, and never while anything is woken.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use slotline_resp::Commands;
use tokio::sync::Notify;
use tokio::time::{Duration, Instant};

use crate::config::Config;
use crate::dial::{Direct, Greeting};
use crate::error::{Error, Waiting};
use crate::protocol::{Chunk, Outcome, Protocol, Ticket, WhileAway};
use crate::statistics::Statistics;

/// A pool that nobody has used for so long does not dial again by itself.
pub(crate) const UNUSED: Duration = Duration::from_secs(30);

/// After so long without a sign of life a peer may well have closed.
pub(crate) const STALE: Duration = Duration::from_millis(10);

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: Arc<Config>,
    state: Mutex<State>,
    /// Commands that hold a place, as last seen: for choosing among connections
    /// without taking their locks.
    in_flight: AtomicUsize,
    /// A dial has ended, or the pool was closed.
    pub(crate) dialled: Notify,
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) protocol: Protocol,
    pub(crate) connection: Option<Greeting>,
    /// Why the last dial failed; `None` if it did not, or there was none.
    pub(crate) unreachable: Option<Error>,
    /// How many dials have ended.
    pub(crate) dials_ended: u64,
    /// Dials, or short-lived connections, in a row that came to nothing.
    pub(crate) failures: u32,
    /// Dials in a row that were refused rather than lost.
    pub(crate) refusals: u32,
    /// The next dial is not to begin earlier.
    pub(crate) not_before: Option<Instant>,
    pub(crate) last_used: Instant,
    pub(crate) is_closed: bool,
    /// The present connection is to take no more requests.
    pub(crate) is_quarantined: bool,
    /// Whether there is a keeper task.
    pub(crate) is_kept: bool,
    pub(crate) parked: Option<Parked>,
    /// The way to write to the present connection without the driver.
    pub(crate) direct: Option<Direct>,
    /// The driver has replies that belong to what a caller is writing.
    pub(crate) awaits_writer: bool,
    /// When something last came on the present connection, or it was made.
    pub(crate) heard: Instant,
    /// Since when replies are due without any coming.
    pub(crate) alive: Instant,
    pub(crate) statistics: Statistics,
}

/// The keeper task while it waits.
#[derive(Debug)]
pub(crate) struct Parked {
    pub(crate) waker: Waker,
    /// Whether bytes to write are a reason to wake it.
    pub(crate) for_bytes: bool,
    /// When its timer wakes it anyway.
    pub(crate) until: Option<Instant>,
}

impl State {
    /// The keeper's waker, if something has happened that concerns it.
    fn keeper_to_wake(&mut self, config: &Config) -> Option<Waker> {
        let parked = self.parked.as_ref()?;
        let earlier = match (self.next_due(config), parked.until) {
            (Some(next), Some(until)) => next < until,
            (next, None) => next.is_some(),
            (None, _) => false,
        };
        let bytes = parked.for_bytes && self.protocol.has_unwritten();
        let replies = self.awaits_writer && !self.protocol.is_in_hand();
        if !(self.is_closed || earlier || bytes || replies) {
            return None;
        }
        self.awaits_writer = false;
        self.parked.take().map(|parked| parked.waker)
    }

    /// When the present connection will have kept us waiting for too long.
    pub(crate) fn silent_at(&self, config: &Config) -> Option<Instant> {
        (self.protocol.owed() > 0).then(|| self.alive + config.response_timeout)
    }

    /// When the driver has something to look at, whatever else happens.
    pub(crate) fn next_due(&self, config: &Config) -> Option<Instant> {
        let due = [self.protocol.next_deadline(), self.silent_at(config)];
        due.into_iter().flatten().min()
    }

    /// Takes note of what was written of a chunk.
    pub(crate) fn wrote(&mut self, chunk: Chunk, bytes: usize, now: Instant) {
        let begun = self.protocol.put_back(chunk, bytes);
        if bytes == 0 {
            return;
        }
        self.statistics.writes += 1;
        self.statistics.bytes_written += bytes as u64;
        self.statistics.commands_per_write.count(begun);
        // The server cannot answer what it has not got whole.
        if self.protocol.is_first_unfinished() || self.protocol.owed() == begun {
            self.alive = now;
        }
    }

    /// Whether the peer closed while nothing came for a while. It must not be
    /// given anything then, though nobody has been told yet (E6).
    pub(crate) fn has_ended(&self, now: Instant) -> bool {
        let is_stale = now.saturating_duration_since(self.heard) >= STALE;
        is_stale && self.direct.as_ref().is_some_and(Direct::has_ended)
    }

    /// What a caller is to write by itself, because the connection is idle and
    /// its driver asleep: it saves the way through the driver.
    fn take_direct(&mut self, now: Instant) -> Option<(Direct, Chunk)> {
        let is_free = self.protocol.is_idle() && !self.holds_back();
        let parked = self.parked.as_ref().filter(|parked| parked.for_bytes);
        let direct = self
            .direct
            .as_ref()
            .filter(|_| is_free && parked.is_some())?;
        if self.has_ended(now) {
            return None;
        }
        let direct = direct.clone();
        Some((direct, self.protocol.take()?))
    }

    /// Ends what has outlived its deadline.
    pub(crate) fn expire(&mut self, now: Instant, config: &Config) {
        let address = &config.address;
        let last_dial = &self.unreachable;
        self.protocol.expire(now, |waiting| match waiting {
            Waiting::Connection => Error::deadline(address, waiting, last_dial.clone()),
            _ => Error::deadline(address, waiting, None),
        });
    }

    /// Whether the connection is to begin no more requests: what it has begun it
    /// brings to an end.
    pub(crate) fn holds_back(&self) -> bool {
        self.is_quarantined && !self.protocol.is_amid_request()
    }

    pub(crate) fn is_unused(&self, now: Instant) -> bool {
        let idle = now.saturating_duration_since(self.last_used);
        !self.protocol.wants_connection() && idle >= UNUSED
    }
}

impl Shared {
    pub(crate) fn new(config: Arc<Config>) -> Shared {
        Shared {
            state: Mutex::new(State {
                protocol: Protocol::new(config.bounds),
                connection: None,
                unreachable: None,
                dials_ended: 0,
                failures: 0,
                refusals: 0,
                not_before: None,
                last_used: Instant::now(),
                is_closed: false,
                is_quarantined: false,
                is_kept: false,
                parked: None,
                direct: None,
                awaits_writer: false,
                heard: Instant::now(),
                alive: Instant::now(),
                statistics: Statistics::default(),
            }),
            config,
            in_flight: AtomicUsize::new(0),
            dialled: Notify::new(),
        }
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
        self.with_scratch(&mut Vec::new(), act)
    }

    /// The same for a caller who has an empty list to spare.
    pub(crate) fn with_scratch<R>(
        &self,
        woken: &mut Vec<Waker>,
        act: impl FnOnce(&mut State) -> R,
    ) -> R {
        let (result, keeper) = {
            let mut state = self.lock();
            let result = act(&mut state);
            // An empty list stays, with the room that it has grown to.
            if !state.protocol.woken.is_empty() {
                std::mem::swap(woken, &mut state.protocol.woken);
            }
            self.in_flight
                .store(state.protocol.in_flight(), Ordering::Relaxed);
            (result, state.keeper_to_wake(&self.config))
        };
        if let Some(keeper) = keeper {
            keeper.wake();
        }
        for waker in woken.drain(..) {
            waker.wake();
        }
        result
    }

    /// Gives commands a place. The flag says whether a keeper has to be started.
    pub(crate) fn submit(
        &self,
        commands: &Commands,
        deadline: Instant,
        while_away: WhileAway,
    ) -> (Result<Ticket, Error>, bool) {
        let now = Instant::now();
        let address = &self.config.address;
        if deadline <= now {
            return (
                Err(Error::deadline(address, Waiting::Connection, None)),
                false,
            );
        }
        let (outcome, direct) = self.with(|state| {
            if state.is_closed {
                return ((Err(Error::closed(address)), false), None);
            }
            state.last_used = now;
            // Even a request that is refused keeps the keeper trying, or the
            // node would count as unreachable for ever.
            let start = !std::mem::replace(&mut state.is_kept, true);
            let refuses = while_away == WhileAway::Refuse;
            if let Some(error) = state.unreachable.as_ref().filter(|_| refuses) {
                return ((Err(error.clone()), start), None);
            }
            let ticket = state.protocol.submit(commands, deadline, while_away);
            if ticket.is_some() {
                state.statistics.commands += commands.len() as u64;
            }
            let direct = state.take_direct(now);
            ((ticket.ok_or_else(|| Error::full(address)), start), direct)
        });
        if let Some((direct, chunk)) = direct {
            // If the socket is broken, the driver will find that out.
            let written = chunk.write_with(|pieces| direct.write(pieces));
            self.with(|state| state.wrote(chunk, written.unwrap_or(0), now));
        }
        outcome
    }

    pub(crate) fn poll_outcome(&self, ticket: Ticket, waker: &Waker) -> Option<Outcome> {
        self.with(|state| state.protocol.poll(ticket, waker))
    }

    pub(crate) fn abandon(&self, ticket: Ticket) {
        self.with(|state| state.protocol.abandon(ticket));
    }

    pub(crate) fn close(&self) {
        let error = Error::closed(&self.config.address);
        self.with(|state| {
            state.is_closed = true;
            state.connection = None;
            state.direct = None;
            state.protocol.fail_all(&error);
        });
        self.dialled.notify_waiters();
    }

    pub(crate) fn statistics(&self) -> Statistics {
        self.with(|state| {
            let (in_flight, queued_bytes, waiting) = state.protocol.load();
            Statistics {
                in_flight,
                queued_bytes,
                waiting,
                replies: state.protocol.replies,
                connected: state.connection.is_some(),
                ..state.statistics
            }
        })
    }
}
