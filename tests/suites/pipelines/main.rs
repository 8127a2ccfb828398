//! What becomes of pipelines while connections, sessions and slots change.

mod budget;
mod facts;
mod hedges;
mod in_doubt;
mod sessions;
mod swapped;
mod watched;
