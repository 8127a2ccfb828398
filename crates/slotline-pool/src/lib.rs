//! Initialised connections to one Redis or Valkey node.
//!
//! A [`Pool`] is built for one node and one [`Intent`]. What its connections are
//! (protocol, credentials, name, database, read-only, the user's [`InitHook`]s)
//! belongs to the pool, and every connection has gone through all of it before
//! anyone can use it. Any number of tasks share a connection; no cancellation
//! shifts a reply; every failure says of each command whether it may have run.
//! What needs a connection of its own gets a [`Lease`].
#![forbid(unsafe_code)]

mod address;
mod backoff;
mod config;
mod dial;
mod driver;
mod error;
mod exchange;
mod hook;
mod keeper;
mod lease;
mod line;
mod pool;
mod protocol;
mod shared;
mod statistics;
#[cfg(test)]
mod tests;

pub use address::Address;
pub use config::{Credentials, Intent, PoolBuilder};
pub use dial::{Greeting, Mode, Protocol, Role};
pub use error::Error;
pub use exchange::{Answer, Exchange, Failure};
pub use hook::{HookError, HookFuture, InitHook, Setup, SetupCommand, hook};
pub use lease::{Call, Lease, LeaseStatistics};
pub use pool::Pool;
pub use protocol::WhileAway;
pub use statistics::Statistics;

/// The README's examples, run as doc tests.
#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct ReadmeDoctests;
