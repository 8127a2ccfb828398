//! Sends again what failed without an answer, where that cannot do harm.

mod budget;
mod future;
mod layer;
mod policy;
mod service;

pub use budget::RetryBudget;
pub use future::RetryFuture;
pub use layer::RetryLayer;
pub use policy::{Failed, RetryPolicy, StandardPolicy};
pub use service::Retry;
