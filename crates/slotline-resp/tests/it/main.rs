//! What the crate promises, as tables of bytes.
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

#[cfg(feature = "tokio-util")]
mod codec;
mod commands;
mod decode;
mod deep;
mod differential;
mod memory;
mod properties;
mod replies;
mod scan;
#[cfg(feature = "serde")]
mod structs;
mod time;
