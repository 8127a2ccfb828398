//! What commands of each kind do, on one server and on a cluster.

mod scan;
mod spread;
