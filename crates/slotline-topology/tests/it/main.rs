//! Slots, endpoints, redirects, views and what they merge into, as tables.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    clippy::unreachable,
    reason = "a test fails by panicking"
)]

mod address_map;
mod diff;
mod encode;
mod merge;
mod nodes;
mod recorded;
mod redirect;
mod shards;
mod shown;
mod slot;
mod slotless;
mod slots;
mod topology;
