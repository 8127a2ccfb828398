//! Asks a second replica when the first is slow.

mod future;
mod layer;
mod quantile;
mod service;

pub use future::HedgeFuture;
pub use layer::{HedgeLayer, HedgeStatistics};
pub use service::Hedge;
