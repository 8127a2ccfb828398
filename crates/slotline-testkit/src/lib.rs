//! Real local servers for tests of Redis and Valkey clients: standalone ones
//! and clusters, started, hurt and removed from within a test; and a fake cluster
//! in the process. Unix only.
#![forbid(unsafe_code)]

mod admin;
mod binary;
#[cfg(feature = "tls")]
mod certificates;
mod cluster;
mod error;
mod fake;
mod group;
mod guardian;
mod node;
mod nodes_conf;
mod ports;
mod proxy;
mod server;
mod settings;
mod standalone;
#[cfg(feature = "tls")]
mod tls;
mod view;
mod wait;

pub use binary::{ServerBinary, ServerVersion};
#[cfg(feature = "tls")]
pub use certificates::{Authority, Identity};
pub use cluster::{LocalCluster, LocalClusterBuilder, Migration};
pub use error::{Error, Result};
pub use fake::{
    Dice, FakeCluster, FakeClusterBuilder, FakeCommand, FakeFault, FakeServer, FakeTakeover,
    FaultKind, Unreplicated,
};
pub use node::Node;
pub use proxy::{Cut, FaultProxy, FaultProxyBuilder, Flow, OnConnect, ProxyConnection, Traffic};
pub use standalone::{LocalServer, LocalServerBuilder};

/// Replies of admin commands.
pub use slotline_resp::Value;

/// The README's examples, run as doc tests.
#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct ReadmeDoctests;
