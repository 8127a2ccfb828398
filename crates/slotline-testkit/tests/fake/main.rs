//! The fake cluster.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod replay;
#[path = "../recordings/script.rs"]
mod script;
mod steering;
