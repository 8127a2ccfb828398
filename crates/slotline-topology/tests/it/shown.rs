//! Whom the views of these tests come from, and what a topology makes of them.

use slotline_topology::{Endpoint, Slot, Topology};

/// The node that was asked.
pub(crate) fn asked() -> Endpoint {
    Endpoint::new("10.0.0.1", 7000)
}

/// The endpoints of a slot's primary and replicas; nothing if it has no owner.
pub(crate) fn shown(topology: &Topology, slot: u16) -> Vec<String> {
    let shard = topology.shard_of(Slot::new(slot).unwrap());
    let nodes = shard.into_iter().flat_map(|shard| shard.nodes());
    nodes
        .map(|node| topology.endpoint(node).unwrap().to_string())
        .collect()
}
