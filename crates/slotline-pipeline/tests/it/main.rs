//! The layers over a scripted cluster in the process, no sockets, mostly under
//! the paused clock.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod asked;
mod blocking;
mod cancel;
mod chunk;
mod explained;
mod facts;
mod fake;
mod foreign;
mod hedging;
mod intent;
mod keyless;
mod learning;
mod moved;
mod order;
mod pieces;
mod reading;
mod refresh;
mod retry;
mod rig;
mod scripts;
mod sessions;
mod spread;
mod transactions;
mod waiting;
