//! What single commands do, over a cluster and alone.

mod facts;
mod spread;
mod typed;
