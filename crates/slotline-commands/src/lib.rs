//! The commands of Redis and Valkey, typed. Each is a value ([`cmd`]), a method on
//! whatever runs commands one by one ([`Direct`]), and a method on whatever collects
//! them ([`Batch`]); options follow as methods, and what its reply becomes is part of
//! its type. No IO: who runs commands implements [`Run`].
#![forbid(unsafe_code)]

mod batch;
mod command;
mod direct;
mod output;
mod queued;
mod types;

pub use batch::Batch;
pub use command::{cmd, kinds};
pub use direct::{Direct, Explained, On, Run};
pub use output::{Flag, Free, Get, Given, Output, Raw, Returning, Unset};
pub use queued::Queued;
pub use types::StreamId;

/// The README's examples, run as doc tests.
#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct ReadmeDoctests;
