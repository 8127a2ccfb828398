//! What a proxy's handles and its tasks share.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::faults::{Cut, Faults, Here, Order, Start};
use super::link::{Direction, Link, Pair};
use crate::error::{Error, Result};

/// What becomes of a connection that a client makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnConnect {
    /// It is passed through to the server.
    Forward,
    /// It is accepted and ended at once.
    Refuse(Cut),
    /// It is accepted, and whatever the client says is read and thrown away; the
    /// server hears nothing of it.
    StaySilent,
}

#[derive(Debug)]
pub(super) struct Registry {
    address: SocketAddr,
    bound: Option<usize>,
    state: Mutex<State>,
    pub(super) changed: Arc<Notify>,
}

#[derive(Debug)]
pub(super) struct State {
    /// What is wrong with every connection from its start.
    faults: Pair<Faults>,
    /// What is asked for on the next one alone.
    for_next: Vec<(Direction, Order, Start)>,
    /// All that there have been, in the order in which they came.
    links: Vec<Arc<Link>>,
    pub(super) backend: SocketAddr,
    pub(super) on_connect: OnConnect,
    /// Addresses whose connections reach nobody.
    pub(super) kept_out: BTreeSet<IpAddr>,
    /// Whether it is to listen, and whether it does.
    pub(super) is_to_listen: bool,
    pub(super) is_listening: bool,
    /// Why it cannot.
    pub(super) failure: Option<std::io::Error>,
    pub(super) is_closing: bool,
    /// Connections that the server did not take.
    pub(super) unreachable: usize,
    /// The task that listens, while it waits.
    waker: Option<Waker>,
}

impl State {
    /// All connections that there have been.
    pub(super) fn links(&self) -> Vec<Arc<Link>> {
        self.links.clone()
    }
}

impl Registry {
    pub(super) fn new(address: SocketAddr, backend: SocketAddr, bound: Option<usize>) -> Registry {
        Registry {
            address,
            bound,
            state: Mutex::new(State {
                faults: Pair::default(),
                for_next: Vec::new(),
                links: Vec::new(),
                backend,
                on_connect: OnConnect::Forward,
                kept_out: BTreeSet::new(),
                is_to_listen: true,
                is_listening: true,
                failure: None,
                is_closing: false,
                unreachable: 0,
                waker: None,
            }),
            changed: Arc::new(Notify::new()),
        }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something to the state; the task that listens looks at it again.
    pub(super) fn with<R>(&self, act: impl FnOnce(&mut State) -> R) -> R {
        let (result, waker) = {
            let mut state = self.lock();
            let result = act(&mut state);
            (result, state.waker.take())
        };
        if let Some(waker) = waker {
            waker.wake();
        }
        self.changed.notify_waiters();
        result
    }

    /// The same without a notice: for what nobody waits for.
    pub(super) fn quietly<R>(&self, act: impl FnOnce(&mut State) -> R) -> R {
        act(&mut self.lock())
    }

    /// What is wanted of the task that listens, which is woken when that changes.
    pub(super) fn look<R>(&self, cx: &Context<'_>, look: impl FnOnce(&mut State) -> R) -> R {
        let mut state = self.lock();
        state.waker = Some(cx.waker().clone());
        look(&mut state)
    }

    /// Takes down a connection, with all that is wrong with each; and what is to
    /// become of it.
    pub(super) fn add(&self, client: SocketAddr) -> (Arc<Link>, OnConnect) {
        let added = {
            let mut state = self.lock();
            let link = Link::new(
                state.links.len(),
                client,
                &state.faults,
                self.bound,
                Arc::clone(&self.changed),
            );
            for (direction, order, start) in state.for_next.drain(..) {
                link.order(direction, &order, start);
            }
            let link = Arc::new(link);
            state.links.push(Arc::clone(&link));
            let on_connect = match state.on_connect {
                OnConnect::Forward if state.kept_out.contains(&client.ip()) => {
                    OnConnect::StaySilent
                }
                on_connect => on_connect,
            };
            (link, on_connect)
        };
        self.changed.notify_waiters();
        added
    }

    /// All connections that there have been.
    pub(super) fn links(&self) -> Vec<Arc<Link>> {
        self.lock().links()
    }

    /// Asks for something on all connections that are open, and unless it is for
    /// this moment only on all that come.
    pub(super) fn order(&self, direction: Direction, order: &Order, start: Start) {
        let links = {
            let mut state = self.lock();
            if matches!(order, Order::Heal) {
                state.for_next.retain(|(other, ..)| *other != direction);
            }
            let is_event = matches!(order, Order::Inject(_) | Order::InjectBetween(_));
            if !(is_event && start == Start::Now) {
                let faults = state.faults.of(direction);
                faults.take(order, start, Here::default());
            }
            state.links.clone()
        };
        for link in links.iter().filter(|link| link.is_open()) {
            link.order(direction, order, start);
        }
    }

    /// Asks for something on the connection that comes next.
    pub(super) fn order_for_next(&self, direction: Direction, order: &Order, start: Start) {
        let mut state = self.lock();
        state.for_next.push((direction, order.clone(), start));
    }

    /// Waits until `probe` succeeds, which is asked whenever something has
    /// happened; its errors say what is still missing.
    pub(super) async fn until<T>(
        &self,
        step: &'static str,
        within: Duration,
        probe: impl FnMut() -> Result<T, String>,
    ) -> Result<T> {
        let outcome = until(&self.changed, step, within, probe).await;
        outcome.map_err(|error| error.at(self.address))
    }
}

/// The same by the notice alone.
pub(super) async fn until<T>(
    changed: &Notify,
    step: &'static str,
    within: Duration,
    mut probe: impl FnMut() -> Result<T, String>,
) -> Result<T> {
    let deadline = Instant::now() + within;
    let mut notice = pin!(changed.notified());
    loop {
        // Before the look, so that nothing happens unnoticed.
        notice.as_mut().enable();
        let missing = match probe() {
            Ok(found) => return Ok(found),
            Err(missing) => missing,
        };
        if timeout_at(deadline, notice.as_mut()).await.is_err() {
            return Err(Error::timeout(step, within, missing));
        }
        notice.set(changed.notified());
    }
}
