//! The node that a part of a command was made for.

use slotline_topology::{Endpoint, Node, NodeIndex, Role, Shard, Slot};

use super::plan::{Place, Planner, read};
use super::read::ReadFrom;
use crate::error::Error;
use crate::node::{Intent, WhileAway};
use crate::spread::{Home, Parts};

impl Planner<'_> {
    /// Where the part at `at` of a command goes now that every shard, or every node,
    /// is asked.
    pub(super) fn at_home(&self, at: u32, parts: &Parts, reads: bool) -> Result<Place, Error> {
        match parts.home(at) {
            None => Err(Error::no_owner(Slot::of_key(b""))),
            Some(Home::Shard { slot, primary }) => {
                let shard = self.shard(*slot, primary)?;
                let owner = shard.primary();
                if let Some(heir) = self.snapshot.topology().endpoint(owner)
                    && heir != primary
                {
                    parts.inherited(at, heir);
                }
                // Whatever the others write may be what is asked for.
                if reads && self.request.commands.are_known_to_read() {
                    if let Some(chosen) = self.chosen(shard) {
                        return Ok(read(chosen, Some(owner)));
                    }
                    if self.request.read_from == ReadFrom::ReplicaOnly {
                        return Err(Error::no_owner(*slot));
                    }
                }
                let intent = Intent::ReadWrite;
                Ok(Place::Known(owner, intent, WhileAway::Wait))
            }
            Some(Home::Slotless(node)) => {
                let (index, known) = self.node(node)?;
                match known.role() {
                    Role::Primary => Ok(Place::Known(index, Intent::ReadWrite, WhileAway::Wait)),
                    // All that it has is another's, who is asked.
                    Role::Replica => Err(Error::demoted(node)),
                }
            }
            Some(Home::Node(node)) => {
                let (index, known) = self.node(node)?;
                let intent = match known.role() {
                    Role::Replica => Intent::ReadOnly,
                    Role::Primary => Intent::ReadWrite,
                };
                Ok(Place::Known(index, intent, WhileAway::Wait))
            }
        }
    }

    fn node(&self, node: &Endpoint) -> Result<(NodeIndex, &Node), Error> {
        let topology = self.snapshot.topology();
        let index = topology.find(node);
        let found = index.and_then(|index| Some((index, topology.node(index)?)));
        found.ok_or_else(|| Error::left(node))
    }

    /// The shard that had this primary and this slot: that of the primary as long as
    /// it is one. By its slot alone two parts could come to one shard, once the slot
    /// has moved.
    fn shard(&self, slot: Slot, primary: &Endpoint) -> Result<&Shard, Error> {
        let topology = self.snapshot.topology();
        let of_slot = topology.shard_of(slot);
        let same = topology.find(primary);
        let is_same = |shard: &&Shard| Some(shard.primary()) == same;
        if let Some(shard) = of_slot.filter(is_same) {
            return Ok(shard);
        }
        let is_primary = |index: &NodeIndex| {
            let node = topology.node(*index);
            node.is_some_and(|node| node.role() == Role::Primary && !node.is_slotless())
        };
        let of_primary = || topology.shards().find(is_same);
        let shard = same.filter(is_primary).and_then(|_| of_primary());
        shard.or(of_slot).ok_or_else(|| Error::no_owner(slot))
    }
}
