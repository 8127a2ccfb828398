//! The workloads of `cargo xtask bench`, for any client: what is stored, what is
//! asked for, how long it runs, and what is measured meanwhile. A client is a type
//! that has [`Client`]; a program that measures it calls [`main`].
#![forbid(unsafe_code)]

mod asked;
mod client;
mod driver;
pub mod keys;
mod latencies;
mod machine;
mod operation;
mod outcome;
mod pause;
mod program;
#[cfg(test)]
mod tests;
mod workload;

pub use asked::{Asked, Limit, Paused};
pub use client::{Client, Failure, PATIENCE, Setup};
pub use driver::Counter;
pub use latencies::Latencies;
pub use machine::{cpu_time, cpu_time_of, stay_on};
pub use outcome::{Counted, Outcome};
pub use program::main;
pub use workload::Workload;
