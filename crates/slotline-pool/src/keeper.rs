//! The task that gives a pool its connection: dials, drives, pauses, dials again.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::sync::watch;
use tokio::time::{Duration, Instant, Sleep, sleep_until};

use crate::config::Config;
use crate::credentials::Credentials;
use crate::dial::{Greeting, Ready, dial};
use crate::driver::{Driver, End};
use crate::error::Error;
use crate::events::EventKind;
use crate::protocol::WhileAway;
use crate::renewal::Renewal;
use crate::shared::{Parked, Shared, State};
use crate::state::Phase;
use crate::trace;
use crate::upkeep::Upkeep;

/// A connection that lived shorter and answered nothing counts as a failed dial,
/// or a server that drops us at once would be dialled without a pause.
const PROVEN: Duration = Duration::from_secs(1);
/// So many refusals in a row, and those who wait are told.
pub(crate) const REFUSALS: u32 = 3;

/// Sees to it that nobody waits for a keeper that is gone: whether it panicked
/// or its runtime was shut down, dropping this fails whoever waits (G7, G8).
pub(crate) struct Guard {
    shared: Arc<Shared>,
    is_done: bool,
}

impl Guard {
    pub(crate) fn new(shared: Arc<Shared>) -> Guard {
        Guard {
            shared,
            is_done: false,
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if self.is_done {
            return;
        }
        let why = if std::thread::panicking() {
            "the task that served the connection has panicked"
        } else {
            "the runtime that served the connection has ended"
        };
        let error = Error::stopped(&self.shared.config.address, why);
        let now = Instant::now();
        self.shared.with(|state| {
            state.enter(Phase::Unused, now);
            state.parked = None;
            state.is_kept = false;
            state.connection = None;
            state.direct = None;
            state.end_upkeep();
            state.dials_ended += 1;
            state.unreachable = Some(error.clone());
            state.last_error = Some(error.clone());
            state.protocol.fail_all(&error);
        });
        self.shared.dialled.notify_waiters();
        if self.shared.tell_closed(&error) {
            self.shared.tell(EventKind::Lost(error));
        }
    }
}

/// One timer for everything, set anew only when something is due earlier.
pub(crate) struct Alarm {
    sleep: Pin<Box<Sleep>>,
    until: Option<Instant>,
}

impl Alarm {
    pub(crate) fn new() -> Alarm {
        Alarm {
            sleep: Box::pin(sleep_until(Instant::now())),
            until: None,
        }
    }

    /// When it rings, if nothing earlier than `wanted` is due.
    pub(crate) fn until(&self, wanted: Option<Instant>, now: Instant) -> Option<Instant> {
        let set = self.until.filter(|until| *until > now);
        match (set, wanted) {
            (Some(set), Some(wanted)) => Some(set.min(wanted)),
            (set, wanted) => set.or(wanted),
        }
    }

    /// Whether it was set for `at` and has rung. The runtime has looked for what has
    /// come on its sockets by then, which is more than that the time has passed.
    pub(crate) fn has_rung(&self, at: Instant) -> bool {
        self.until == Some(at) && self.sleep.is_elapsed()
    }

    /// Wakes the task at `until`.
    pub(crate) fn set(&mut self, cx: &mut Context<'_>, until: Option<Instant>) {
        let Some(until) = until.filter(|_| self.until != until) else {
            return;
        };
        self.until = Some(until);
        self.sleep.as_mut().reset(until);
        if self.sleep.as_mut().poll(cx).is_ready() {
            cx.waker().wake_by_ref();
        }
    }
}

/// What to do after something ended.
#[derive(PartialEq, Eq)]
enum Next {
    Dial,
    Stop,
}

pub(crate) async fn keep(mut guard: Guard) {
    let shared = Arc::clone(&guard.shared);
    let provider = shared.config.credentials.as_ref();
    let mut keeper = Keeper {
        shared: &shared,
        alarm: Alarm::new(),
        changes: provider.and_then(|provider| provider.changes()),
    };
    while keeper.turn().await == Next::Dial {}
    guard.is_done = true;
    shared.dialled.notify_waiters();
    if shared.with(|state| state.is_closed) {
        shared.tell(EventKind::Closed);
    }
}

struct Keeper<'a> {
    shared: &'a Shared,
    alarm: Alarm,
    /// Tells when there are new credentials.
    changes: Option<watch::Receiver<Credentials>>,
}

