//! Watched keys, and transactions that run only if nobody has changed them (F1).

mod lease;
mod lost;
mod watched;
mod watching;

pub use lease::{OnLease, Running};
pub(crate) use watched::watch;
pub use watched::{Commit, StartWatch, Watched};
pub use watching::Watching;
