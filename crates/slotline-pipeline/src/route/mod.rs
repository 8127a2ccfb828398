//! Hands each node its part of a request.

mod choose;
mod future;
mod groups;
mod layer;
mod pinned;
mod plan;
mod read;
mod service;

pub use future::RouteFuture;
pub(crate) use future::{Sent, of_part};
pub use layer::RouteLayer;
pub use pinned::{Pinned, PinnedFuture};
pub(crate) use plan::changes_session;
pub use read::{Candidate, ReadFrom, ReadPolicy};
pub use service::Route;
