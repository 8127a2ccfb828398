//! What a client knows of its cluster, against real servers: group D of the ways
//! to fail.
#![expect(clippy::unwrap_used, reason = "a test's own functions may fail it")]

mod keys;
mod raw;
#[path = "../../../crates/slotline-topology/tests/it/recorded/scene.rs"]
mod scene;
mod scenes;
