//! The commands that are typed: each is an encoder, and one line for each of the
//! two places where it can be said.

mod encode;
mod kinds;
mod on_batch;
mod on_direct;
mod options;

pub use kinds::{Flag, Get, Given, Raw, Returning, Set, Unset};
pub use options::Free;
