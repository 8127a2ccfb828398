//! Hands each node its part of a request.

mod choose;
mod future;
mod groups;
mod home;
mod layer;
mod pinned;
mod plan;
mod read;
mod rules;
mod service;

pub use future::RouteFuture;
pub(crate) use future::{Sent, of_part};
pub use layer::RouteLayer;
pub use pinned::{Pinned, PinnedFuture};
pub use read::{Candidate, ReadFrom, ReadPolicy};
pub(crate) use rules::changes_session;
pub use service::Route;
