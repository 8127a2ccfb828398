//! Asks the servers about commands that the table does not know.

mod described;
mod future;
mod known;
mod layer;
mod service;

pub use future::LearnFuture;
pub use layer::LearnLayer;
pub use service::Learn;
