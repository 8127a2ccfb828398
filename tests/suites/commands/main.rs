//! What single commands do, over a cluster and alone.

mod blocking;
mod consumer_groups;
mod facts;
mod followed;
mod functions;
mod learning;
mod scan;
mod scripts;
mod spread;
mod typed;
mod watch;
