//! One connection to a server: clients that many tasks share.

mod client;
mod counted;
mod job;
mod keys;
mod redis;
mod slotline;
#[cfg(test)]
mod tests;
mod workload;

pub use client::Who;
pub use job::{Asked, Job, Prepared, asked, jobs};
pub use slotline_bench_driver::cpu_time;
pub use workload::Workload;
