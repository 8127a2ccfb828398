//! Tower layers that carry a batch of commands across a cluster:
//! `Chunk → Retry → Redirect → Route`, then one service for all nodes.
#![forbid(unsafe_code)]

mod attempt;
mod backoff;
pub mod chunk;
mod cluster;
mod error;
mod intent;
mod node;
mod order;
pub mod redirect;
pub mod refresh;
mod request;
mod resend;
mod response;
pub mod retry;
pub mod route;

pub use chunk::ChunkLayer;
pub use cluster::{Cluster, Snapshot};
pub use error::{BoxError, Error, NodeFailure};
pub use node::{Asked, Intent, Nodes, Part, PartFailure, PartResponse, WhileAway};
pub use redirect::RedirectLayer;
pub use refresh::{Refresh, RefreshConfig};
pub use request::{ReadFrom, Request};
pub use response::{Response, Trouble};
pub use retry::{RetryBudget, RetryLayer, RetryPolicy, StandardPolicy};
pub use route::RouteLayer;

/// The README's examples, run as doc tests.
#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct ReadmeDoctests;