impl Keeper<'_> {
    /// A pause if one is due, a dial, and the connection until it is lost.
    async fn turn(&mut self) -> Next {
        let now = Instant::now();
        let not_before = self.shared.with(|state| {
            let not_before = state.not_before.take().filter(|at| *at > now);
            if not_before.is_some() {
                state.enter(Phase::Pausing, now);
            }
            not_before
        });
        if let Some(until) = not_before {
            trace::pausing(&self.shared.config, Some(self.shared.index), until);
            if self.meanwhile(sleep_until(until)).await.is_none() {
                return self.closed();
            }
        }
        let shared = self.shared;
        if let Some(changes) = &mut self.changes {
            // The dial asks for the newest.
            changes.mark_unchanged();
        }
        let now = Instant::now();
        let attempt = shared.with(|state| {
            state.enter(Phase::Dialling, now);
            state.statistics.dials += 1;
            state.upkeep = Upkeep::default();
            state.failures
        });
        shared.tell(EventKind::Dialling { attempt });
        let Some(outcome) = self.meanwhile(dial(&shared.config, attempt)).await else {
            return self.closed();
        };
        match outcome {
            Err(error) => self.dial_failed(&error),
            Ok((ready, greeting)) => self.drive(ready, greeting).await,
        }
    }

    /// Awaits something while deadlines are kept; `None` if the pool is closed
    /// first.
    async fn meanwhile<F: Future>(&mut self, future: F) -> Option<F::Output> {
        let mut future = pin!(future);
        poll_fn(|cx| {
            let now = Instant::now();
            let until = self.shared.with(|state| {
                let config = &self.shared.config;
                state.expire(now, config);
                if state.has_closed(now, config) {
                    return Err(());
                }
                let until = self.alarm.until(state.next_due(config), now);
                state.parked = Some(Parked {
                    waker: cx.waker().clone(),
                    for_bytes: false,
                    gathers: false,
                    until,
                });
                Ok(until)
            });
            let Ok(until) = until else {
                return Poll::Ready(None);
            };
            self.alarm.set(cx, until);
            future.as_mut().poll(cx).map(Some)
        })
        .await
    }

    async fn drive(&mut self, ready: Ready, greeting: Greeting) -> Next {
        let since = Instant::now();
        self.shared.tell_lent(&greeting, since);
        let before = self.shared.with(|state| {
            state.enter(Phase::Connected, since);
            state.is_quarantined = false;
            state.connection = Some(greeting.clone());
            state.direct = ready.stream.direct();
            (state.heard, state.alive, state.second_look) = (since, since, None);
            state.unreachable = None;
            state.failed_dials = 0;
            state.refusals = 0;
            state.dials_ended += 1;
            state.protocol.replies
        });
        self.shared.dialled.notify_waiters();
        self.shared.tell(EventKind::Connected(greeting));
        let end = {
            let mut driver = Driver::new(self.shared, ready, &mut self.alarm);
            let mut renewal = Renewal::new(self.shared, self.changes.clone());
            poll_fn(|cx| {
                renewal.poll_changes(cx);
                loop {
                    if let Poll::Ready(end) = driver.poll(cx) {
                        return Poll::Ready(end);
                    }
                    if !renewal.poll_provider(cx, driver.asks()) {
                        return Poll::Pending;
                    }
                }
            })
            .await
        };
        match end {
            End::Closed => self.closed(),
            End::Lost(error) => self.lost(&error, since, before),
        }
    }

    fn closed(&self) -> Next {
        self.shared.with(|state| {
            state.connection = None;
            state.direct = None;
            state.is_kept = false;
            state.parked = None;
        });
        let reason = Error::closed(&self.shared.config.address);
        self.shared.tell_closed(&reason);
        Next::Stop
    }

    fn lost(&self, error: &Error, since: Instant, replies_before: u64) -> Next {
        let (now, config) = (Instant::now(), &self.shared.config);
        let next = self.shared.with(|state| {
            state.connection = None;
            state.direct = None;
            // Else it would stand before every deadline until there is another one.
            state.second_look = None;
            state.enter(Phase::Pausing, now);
            state.last_error = Some(error.clone());
            state.statistics.connections_lost += 1;
            state.end_upkeep();
            state.protocol.lost(error);
            let answered = state.protocol.replies > replies_before;
            if answered || now.saturating_duration_since(since) >= PROVEN {
                state.failures = 0;
                state.not_before = None;
            } else {
                pause(state, config, now);
            }
            next(state, config, now)
        });
        if let Some(pushes) = config.listeners.push_sender() {
            pushes.lost(self.shared.index);
        }
        self.shared.tell_closed(error);
        self.shared.tell(EventKind::Lost(error.clone()));
        next
    }

    fn dial_failed(&self, error: &Error) -> Next {
        let (now, config) = (Instant::now(), &self.shared.config);
        let mut begins_to_fail_fast = false;
        let next = self.shared.with(|state| {
            state.statistics.failed_dials += 1;
            state.dials_ended += 1;
            state.unreachable = Some(error.clone());
            state.last_error = Some(error.clone());
            state.failed_dials = state.failed_dials.saturating_add(1);
            begins_to_fail_fast = config.fail_fast_after == Some(state.failed_dials);
            let only = (!state.fails_fast(config)).then_some(WhileAway::Refuse);
            state.protocol.fail_unwritten(only, error);
            pause(state, config, now);
            if error.is_passing() {
                state.refusals = 0;
                return next(state, config, now);
            }
            state.refusals += 1;
            if state.refusals < REFUSALS {
                return next(state, config, now);
            }
            // Waiting would not help them; whoever comes next may try again.
            state.refusals = 0;
            state.protocol.fail_unwritten(None, error);
            stop(state, config, now)
        });
        self.shared.dialled.notify_waiters();
        self.shared.tell(EventKind::DialFailed(error.clone()));
        if begins_to_fail_fast {
            self.shared.tell(EventKind::FailingFast(error.clone()));
        }
        next
    }
}

/// One more failure in a row, and the pause that it costs.
fn pause(state: &mut State, config: &Config, now: Instant) {
    state.not_before = Some(now + config.backoff.pause(state.failures, &config.random));
    state.failures = state.failures.saturating_add(1);
}

fn next(state: &mut State, config: &Config, now: Instant) -> Next {
    state.note_use(now);
    if state.has_closed(now, config) || state.is_unused(now) {
        return stop(state, config, now);
    }
    Next::Dial
}

/// The task is about to end; the next request starts another.
fn stop(state: &mut State, config: &Config, now: Instant) -> Next {
    if !state.has_closed(now, config) {
        state.enter(Phase::Unused, now);
    }
    state.is_kept = false;
    state.parked = None;
    Next::Stop
}
