//! Slots, endpoints, redirects, views and what they merge into, as tables.
#![expect(
    clippy::unwrap_used,
    clippy::unreachable,
    reason = "a test fails by panicking"
)]

mod encode;
mod merge;
mod nodes;
mod redirect;
mod slot;
mod slots;
mod topology;
