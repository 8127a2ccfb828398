//! What becomes of pipelines while connections, sessions and slots change.

mod budget;
mod in_doubt;
mod sessions;
mod swapped;
mod watched;
