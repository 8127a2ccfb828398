//! Slotline measured beside its peers: what is measured, in one place, so that
//! instructions, time and allocations are of the same work. The bench targets
//! measure and print lines of JSON; `cargo xtask bench` runs them and prints a
//! table.
#![forbid(unsafe_code)]

pub mod codec;
pub mod pool;
pub mod topology;
