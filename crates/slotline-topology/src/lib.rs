//! Which node of a Redis or Valkey cluster serves a slot, as an immutable
//! value. No IO, no clock.
//!
//! [`slot_of`] is the arithmetic alone. A [`Topology`] is the map from slots to
//! nodes; it comes from the [`View`]s of several nodes through [`merge`], a
//! [`Redirect`] patches it, and a [`Diff`] says what has changed.
#![forbid(unsafe_code)]

mod address_map;
mod diff;
mod endpoint;
mod error;
mod merge;
mod redirect;
mod slot;
mod slot_set;
mod topology;
mod view;

pub use address_map::AddressMap;
pub use diff::{Diff, NodeChange, SlotMove};
pub use endpoint::Endpoint;
pub use error::{Error, Result};
pub use merge::{Merged, merge};
pub use redirect::{Redirect, RedirectKind};
pub use slot::{Slot, hash_tag, slot_of};
pub use slot_set::SlotSet;
pub use topology::{Health, Node, NodeIndex, Role, Shard, Topology, TopologyBuilder};
pub use view::{NodeFlags, NodeLine, PortKind, View, parse_nodes};

/// The README's examples, run as doc tests.
#[doc = include_str!("../README.md")]
#[cfg(doctest)]
struct ReadmeDoctests;
