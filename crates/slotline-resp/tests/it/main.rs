//! What the decoding half of the crate promises, as tables of bytes.
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod decode;
mod deep;
mod encoder;
mod memory;
mod properties;
mod scan;
#[cfg(feature = "serde")]
mod structs;
mod time;
