//! Each reply goes to its request, and each failure says what became of it, whatever
//! the network does: a pool before a real server, and the fault proxy between them.

mod aborted;
mod crossing;
mod cut_pipelines;
mod line;
mod pushes;
mod silence;
mod strays;

pub use line::fates;
