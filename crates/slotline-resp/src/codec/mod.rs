//! The codec for tokio-util's `Framed`.

mod client;
mod error;
mod server;

pub use client::ClientCodec;
pub use error::CodecError;
pub use server::ServerCodec;
