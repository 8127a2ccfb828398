//! What single commands do, over a cluster and alone.

mod spread;
mod typed;
