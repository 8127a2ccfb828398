//! What single commands do over a cluster.

mod learning;
mod spread;
