//! The leased connections of one pool: who has one, who waits for one, and what
//! lies ready. Plain data under a lock that is held briefly; nothing is woken,
//! and no connection closed, while it is.
//!
//! Whoever waits has a ticket, and tickets are served in their order. A connection
//! that comes free is granted to the first of them at once, so that one lies idle
//! only if nobody waits.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::Waker;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::connection::Connection;
use super::limits::LeaseLimits;
use super::session::Condition;
use super::statistics::LeaseStatistics;
use super::tender::Job;
use crate::config::Config;
use crate::error::{Error, Waiting};
use crate::pool::Owner;

pub(super) struct Store {
    pub(super) config: Arc<Config>,
    /// For the shared connections. A lease keeps no pool open.
    pub(super) owner: Weak<Owner>,
    /// The pool was closed: for those who use a lease just then.
    pub(super) closed: Arc<Notify>,
    /// Nothing is out, of a pool that is draining.
    emptied: Notify,
    state: Mutex<State>,
}

/// A connection that nobody has.
pub(super) struct Idle {
    pub(super) connection: Box<Connection>,
    pub(super) since: Instant,
}

type Grant = Result<Box<Connection>, Error>;

#[derive(Default)]
pub(super) struct State {
    /// The one that was used last is at the end, and goes first.
    pub(super) idle: Vec<Idle>,
    pub(super) waiting: BTreeMap<u64, Waker>,
    /// What those have got who have not looked yet.
    granted: BTreeMap<u64, Grant>,
    tickets: u64,
    /// Connections that somebody has, or has been granted.
    pub(super) in_use: usize,
    pub(super) dialling: usize,
    pub(super) tidying: usize,
    /// What the tender is to see to.
    pub(super) jobs: Vec<Job>,
    pub(super) is_closed: bool,
    /// It lends no more.
    pub(super) is_draining: bool,
    /// Whether there is a tender, and who wakes it.
    pub(super) is_tended: bool,
    pub(super) tender: Option<Waker>,
    /// Dials in a row that failed; those in a row that were refused; how the last
    /// one failed; when the next one may begin.
    pub(super) failures: u32,
    pub(super) refusals: u32,
    pub(super) last_error: Option<Error>,
    pub(super) not_before: Option<Instant>,
    /// When somebody last asked for a lease.
    pub(super) last_used: Option<Instant>,
    pub(super) counts: LeaseStatistics,
    woken: Vec<Waker>,
    /// To be closed.
    pub(super) doomed: Vec<Connection>,
}

/// What there is for a ticket.
pub(super) enum Found {
    Granted(Grant),
    Idle(Idle),
    /// Nothing yet. The flag says whether a tender has to be started.
    Wait(bool),
}

impl State {
    /// Connections that are, or are being made.
    pub(super) fn held(&self) -> usize {
        self.idle.len() + self.in_use + self.dialling + self.tidying
    }

    /// The tender has something to look at.
    pub(super) fn rouse(&mut self) {
        self.woken.extend(self.tender.take());
    }

    /// What there is for `ticket`; if nothing, it waits.
    fn find(&mut self, ticket: u64, waker: &Waker, min_idle: usize) -> Found {
        if let Some(grant) = self.granted.remove(&ticket) {
            return Found::Granted(grant);
        }
        // Then nobody else waits.
        if let Some(idle) = self.idle.pop() {
            self.waiting.remove(&ticket);
            self.in_use += 1;
            if self.idle.len() < min_idle {
                self.rouse();
            }
            return Found::Idle(idle);
        }
        self.waiting.insert(ticket, waker.clone());
        self.rouse();
        Found::Wait(!std::mem::replace(&mut self.is_tended, true))
    }

    /// A connection that is ready, and that nobody has.
    pub(super) fn give(&mut self, connection: Box<Connection>, now: Instant) {
        if self.is_closed || self.is_draining || !self.is_tended {
            self.doomed.push(*connection);
        } else if let Some((ticket, waker)) = self.waiting.pop_first() {
            self.in_use += 1;
            self.granted.insert(ticket, Ok(connection));
            self.woken.push(waker);
        } else {
            let since = now;
            self.idle.push(Idle { connection, since });
        }
        self.rouse();
    }

    /// Tells everybody who waits that there will be none.
    pub(super) fn fail_waiting(&mut self, error: &Error) {
        while let Some((ticket, waker)) = self.waiting.pop_first() {
            self.granted.insert(ticket, Err(error.clone()));
            self.woken.push(waker);
        }
    }

    /// Whether nothing is out, and nothing will be.
    fn is_drained(&self) -> bool {
        self.is_draining && self.in_use == 0
    }

    /// Closes what lies ready.
    pub(super) fn drop_idle(&mut self) {
        let idle = self.idle.drain(..).map(|idle| *idle.connection);
        self.doomed.extend(idle);
    }
}

impl Store {
    pub(super) fn new(config: Arc<Config>, owner: Weak<Owner>) -> Store {
        Store {
            config,
            owner,
            closed: Arc::new(Notify::new()),
            emptied: Notify::new(),
            state: Mutex::default(),
        }
    }

