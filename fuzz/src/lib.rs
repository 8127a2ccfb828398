//! What slotline-resp and slotline-topology promise of any bytes, as functions over bytes: libFuzzer
//! calls them with inputs that it makes up (`cargo xtask fuzz`), and an ordinary
//! test with those that were kept (`tests/replay.rs`).
#![forbid(unsafe_code)]

mod choices;
mod command;
mod cuts;
mod cutting;
mod key_positions;
mod round_trip;
mod scan;
mod target;
mod topology;
mod typed;

pub use target::{TARGETS, Target, run};
