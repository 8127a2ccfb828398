//! What single commands do, over a cluster and alone.

mod blocking;
mod facts;
mod followed;
mod scan;
mod spread;
mod typed;
mod watch;
