//! What a pool is at one moment.

use tokio::time::Instant;

use crate::address::Address;
use crate::config::Intent;
use crate::dial::Greeting;
use crate::error::Error;

/// A pool at one moment, from [`Pool::state`](crate::Pool::state).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct State {
    /// The node.
    pub address: Address,
    /// What the connections are for.
    pub intent: Intent,
    /// Each of the [`connections`](crate::PoolBuilder::connections) that the pool
    /// may have, made or not.
    pub connections: Vec<ConnectionState>,
}

/// One of a pool's connections at one moment.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ConnectionState {
    /// What it does.
    pub phase: Phase,
    /// Since when.
    pub since: Instant,
    /// What the server said of itself, if it is connected.
    pub greeting: Option<Greeting>,
    /// Commands that hold a place now, written or not.
    pub in_flight: usize,
    /// Bytes that wait for being written now.
    pub queued_bytes: usize,
    /// Requests that wait for room now.
    pub waiting: usize,
    /// Dials, or connections that were of no use, that have come to nothing in a
    /// row.
    pub failures: u32,
    /// Why the last connection was lost, or the last dial failed, whichever was
    /// later; it stays when there is a connection again.
    pub last_error: Option<Error>,
}

/// What one of a pool's connections does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// Nobody needs it: the next request dials.
    Unused,
    /// It is being made.
    Dialling,
    /// It waits before the next dial.
    Pausing,
    /// It is ready.
    Connected,
    /// It takes no more requests, and brings what is under way to its end: see
    /// [`Pool::drain`](crate::Pool::drain).
    Draining,
    /// The pool is closed.
    Closed,
}
