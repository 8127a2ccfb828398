//! Nodes in the memory of the same process, and fixed pieces of work to be done over
//! them: for whatever counts what they cost.
#![forbid(unsafe_code)]

mod layout;
mod node;
mod scenario;
mod stream;
mod wire;

use std::sync::Arc;

pub use layout::Layout;
pub use node::Node;
pub use scenario::{SCENARIOS, Scenario, Work, keys};
pub use stream::{STREAM_BYTES, connector};

/// Three nodes that share the slots.
#[must_use]
pub fn three_nodes() -> Arc<Layout> {
    Arc::new(Layout::new(3, 3))
}
