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
mod credentials;
mod dial;
mod driver;
mod error;
mod events;
mod exchange;
mod hook;
mod keeper;
mod lease;
mod line;
mod observers;
mod ping;
mod pool;
mod protocol;
mod pushes;
mod random;
mod reauth;
mod renewal;
mod settings;
mod shared;
mod state;
mod statistics;
#[cfg(test)]
mod tests;
#[cfg(feature = "tls")]
mod tls;
mod trace;
mod tracking;
mod upkeep;

pub use address::Address;
pub use config::{Intent, PoolBuilder};
pub use credentials::{Credentials, CredentialsFuture, CredentialsProvider};
pub use dial::{
    Connect, Connecting, DialLimit, Greeting, Mode, Network, Resolve, Resolving, Role, Stream,
};
pub use error::Error;
pub use events::{Event, EventKind, Events, Missed};
pub use exchange::{Answer, Exchange, Failure};
pub use hook::{HookError, HookFuture, InitHook, Setup, SetupCommand, hook};
pub use lease::{Call, Lease, LeaseStatistics};
pub use observers::{Closed, Lent};
pub use pool::Pool;
pub use protocol::WhileAway;
pub use pushes::{Push, Pushes};
/// The protocol that a connection speaks.
pub use slotline_resp::Protocol;
pub use state::{ConnectionState, Phase, State};
pub use statistics::{CommandsPerWrite, Statistics};
#[cfg(feature = "tls")]
pub use tls::{Tls, TlsBuilder};
/// The TLS library, in the version whose types [`TlsBuilder`] takes.
#[cfg(feature = "tls")]
pub use tokio_rustls::rustls;
pub use tracking::Tracking;

/// The README's examples, run as doc tests.
#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct ReadmeDoctests;
