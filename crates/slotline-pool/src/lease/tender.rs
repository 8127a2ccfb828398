//! The task that looks after a pool's leased connections: makes them, brings
//! transactions to their end, closes what has been idle or has lived for long
//! enough, and keeps as many ready as was asked for.
//!
//! It owns the tasks that do so one by one: when it ends, they end. Each of them
//! holds what it is to be counted as, so that none is lost by a panic.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::call::Rescue;
use super::connection::Connection;
use super::session::Condition;
use super::store::{State, Store};
use crate::config::Config;
use crate::credentials::Vintage;
use crate::dial::{Greeting, Ready, dial};
use crate::error::{CLOSED, Error};
use crate::events::EventKind;
use crate::keeper::{Alarm, REFUSALS};
use crate::random::Random;
use crate::shared::UNUSED;
use crate::trace;

/// How long the end of a transaction may take; then its connection is closed.
const TIDY: Duration = Duration::from_secs(1);

/// What is to be done with a connection that nobody holds any more.
pub(super) enum Job {
    /// It is amid a transaction.
    Tidy(Box<Connection>),
    /// It waits for something that its caller has given up.
    Rescue(Box<Rescue>),
}

/// What there is to do now.
struct Plan {
    jobs: Vec<Job>,
    dials: usize,
    attempt: u32,
    until: Option<Instant>,
    is_over: bool,
}

/// Starts a tender; the state says already that there is one.
pub(super) fn start(store: &Arc<Store>, runtime: &Handle) {
    let guard = Guard {
        store: Arc::clone(store),
        is_done: false,
    };
    runtime.spawn(tend(guard));
}

/// Nobody waits for a tender that is gone (G7, G8).
struct Guard {
    store: Arc<Store>,
    is_done: bool,
}

impl Drop for Guard {
    fn drop(&mut self) {
        if self.is_done {
            return;
        }
        let error = stopped(&self.store);
        let jobs = self.store.with(|state| {
            state.is_tended = false;
            state.tender = None;
            state.drop_idle();
            state.fail_waiting(&error);
            std::mem::take(&mut state.jobs)
        });
        self.store.abandon(jobs);
    }
}

fn stopped(store: &Store) -> Error {
    let why = if std::thread::panicking() {
        "the task that made the connection has panicked"
    } else {
        "the runtime that looked after the connections has ended"
    };
    Error::stopped(&store.config.address, why)
}

async fn tend(mut guard: Guard) {
    let store = Arc::clone(&guard.store);
    let mut tasks = JoinSet::new();
    let mut alarm = Alarm::new();
    poll_fn(|cx| {
        loop {
            // What became of them they have said themselves.
            while let Poll::Ready(Some(_)) = tasks.poll_join_next(cx) {}
            let now = Instant::now();
            let plan = store.with(|state| plan(state, &store, cx, now));
            if plan.is_over {
                return Poll::Ready(());
            }
            if plan.jobs.is_empty() && plan.dials == 0 {
                alarm.set(cx, alarm.until(plan.until, now));
                return Poll::Pending;
            }
            for job in plan.jobs {
                tasks.spawn(see_to(job, Arc::clone(&store)));
            }
            for _ in 0..plan.dials {
                tasks.spawn(make(Dialling::of(&store), plan.attempt));
            }
        }
    })
    .await;
    guard.is_done = true;
}

/// Looks at everything; counts what it hands out as begun.
fn plan(state: &mut State, store: &Store, cx: &mut Context<'_>, now: Instant) -> Plan {
    state.tender = Some(cx.waker().clone());
    retire(state, store, cx, now);
    let limits = store.limits();
    let unused = state
        .last_used
        .is_none_or(|used| now.saturating_duration_since(used) >= UNUSED);
    // Nobody may be there for whom it would be worth asking again and again.
    let gives_up = state.failures > 0 && unused;
    let short = limits.min_idle.saturating_sub(state.idle.len());
    let keeps_none = gives_up || state.is_draining;
    let wanted = state.waiting.len() + if keeps_none { 0 } else { short };
    // One at a time as long as they fail (E5).
    let at_once = match state.failures {
        0 => store.config.dial_limit.max_dials(),
        _ => 1,
    };
    let room = limits.most.saturating_sub(state.held());
    let allowed = at_once.saturating_sub(state.dialling).min(room);
    let mut dials = wanted.saturating_sub(state.dialling).min(allowed);
    let mut due = Vec::new();
    if let Some(pause) = state.not_before.filter(|pause| *pause > now && dials > 0) {
        due.push(pause);
        dials = 0;
    }
    state.dialling += dials;
    state.counts.dials += dials as u64;
    if state.idle.len() > limits.min_idle {
        due.extend(state.idle.first().map(|oldest| oldest.since + limits.idle));
    }
    due.extend(state.idle.iter().map(|idle| idle.connection.expires));
    let nothing_left = state.held() == 0 && state.waiting.is_empty() && limits.min_idle == 0;
    let is_over = state.is_closed || nothing_left && state.jobs.is_empty();
    if is_over {
        state.is_tended = false;
        state.tender = None;
    }
    Plan {
        jobs: std::mem::take(&mut state.jobs),
        dials,
        attempt: state.failures,
        until: due.into_iter().min(),
        is_over,
    }
}

