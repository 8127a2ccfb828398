//! What a client knows of its cluster, against real servers: group D of the ways
//! to fail.
#![expect(clippy::unwrap_used, reason = "a test's own functions may fail it")]

mod coverage;
mod database;
mod dns;
mod endpoints;
mod large;
mod lazy;
mod malformed;
mod members;
mod nat;
mod raw;
#[path = "../../../crates/slotline-topology/tests/it/recorded/scene.rs"]
mod scene;
mod scenes;
mod seeds;
mod split;
mod stale;
