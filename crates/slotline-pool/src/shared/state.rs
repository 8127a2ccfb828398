//! The state of one connection: plain data, every change a method that takes the time as
//! an argument.

use std::task::Waker;

use tokio::time::{Duration, Instant};

use crate::config::Config;
use crate::dial::{Direct, Greeting};
use crate::error::{Error, Waiting};
use crate::protocol::{Bounds, Chunk, Protocol, WhileAway};
use crate::state::Phase;
use crate::statistics::Statistics;
use crate::upkeep::Upkeep;

/// A pool that nobody has used for so long does not dial again by itself.
pub(crate) const UNUSED: Duration = Duration::from_secs(30);

/// A node that owes a reply and has said nothing for so long may be dead. Whoever wants
/// to know can look around; the connection is kept until the response timeout.
const SUSPECT: Duration = Duration::from_millis(500);

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) protocol: Protocol,
    pub(crate) connection: Option<Greeting>,
    pub(crate) phase: Phase,
    /// Since when it has been in that phase.
    pub(crate) since: Instant,
    /// Why the last connection was lost, or the last dial failed.
    pub(crate) last_error: Option<Error>,
    /// Why the last dial failed; `None` if it did not, or there was none.
    pub(crate) unreachable: Option<Error>,
    /// How many dials have ended.
    pub(crate) dials_ended: u64,
    /// Dials in a row that have failed.
    pub(crate) failed_dials: u32,
    /// Dials, or short-lived connections, in a row that came to nothing.
    pub(crate) failures: u32,
    /// Dials in a row that were refused rather than lost.
    pub(crate) refusals: u32,
    /// The next dial is not to begin earlier.
    pub(crate) not_before: Option<Instant>,
    pub(crate) last_used: Instant,
    /// It has been used since the clock was last looked at.
    pub(crate) is_used: bool,
    pub(crate) is_closed: bool,
    /// It takes no more requests, and ends what it has by then.
    pub(crate) draining: Option<Instant>,
    /// Since when the present connection has been lent, until it is told that it
    /// is gone.
    pub(crate) lent: Option<Instant>,
    /// The present connection is to take no more requests.
    pub(crate) is_quarantined: bool,
    /// Whether there is a keeper task.
    pub(crate) is_kept: bool,
    pub(crate) parked: Option<Parked>,
    /// The way to write to the present connection without the driver.
    pub(crate) direct: Option<Direct>,
    /// The driver has replies, or an AUTH, that wait for what a caller is writing.
    pub(crate) awaits_writer: bool,
    /// When something last came on the present connection, or it was made.
    pub(crate) heard: Instant,
    /// Since when replies are due without any coming.
    pub(crate) alive: Instant,
    /// The present connection seems to be dead; when it is to be looked at again.
    pub(crate) second_look: Option<Instant>,
    /// The pool's own commands on it.
    pub(crate) upkeep: Upkeep,
    pub(crate) statistics: Statistics,
}

/// The keeper task while it waits.
#[derive(Debug)]
pub(crate) struct Parked {
    pub(crate) waker: Waker,
    /// Whether bytes to write are a reason to wake it; and whether they only are once
    /// there are so many that nothing is gathered any more.
    pub(crate) for_bytes: bool,
    pub(crate) gathers: bool,
    /// When its timer wakes it anyway.
    pub(crate) until: Option<Instant>,
}

impl State {
    pub(super) fn new(bounds: Bounds, now: Instant) -> State {
        State {
            protocol: Protocol::new(bounds),
            connection: None,
            phase: Phase::Unused,
            since: now,
            last_error: None,
            unreachable: None,
            dials_ended: 0,
            failed_dials: 0,
            failures: 0,
            refusals: 0,
            not_before: None,
            last_used: now,
            is_used: false,
            is_closed: false,
            draining: None,
            lent: None,
            is_quarantined: false,
            is_kept: false,
            parked: None,
            direct: None,
            awaits_writer: false,
            heard: now,
            alive: now,
            second_look: None,
            upkeep: Upkeep::default(),
            statistics: Statistics::default(),
        }
    }

    /// The keeper's waker, if something has happened that concerns it.
    pub(super) fn keeper_to_wake(&mut self, config: &Config) -> Option<Waker> {
        let parked = self.parked.as_ref()?;
        let is_earlier = || match (self.next_due(config), parked.until) {
            (Some(next), Some(until)) => next < until,
            (next, None) => next.is_some(),
            (None, _) => false,
        };
        let concerned = self.concerns(parked) || is_earlier();
        concerned.then(|| self.unpark()).flatten()
    }

    /// The same for what the driver itself has done: it knows when it is to look again.
    #[inline]
    pub(super) fn driver_to_wake(&mut self) -> Option<Waker> {
        let parked = self.parked.as_ref()?;
        self.concerns(parked).then(|| self.unpark()).flatten()
    }

    #[inline]
    fn concerns(&self, parked: &Parked) -> bool {
        let is_enough = || parked.gathers && !self.holds_back();
        let bytes = self.protocol.has_unwritten() && (parked.for_bytes || is_enough());
        let is_drained = || self.draining.is_some() && self.protocol.is_settled();
        let replies = || self.awaits_writer && !self.protocol.is_in_hand();
        self.is_closed || bytes || is_drained() || replies()
    }

    fn unpark(&mut self) -> Option<Waker> {
        self.awaits_writer = false;
        self.parked.take().map(|parked| parked.waker)
    }

