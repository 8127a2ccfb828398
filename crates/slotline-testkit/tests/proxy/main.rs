//! The fault proxy between two sockets that the test holds itself: no server.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod connecting;
mod cuts;
mod ends;
mod frames;
mod holding;
mod passing;
mod sight;
mod sources;
