//! Topologies: slots of keys, lookups, and what nodes say made into a map.

mod case;
mod wire;

pub use case::{Case, cases};
