//! What became of a request on its way, and what the layers of a client have done.

mod explain;
mod statistics;

pub use explain::{Explain, Step, What, Why};
pub(crate) use statistics::Counters;
pub use statistics::Statistics;
