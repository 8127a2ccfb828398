//! Cuts what is too large for one go.

mod future;
mod layer;
mod pieces;
mod progress;
mod service;

pub use future::ChunkFuture;
pub use layer::ChunkLayer;
pub use progress::Progress;
pub use service::Chunk;
