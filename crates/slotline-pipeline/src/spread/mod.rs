//! Commands that one node cannot answer become several, and several answers one.

mod future;
mod layer;
mod merge;
mod numbers;
mod parts;
mod service;
mod split;

pub use future::SpreadFuture;
pub use layer::SpreadLayer;
pub(crate) use parts::{Home, Parts};
pub use service::Spread;
