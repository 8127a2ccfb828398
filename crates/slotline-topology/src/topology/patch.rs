//! What a MOVED changes.

use std::sync::Arc;

use crate::endpoint::Endpoint;
use crate::slot::Slot;
use crate::topology::build::free_index;
use crate::topology::{Map, NOBODY, Node, NodeIndex, Role, Shard, Topology};

impl Topology {
    /// This topology with one slot given to the node at `endpoint`, as a MOVED
    /// says. The slot joins the node's shard, replicas included; a node that
    /// owned nothing so far, or was unknown, gets a shard without replicas.
    /// Naming the known owner changes nothing, so a replica connection that
    /// lost its READONLY erases no replicas.
    #[must_use]
    pub fn patched(&self, slot: Slot, endpoint: &Endpoint) -> Self {
        self.patched_all([(slot, endpoint)])
    }

    /// As [`patched`](Self::patched) for several slots and one copy of the
    /// table; of a slot that is named twice the last owner stays. A client uses
    /// it to put the MOVEDs that it met during a refresh over the result.
    #[must_use]
    pub fn patched_all<'a>(&self, moved: impl IntoIterator<Item = (Slot, &'a Endpoint)>) -> Self {
        let mut patched = self.clone();
        for (slot, endpoint) in moved {
            let owner = patched.primary_of(slot);
            if owner.is_none() || owner != patched.find(endpoint) {
                Arc::make_mut(&mut patched.0).give(slot, endpoint);
            }
        }
        patched
    }
}

impl Map {
    fn give(&mut self, slot: Slot, endpoint: &Endpoint) {
        // A server that makes up more nodes than there are indexes is not
        // worth following.
        let Some(shard) = self.shard_at(endpoint) else {
            return;
        };
        if let Some(place) = self.table.get_mut(slot.index()) {
            self.covered += usize::from(*place == NOBODY);
            *place = shard;
        }
        self.single = false;
    }

    /// The shard of the node at an endpoint, which becomes a primary.
    fn shard_at(&mut self, endpoint: &Endpoint) -> Option<u16> {
        let Some(&primary) = self.by_endpoint.get(endpoint) else {
            let primary = free_index(self.nodes.len()).map(NodeIndex)?;
            self.nodes.push(Node {
                id: None,
                endpoint: endpoint.clone(),
                role: Role::Primary,
                is_slotless: false,
                details: None,
            });
            self.by_endpoint.insert(endpoint.clone(), primary);
            return self.new_shard(primary);
        };
        if let Some(node) = self.nodes.get_mut(primary.index()) {
            node.role = Role::Primary;
            node.is_slotless = false;
        }
        // Slots of one node may be in several shards if views of it differed;
        // the one with the most replicas is the least harmful choice.
        let known = self
            .shards
            .iter()
            .enumerate()
            .filter(|(_, shard)| shard.primary == primary)
            .max_by_key(|(_, shard)| shard.replicas.len());
        match known {
            Some((index, _)) => free_index(index),
            None => self.new_shard(primary),
        }
    }

    fn new_shard(&mut self, primary: NodeIndex) -> Option<u16> {
        let index = free_index(self.shards.len())?;
        self.shards.push(Shard {
            primary,
            replicas: Vec::new(),
            epoch: None,
        });
        Some(index)
    }
}
