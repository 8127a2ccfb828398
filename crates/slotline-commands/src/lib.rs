//! The commands of Redis and Valkey, typed. Each is a value ([`cmd`]), a method on
//! whatever runs commands one by one ([`Direct`]), and a method on whatever collects
//! them ([`Batch`]); options follow as methods, and what its reply becomes is part of
//! its type. No IO: who runs commands implements [`Run`].
#![forbid(unsafe_code)]
// What groups of commands share is there though some groups are left out.
#![cfg_attr(
    not(all(feature = "core", feature = "modules")),
    allow(dead_code, unused_imports)
)]

mod batch;
mod command;
mod direct;
mod output;
mod queued;
mod types;

pub use batch::Batch;
pub use command::{cmd, kinds};
pub use direct::{Direct, Explained, On, Run};
pub use output::{
    AtMillis, AtSeconds, Clock, Done, EachAtMillis, EachAtSeconds, EachInMillis, EachInSeconds,
    Flag, Free, Get, Given, IdleSeconds, InMillis, InSeconds, Output, Raw, Returning, UnixTime,
    Unset,
};
pub use queued::Queued;
pub use types::{
    Aggregate, BitOperation, BitUnit, ClientType, Expiry, Extreme, GeoFrom, GeoPoint, GeoShape,
    LogKind, Nack, Order, Overflow, PauseMode, Place, ResetMode, Side, SlotState, StreamId,
    TimeToLive, Trim, Unblock, Unit, Vector, VectorQuery,
};

/// The README's examples, run as doc tests.
#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct ReadmeDoctests;
