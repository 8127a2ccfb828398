//! Cuts what is too large for one go.

mod future;
mod layer;
mod service;

pub use future::ChunkFuture;
pub use layer::ChunkLayer;
pub use service::Chunk;