/// Closes idle connections whose peer has closed them or whose time has come.
fn retire(state: &mut State, store: &Store, cx: &mut Context<'_>, now: Instant) {
    let limits = store.limits();
    let mut spare = state.idle.len().saturating_sub(limits.min_idle);
    for mut idle in std::mem::take(&mut state.idle) {
        let is_idle = now.saturating_duration_since(idle.since) >= limits.idle;
        if !idle.connection.watch(cx) {
            let reason = Error::lost(&store.config.address, CLOSED, None);
            idle.connection.farewell.reason = Some(reason);
            state.counts.lost += 1;
        } else if idle.connection.is_spent(now, &store.config) || is_idle && spare > 0 {
            state.counts.retired += 1;
        } else {
            state.idle.push(idle);
            continue;
        }
        spare = spare.saturating_sub(1);
        state.doomed.push(*idle.connection);
    }
}

/// A dial that is under way, for as long as it is counted as one.
struct Dialling {
    store: Arc<Store>,
    is_done: bool,
}

impl Dialling {
    fn of(store: &Arc<Store>) -> Dialling {
        Dialling {
            store: Arc::clone(store),
            is_done: false,
        }
    }

    fn ended(mut self, outcome: Result<(Ready, Greeting), Error>, vintage: Vintage) {
        self.is_done = true;
        let config = &self.store.config;
        let now = Instant::now();
        let made = outcome.map(|(ready, greeting)| {
            let expires = now + lifetime(self.store.limits().lifetime, &self.store.config.random);
            Box::new(Connection::new(config, ready, greeting, expires, vintage))
        });
        if let Err(error) = &made {
            config.tell(None, EventKind::DialFailed(error.clone()));
        }
        let not_before = self.store.with(|state| {
            state.dialling -= 1;
            match made {
                Ok(connection) => {
                    (state.failures, state.refusals) = (0, 0);
                    (state.last_error, state.not_before) = (None, None);
                    state.give(connection, now);
                }
                Err(error) => failed(state, config, error, now),
            }
            state.not_before
        });
        if let Some(until) = not_before {
            trace::pausing(config, None, until);
        }
    }
}

impl Drop for Dialling {
    fn drop(&mut self) {
        if self.is_done {
            return;
        }
        let error = std::thread::panicking().then(|| stopped(&self.store));
        self.store.with(|state| {
            state.dialling -= 1;
            if let Some(error) = error {
                state.fail_waiting(&error);
                failed(state, &self.store.config, error, Instant::now());
            }
        });
    }
}

/// Whoever waits goes on waiting: for a network that comes back until the deadline,
/// for a server or a hook that says no only so often, and for nothing once so many
/// dials have failed that nobody is to wait.
fn failed(state: &mut State, config: &Config, error: Error, now: Instant) {
    state.counts.failed_dials += 1;
    state.not_before = Some(now + config.backoff.pause(state.failures, &config.random));
    state.failures = state.failures.saturating_add(1);
    state.refusals = match error.is_passing() {
        true => 0,
        false => state.refusals + 1,
    };
    let fails_fast = config
        .fail_fast_after
        .is_some_and(|limit| state.failures >= limit);
    if state.refusals >= REFUSALS || fails_fast {
        state.refusals = 0;
        state.fail_waiting(&error);
    }
    state.last_error = Some(error);
    state.rouse();
}

/// Up to a tenth less, so that what was made together does not end together.
fn lifetime(limit: Duration, random: &Random) -> Duration {
    limit.mul_f64(1.0 - random.share() / 10.0).min(limit)
}

async fn make(dialling: Dialling, attempt: u32) {
    let store = Arc::clone(&dialling.store);
    store.config.tell(None, EventKind::Dialling { attempt });
    let vintage = Vintage::now(&store.config);
    let outcome = dial(&store.config, attempt).await;
    dialling.ended(outcome, vintage);
}

async fn see_to(job: Job, store: Arc<Store>) {
    match job {
        Job::Rescue(rescue) => rescue.carry_out().await,
        Job::Tidy(connection) => {
            let mut tidying = Tidying {
                connection: Some(connection),
                is_clean: false,
                store,
            };
            if let Some(connection) = &mut tidying.connection {
                let ended = timeout(TIDY, connection.tidy()).await;
                let is_clean = connection.condition() == Condition::Clean;
                tidying.is_clean = is_clean && matches!(ended, Ok(Ok(())));
            }
        }
    }
}

/// A connection whose transaction is being brought to its end.
struct Tidying {
    connection: Option<Box<Connection>>,
    is_clean: bool,
    store: Arc<Store>,
}

impl Drop for Tidying {
    fn drop(&mut self) {
        let Some(mut connection) = self.connection.take() else {
            return;
        };
        self.store.with(|state| {
            state.tidying -= 1;
            if self.is_clean {
                connection.shrink();
                state.counts.returned += 1;
                state.give(connection, Instant::now());
            } else {
                state.counts.discarded += 1;
                state.doomed.push(*connection);
                state.rouse();
            }
        });
    }
}
