//! What commands of each kind do, on one server and on a cluster.

mod functions;
mod scan;
mod scripts;
mod spread;
