//! Tower layers that carry a batch of commands across a cluster:
//! `Learn → Spread → Chunk → Retry → Redirect → Route`, then one service for all nodes.
#![forbid(unsafe_code)]

mod alone;
mod attempt;
mod backoff;
pub mod chunk;
mod cluster;
mod error;
pub mod hedge;
mod intent;
pub mod learn;
mod ledger;
mod node;
pub mod observe;
mod order;
mod random;
pub mod redirect;
pub mod refresh;
mod request;
mod resend;
mod response;
pub mod retry;
pub mod route;
pub mod spread;
mod track;
mod transaction;

pub use alone::{Alone, Keep};
pub use chunk::{ChunkLayer, Progress};
pub use cluster::{Cluster, ClusterBuilder, Facts, Snapshot};
pub use error::{BoxError, Error, NodeFailure};
pub use hedge::{HedgeLayer, HedgeStatistics};
pub use learn::LearnLayer;
pub use node::{Asked, Intent, Nodes, Part, PartFailure, PartResponse, WhileAway};
pub use observe::{Explain, Statistics};
pub use redirect::RedirectLayer;
pub use refresh::{Refresh, RefreshConfig};
pub use request::Request;
pub use response::{Response, Trouble};
pub use retry::{RetryBudget, RetryLayer, RetryPolicy, StandardPolicy};
pub use route::{Candidate, ReadFrom, ReadPolicy, RouteLayer};
pub use spread::SpreadLayer;
pub use track::Watched;
pub use transaction::Executed;

/// The README's examples, run as doc tests.
#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct ReadmeDoctests;
