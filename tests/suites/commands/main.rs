//! What single commands do, over a cluster and alone.

mod blocking;
mod consumer_groups;
mod facts;
mod followed;
mod functions;
mod learning;
mod queues;
mod scan;
mod scripts;
mod spread;
mod together;
mod typed;
mod watch;
