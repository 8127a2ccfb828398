//! The commands: each is an encoder, and one line for each of the places where it can
//! be said.

pub mod cmd;
mod encode;
pub mod kinds;
mod on_batch;
mod on_direct;
mod options;
