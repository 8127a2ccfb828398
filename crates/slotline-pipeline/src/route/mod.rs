//! Hands each node its part of a request.

mod future;
mod layer;
mod pinned;
mod plan;
mod service;

pub use future::RouteFuture;
pub(crate) use future::of_part;
pub use layer::RouteLayer;
pub use pinned::{Pinned, PinnedFuture};
pub(crate) use plan::changes_session;
pub use service::Route;
