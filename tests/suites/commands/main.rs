//! What single commands do over a cluster.

mod spread;
