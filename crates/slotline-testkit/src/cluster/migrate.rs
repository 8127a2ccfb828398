//! Live migration of slots, in steps.

use bytes::Bytes;

use super::LocalCluster;
use crate::error::Result;
use crate::node::Node;
use crate::wait::until;

/// How long one MIGRATE may block the source, in milliseconds.
const MIGRATE_MS: &str = "4000";

/// A slot on its way from one primary to another. Between the steps the
/// cluster answers ASK and TRYAGAIN for it. Dropping it leaves the slot as it
/// is, half way.
#[derive(Debug)]
#[must_use = "the slot stays half way until it is finished or abandoned"]
pub struct Migration {
    slot: u16,
    from: Node,
    to: Node,
    others: Vec<Node>,
}

impl LocalCluster {
    /// Opens a slot for migration: `to` imports it, `from` migrates it, and no
    /// key has moved yet.
    ///
    /// # Errors
    ///
    /// `from` does not serve the slot, or one of them is no primary.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future may leave the slot importing or migrating.
    pub async fn begin_migration(&self, slot: u16, from: &Node, to: &Node) -> Result<Migration> {
        let mut others = self.primaries().await?;
        others.retain(|node| node != from && node != to && node.is_responsive());
        let number = slot.to_string();
        to.call(&["CLUSTER", "SETSLOT", &number, "IMPORTING", from.id()])
            .await?;
        from.call(&["CLUSTER", "SETSLOT", &number, "MIGRATING", to.id()])
            .await?;
        Ok(Migration {
            slot,
            from: from.clone(),
            to: to.clone(),
            others,
        })
    }

    /// Migrates slots one after another, their keys one by one, while the
    /// cluster serves them. Returns how many keys were moved.
    ///
    /// # Errors
    ///
    /// As [`begin_migration`](Self::begin_migration), [`Migration::move_keys`]
    /// and [`Migration::finish`]; the slot it happened at is left half way.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future may leave one slot half way.
    pub async fn migrate_slots(
        &self,
        slots: impl IntoIterator<Item = u16>,
        from: &Node,
        to: &Node,
    ) -> Result<usize> {
        let mut moved = 0;
        for slot in slots {
            let migration = self.begin_migration(slot, from, to).await?;
            moved += migration.finish().await?;
        }
        Ok(moved)
    }
}

impl Migration {
    /// The slot.
    pub fn slot(&self) -> u16 {
        self.slot
    }

    /// Moves up to `count` keys, each with a MIGRATE of its own. Returns how
    /// many there were: fewer than `count` means that none is left.
    ///
    /// # Errors
    ///
    /// One of the two nodes refuses or cannot be reached.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future may leave one key unmoved or moved; none is lost.
    pub async fn move_keys(&self, count: usize) -> Result<usize> {
        let slot = self.slot.to_string();
        let (ip, port) = (
            self.to.address().ip().to_string(),
            self.to.port().to_string(),
        );
        for moved in 0..count {
            let keys: Vec<Bytes> = self
                .from
                .ask(&["CLUSTER", "GETKEYSINSLOT", &slot, "1"])
                .await?;
            let Some(key) = keys.first() else {
                return Ok(moved);
            };
            let migrate: [&[u8]; 6] = [
                b"MIGRATE",
                ip.as_bytes(),
                port.as_bytes(),
                key,
                b"0",
                MIGRATE_MS.as_bytes(),
            ];
            self.from.call(&migrate).await?;
        }
        Ok(count)
    }

    /// Moves the keys that are left and gives the slot to its new owner:
    /// told to the target first, so that it is never without one, then to the
    /// source and to the other primaries. Returns how many keys were moved.
    ///
    /// # Errors
    ///
    /// A node refuses or cannot be reached.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future may leave the slot half way.
    pub async fn finish(self) -> Result<usize> {
        let moved = self.move_keys(usize::MAX).await?;
        for node in [&self.to, &self.from].into_iter().chain(&self.others) {
            self.assign(node).await?;
        }
        Ok(moved)
    }

    async fn assign(&self, node: &Node) -> Result<()> {
        let slot = self.slot.to_string();
        // Valkey 8 has the replicas confirm it first, and says so if they lag.
        let told = until(super::GOSSIP, "CLUSTER SETSLOT NODE", || async {
            match node
                .call(&["CLUSTER", "SETSLOT", &slot, "NODE", self.to.id()])
                .await
            {
                Err(error) if error.code() == Some("NOREPLICAS") => Err(error.to_string()),
                outcome => Ok(outcome.map(drop)),
            }
        });
        told.await.map_err(|error| error.at(node.address()))?
    }

    /// Closes the slot again where it was. Keys that have moved stay at the
    /// target, out of reach: abandon only what no key has left.
    ///
    /// # Errors
    ///
    /// A node refuses or cannot be reached.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future may leave the slot half way.
    pub async fn abandon(self) -> Result<()> {
        let slot = self.slot.to_string();
        for node in [&self.from, &self.to] {
            node.call(&["CLUSTER", "SETSLOT", &slot, "STABLE"]).await?;
        }
        Ok(())
    }
}