    pub(crate) fn enter(&mut self, phase: Phase, now: Instant) {
        let phase = match self.draining {
            Some(_) if phase != Phase::Closed => Phase::Draining,
            _ => phase,
        };
        if self.phase != phase {
            (self.phase, self.since) = (phase, now);
        }
    }

    /// Takes no more requests; what there is has until `deadline` to end.
    pub(crate) fn drain(&mut self, deadline: Instant, now: Instant) {
        if !self.is_closed {
            let earliest = self
                .draining
                .map_or(deadline, |earlier| earlier.min(deadline));
            self.draining = Some(earliest);
            self.enter(Phase::Draining, now);
            self.wake_keeper();
        }
    }

    /// Whether it takes no more requests.
    pub(crate) fn takes_nothing(&self) -> bool {
        self.is_closed || self.draining.is_some()
    }

    /// Closes if it has been drained or has no more time for it. Tells whether it
    /// is closed.
    pub(crate) fn has_closed(&mut self, now: Instant, config: &Config) -> bool {
        let is_over = |deadline| deadline <= now || self.protocol.is_settled();
        if !self.is_closed && self.draining.is_some_and(is_over) {
            self.close(now, config);
        }
        self.is_closed
    }

    pub(crate) fn close(&mut self, now: Instant, config: &Config) {
        self.enter(Phase::Closed, now);
        self.is_closed = true;
        self.connection = None;
        self.direct = None;
        self.end_upkeep();
        self.protocol.fail_all(&Error::closed(&config.address));
    }

    /// Lets the keeper look at what has changed, whatever it waits for.
    pub(crate) fn wake_keeper(&mut self) {
        let keeper = self.parked.take();
        let waker = keeper.map(|parked| parked.waker);
        self.protocol.woken.extend(waker);
    }

    /// When the present connection will have kept us waiting for too long.
    pub(crate) fn silent_at(&self, config: &Config) -> Option<Instant> {
        (self.protocol.owed() > 0).then(|| self.alive + config.response_timeout)
    }

    /// Whether replies are due for so long that the node may be dead, though it is too
    /// early to give up the connection.
    pub(crate) fn is_suspect(&self, now: Instant) -> bool {
        self.protocol.owed() > 0 && now >= self.alive + SUSPECT
    }

    /// When the driver has something to look at, whatever else happens.
    pub(crate) fn next_due(&self, config: &Config) -> Option<Instant> {
        let silent_at = self.silent_at(config);
        let mut looked_at = earlier(silent_at, self.upkeep_due(config));
        if let (Some(due), Some(look)) = (&mut looked_at, self.second_look) {
            // A second look only puts off what is due: by itself it is nothing, and once
            // it lies in the past nobody would be told of what comes behind it.
            *due = look.max(*due);
        }
        earlier(
            earlier(looked_at, self.protocol.next_deadline()),
            self.draining,
        )
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

    /// Whether the peer closed while nothing was due from it. It must not be given
    /// anything then, though nobody has been told yet (E6): that is worth a look.
    pub(crate) fn has_ended(&self) -> bool {
        let direct = self.direct.as_ref().filter(|_| self.protocol.owed() == 0);
        direct.is_some_and(Direct::has_ended)
    }

    /// What a caller is to write by itself, because the connection is idle and
    /// its driver asleep: it saves the way through the driver.
    pub(super) fn take_direct(&mut self) -> Option<(Direct, Chunk)> {
        let is_free = self.protocol.is_idle() && !self.holds_back();
        let parked = self.parked.as_ref().filter(|parked| parked.for_bytes);
        let direct = self
            .direct
            .as_ref()
            .filter(|_| is_free && parked.is_some())?;
        if self.has_ended() {
            return None;
        }
        let direct = direct.clone();
        Some((direct, self.protocol.take()?))
    }

    /// Why a request is not to wait for the next dial. One that starts the keeper
    /// anew waits for that dial: what the last one met may be long over.
    pub(super) fn turns_away(
        &self,
        while_away: WhileAway,
        starts: bool,
        config: &Config,
    ) -> Option<Error> {
        let refuses = while_away == WhileAway::Refuse || self.fails_fast(config) && !starts;
        self.unreachable.clone().filter(|_| refuses)
    }

    /// Whether so many dials have failed that nobody is to wait for another.
    pub(crate) fn fails_fast(&self, config: &Config) -> bool {
        let limit = config.fail_fast_after;
        limit.is_some_and(|limit| self.failed_dials >= limit)
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

    /// Whether the connection is to begin no more requests, for now or at all: what
    /// it has begun it brings to an end.
    pub(crate) fn holds_back(&self) -> bool {
        let reauth = &self.upkeep.reauth;
        let holds_back = self.is_quarantined
            || self.protocol.gathers()
            || reauth.holds_back(self.protocol.owed());
        holds_back && !self.protocol.is_amid_request()
    }

    /// Whoever has used it did so not much earlier than now.
    pub(crate) fn note_use(&mut self, now: Instant) {
        if std::mem::take(&mut self.is_used) {
            self.last_used = now;
        }
    }

    pub(crate) fn is_unused(&self, now: Instant) -> bool {
        let idle = now.saturating_duration_since(self.last_used);
        !self.protocol.wants_connection() && idle >= UNUSED
    }
}

/// The earlier of two moments, where there are any.
#[inline]
pub(crate) fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}
