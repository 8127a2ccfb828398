//! One connection through the proxy, and the task that serves it.

use std::future::poll_fn;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::net::TcpStream;
use tokio::sync::Notify;

use super::faults::{Cut, Faults, Order, Start};
use super::lane::Lane;
use super::pump::{Pump, Verdict};
use super::traffic::Traffic;

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    ToServer,
    ToClient,
}

/// One thing for each direction.
#[derive(Clone, Debug, Default)]
pub(super) struct Pair<T> {
    pub(super) to_server: T,
    pub(super) to_client: T,
}

impl<T> Pair<T> {
    pub(super) fn of(&mut self, direction: Direction) -> &mut T {
        match direction {
            Direction::ToServer => &mut self.to_server,
            Direction::ToClient => &mut self.to_client,
        }
    }
}

/// What the task of a connection and the test share.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) number: usize,
    pub(super) client: SocketAddr,
    state: Mutex<State>,
    /// Something has happened that somebody may wait for.
    pub(super) changed: Arc<Notify>,
}

#[derive(Debug)]
struct State {
    lanes: Pair<Lane>,
    /// Where the server sees the connection come from.
    seen_by_server: Option<SocketAddr>,
    is_open: bool,
    /// Whether the client has closed its end.
    is_left: bool,
}

impl Link {
    pub(super) fn new(
        number: usize,
        client: SocketAddr,
        faults: &Pair<Faults>,
        bound: Option<usize>,
        changed: Arc<Notify>,
    ) -> Link {
        let lane = |faults: &Faults| Lane::new(faults.clone(), bound);
        let lanes = Pair {
            to_server: lane(&faults.to_server),
            to_client: lane(&faults.to_client),
        };
        Link {
            number,
            client,
            state: Mutex::new(State {
                lanes,
                seen_by_server: None,
                is_open: true,
                is_left: false,
            }),
            changed,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something to one direction, and tells who waits for what it changes.
    pub(super) fn with<R>(&self, direction: Direction, act: impl FnOnce(&mut Lane) -> R) -> R {
        let (result, is_new) = {
            let mut state = self.lock();
            let lane = state.lanes.of(direction);
            let before = lane.traffic;
            let result = act(lane);
            (result, lane.traffic != before)
        };
        if is_new {
            self.changed.notify_waiters();
        }
        result
    }

    pub(super) fn order(&self, direction: Direction, order: &Order, start: Start) {
        let waker = self.with(direction, |lane| lane.take_order(order, start));
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(super) fn traffic(&self, direction: Direction) -> Traffic {
        self.lock().lanes.of(direction).traffic
    }

    pub(super) fn seen_by_server(&self) -> Option<SocketAddr> {
        self.lock().seen_by_server
    }

    pub(super) fn is_open(&self) -> bool {
        self.lock().is_open
    }

    pub(super) fn is_left(&self) -> bool {
        self.lock().is_left
    }

    fn set(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.changed.notify_waiters();
    }

    /// The sender of a direction has closed its end.
    pub(super) fn sender_left(&self, direction: Direction) {
        if direction == Direction::ToServer {
            self.set(|state| state.is_left = true);
        }
    }
}

/// Notes the end of a connection, however its task ends.
struct Ending(Arc<Link>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.set(|state| {
            state.is_open = false;
            state.is_left = true;
        });
    }
}

/// Passes bytes between the two until the connection is over. Without a server
/// the client is listened to and not answered.
pub(super) async fn serve(link: Arc<Link>, client: TcpStream, server: Option<TcpStream>) {
    let ending = Ending(link);
    let link = &*ending.0;
    let seen = server.as_ref().and_then(|server| server.local_addr().ok());
    link.set(|state| state.seen_by_server = seen);
    let (near, far) = (Some(&client), server.as_ref());
    let mut up = Some(Pump::new(link, Direction::ToServer, near, far));
    let mut down = Some(Pump::new(link, Direction::ToClient, far, near));
    let cut = poll_fn(|cx| {
        let up = advance(&mut up, cx);
        let down = advance(&mut down, cx);
        match (up, down) {
            (Some(Verdict::Cut(how)), _) | (_, Some(Verdict::Cut(how))) => Poll::Ready(Some(how)),
            (Some(_), Some(_)) => Poll::Ready(None),
            // Nobody else will end it.
            (Some(_), None) if server.is_none() => Poll::Ready(None),
            _ => Poll::Pending,
        }
    });
    let Some(how) = cut.await else { return };
    drop((up, down));
    link.set(|state| state.is_open = false);
    end(link, client, server, how).await;
}

/// The verdict on a direction once there is one; it is then not polled again.
fn advance(pump: &mut Option<Pump<'_>>, cx: &mut Context<'_>) -> Option<Verdict> {
    let Some(running) = pump else {
        return Some(Verdict::Over);
    };
    match running.poll(cx) {
        Poll::Ready(verdict) => {
            *pump = None;
            Some(verdict)
        }
        Poll::Pending => None,
    }
}

/// A connection that is ended as soon as it has been accepted.
pub(super) async fn refuse(link: Arc<Link>, client: TcpStream, how: Cut) {
    let ending = Ending(link);
    ending.0.set(|state| state.is_open = false);
    end(&ending.0, client, None, how).await;
}

async fn end(link: &Link, client: TcpStream, server: Option<TcpStream>, how: Cut) {
    if how == Cut::Reset {
        for stream in [Some(client), server].into_iter().flatten() {
            let _ = stream.set_zero_linger();
        }
        return;
    }
    for stream in [Some(&client), server.as_ref()].into_iter().flatten() {
        let _ = rustix::net::shutdown(stream, rustix::net::Shutdown::Write);
    }
    // A socket that is closed with bytes unread sends a reset, which overtakes what
    // was passed on; so they are read until the other side has closed as well.
    let client = async {
        drain(&client).await;
        link.set(|state| state.is_left = true);
        drop(client);
    };
    let server = async {
        if let Some(server) = server {
            drain(&server).await;
        }
    };
    both(client, server).await;
}

async fn drain(stream: &TcpStream) {
    let mut buffer = [0; 4096];
    while stream.readable().await.is_ok() {
        match stream.try_read(&mut buffer) {
            Ok(1..) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Ok(0) | Err(_) => return,
        }
    }
}

/// Runs two futures side by side to their ends.
async fn both(one: impl Future<Output = ()>, other: impl Future<Output = ()>) {
    let (mut one, mut other) = (std::pin::pin!(one), std::pin::pin!(other));
    let mut done = (false, false);
    poll_fn(|cx| {
        done.0 = done.0 || one.as_mut().poll(cx).is_ready();
        done.1 = done.1 || other.as_mut().poll(cx).is_ready();
        if done == (true, true) {
            return Poll::Ready(());
        }
        Poll::Pending
    })
    .await;
}