    pub(super) fn limits(&self) -> &LeaseLimits {
        &self.config.leases
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Each change leaves it whole; a panic within one loses at most a count.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something to the state. Whom it concerns is woken, and what is to be
    /// closed is, once the lock has been let go.
    pub(super) fn with<R>(&self, act: impl FnOnce(&mut State) -> R) -> R {
        let (result, woken, doomed, is_drained) = {
            let mut state = self.lock();
            let result = act(&mut state);
            let woken = std::mem::take(&mut state.woken);
            let doomed = std::mem::take(&mut state.doomed);
            (result, woken, doomed, state.is_drained())
        };
        woken.into_iter().for_each(Waker::wake);
        drop(doomed);
        if is_drained {
            self.emptied.notify_waiters();
        }
        result
    }

    /// The place behind all who wait.
    pub(super) fn ticket(&self) -> u64 {
        self.with(|state| {
            state.last_used = Some(Instant::now());
            state.tickets += 1;
            state.tickets
        })
    }

    pub(super) fn find(&self, ticket: u64, waker: &Waker) -> Found {
        self.with(|state| {
            if state.is_closed || state.is_draining {
                return Found::Granted(Err(Error::closed(&self.config.address)));
            }
            state.find(ticket, waker, self.limits().min_idle)
        })
    }

    /// A ticket is of no more use. What it had been granted goes to the next.
    pub(super) fn hand_in(&self, ticket: u64) {
        self.with(|state| {
            state.waiting.remove(&ticket);
            if let Some(Ok(connection)) = state.granted.remove(&ticket) {
                state.in_use -= 1;
                state.give(connection, Instant::now());
            }
        });
    }

    /// Why somebody has waited in vain.
    pub(super) fn late(&self) -> Error {
        let address = &self.config.address;
        self.with(|state| {
            if state.dialling == 0 && state.held() >= self.limits().most {
                return Error::deadline(address, Waiting::Lease, None);
            }
            Error::deadline(address, Waiting::Connection, state.last_error.clone())
        })
    }

    /// A lease has ended: its connection is kept if it is what it was.
    pub(super) fn take_back(&self, mut connection: Box<Connection>) {
        let condition = connection.condition();
        let now = Instant::now();
        self.with(|state| {
            state.in_use -= 1;
            match condition {
                Condition::Dirty => {
                    state.counts.discarded += 1;
                    state.doomed.push(*connection);
                }
                _ if state.is_draining || connection.is_spent(now, &self.config) => {
                    state.counts.retired += 1;
                    state.doomed.push(*connection);
                }
                Condition::Clean => {
                    connection.shrink();
                    state.counts.returned += 1;
                    state.give(connection, now);
                }
                Condition::InTransaction if state.is_closed || !state.is_tended => {
                    state.doomed.push(*connection);
                }
                Condition::InTransaction => {
                    state.tidying += 1;
                    state.jobs.push(Job::Tidy(connection));
                }
            }
            state.rouse();
        });
    }

    /// A connection that a lease had is of no more use.
    pub(super) fn lose(&self, connection: Box<Connection>, count: fn(&mut LeaseStatistics)) {
        self.with(|state| {
            state.in_use -= 1;
            count(&mut state.counts);
            state.doomed.push(*connection);
            state.rouse();
        });
    }

    pub(super) fn is_closed(&self) -> bool {
        self.with(|state| state.is_closed)
    }

    /// Tells those who wait for a connection to a node that cannot be reached, or has not
    /// been yet, that another has its part. Who waits for a lease to come back goes on:
    /// its node is there.
    pub(super) fn give_back(&self) {
        self.with(|state| {
            if state.dialling > 0 || state.failures > 0 {
                state.fail_waiting(&Error::displaced(&self.config.address));
            }
        });
    }

    /// Lends no more: those who wait are told, and what lies ready is closed.
    pub(super) fn begin_to_drain(&self) {
        let error = Error::closed(&self.config.address);
        self.with(|state| {
            state.is_draining = true;
            state.fail_waiting(&error);
            state.drop_idle();
            state.rouse();
        });
    }

    /// Waits until nothing is out any more, at most until the deadline, and closes.
    pub(super) async fn drained(&self, deadline: Instant) {
        let mut emptied = pin!(self.emptied.notified());
        loop {
            emptied.as_mut().enable();
            let is_over = self.with(|state| state.is_closed || state.is_drained());
            if is_over || timeout_at(deadline, emptied.as_mut()).await.is_err() {
                return self.close();
            }
            emptied.set(self.emptied.notified());
        }
    }

    /// Ends everything. Those who wait are told; leases in use fail.
    pub(super) fn close(&self) {
        let error = Error::closed(&self.config.address);
        let jobs = self.with(|state| {
            state.is_closed = true;
            state.fail_waiting(&error);
            for grant in state.granted.values_mut() {
                if let Ok(connection) = std::mem::replace(grant, Err(error.clone())) {
                    state.in_use -= 1;
                    state.doomed.push(*connection);
                }
            }
            state.drop_idle();
            state.rouse();
            std::mem::take(&mut state.jobs)
        });
        self.abandon(jobs);
        self.closed.notify_waiters();
    }

    /// Jobs that nobody will see to.
    pub(super) fn abandon(&self, jobs: Vec<Job>) {
        for job in jobs {
            if let Job::Tidy(connection) = job {
                self.with(|state| {
                    state.tidying -= 1;
                    state.doomed.push(*connection);
                });
            }
        }
    }

    pub(super) fn statistics(&self) -> LeaseStatistics {
        self.with(|state| LeaseStatistics {
            in_use: state.in_use,
            idle: state.idle.len(),
            dialling: state.dialling,
            tidying: state.tidying,
            waiting: state.waiting.len(),
            ..state.counts
        })
    }
}
