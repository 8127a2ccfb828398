//! The layers over a scripted cluster in the process, no sockets, mostly under
//! the paused clock.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod asked;
mod fake;
mod intent;
mod keyless;
mod moved;
mod order;
mod rig;
mod scripts;
mod waiting;
