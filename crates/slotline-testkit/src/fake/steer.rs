//! What a test does to the cluster as a whole: who owns what, who follows whom.

use std::time::Duration;

use bytes::Bytes;

use super::FakeCluster;
use super::world::Value;

/// What a failover does with writes that have not reached the replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreplicated {
    /// They reach it first, as with `CLUSTER FAILOVER`.
    Kept,
    /// They are lost, as when the primary has died.
    Lost,
}

/// A replica took its primary's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FakeTakeover {
    /// When, since the cluster was made.
    pub at: Duration,
    /// The port of the primary.
    pub from: u16,
    /// The port of the replica.
    pub to: u16,
}

impl FakeCluster {
    /// The ports of the primaries.
    #[must_use]
    pub fn primaries(&self) -> Vec<u16> {
        let state = self.state();
        let map = state.world.truth();
        map.ports().filter(|port| map.is_primary(*port)).collect()
    }

    /// The ports of a primary's replicas.
    #[must_use]
    pub fn replicas_of(&self, primary: u16) -> Vec<u16> {
        self.state().world.truth().replicas_of(primary).collect()
    }

    /// The port of the slot's owner.
    #[must_use]
    pub fn owner_of(&self, slot: u16) -> Option<u16> {
        self.state().world.truth().owner(slot)
    }

    /// A string at the node at `port`, whoever owns it.
    #[must_use]
    pub fn value(&self, port: u16, key: impl AsRef<[u8]>) -> Option<Bytes> {
        match self.state().world.value(port, key.as_ref())? {
            Value::Text(text) => Some(text),
            Value::Hash(_) => None,
        }
    }

    /// A slot is on its way to `to`: its owner answers ASK for a key that it does
    /// not have, and TRYAGAIN if it has one of several. No key has moved yet.
    /// Returns the owner; `None` if there is none or it is `to`.
    pub fn begin_migration(&self, slot: u16, to: u16) -> Option<u16> {
        self.state().world.begin_migration(slot, to)
    }

    /// Moves one key of a slot that is on its way; whether its owner had it.
    pub fn move_key(&self, key: impl AsRef<[u8]>) -> bool {
        let key = Bytes::copy_from_slice(key.as_ref());
        self.state().world.move_key(&key)
    }

    /// The keys of a slot that its owner has.
    #[must_use]
    pub fn keys_in_slot(&self, slot: u16) -> Vec<Bytes> {
        self.state().world.keys_at_owner(slot)
    }

    /// Gives the slot to `to`, with the keys that have not moved yet. Everybody
    /// hears of it who is not [isolated](Self::isolate).
    pub fn finish_migration(&self, slot: u16, to: u16) {
        self.state().world.give(slot, to);
    }

    /// Closes the slot where it is, as `CLUSTER SETSLOT … STABLE` does. Keys that
    /// have moved stay where they are, out of reach.
    pub fn settle(&self, slot: u16) {
        self.state().world.settle(slot);
    }

    /// Nobody serves the slot any more.
    pub fn take_slot(&self, slot: u16) {
        self.state().world.take(slot);
    }

    /// A new node at `port`, a primary without slots.
    pub fn add_node(&self, port: u16) {
        self.state().world.add(port);
    }

    /// The replica takes its primary's place, under a higher epoch; its primary
    /// becomes its replica as soon as it hears of it. Returns the primary, or the
    /// node itself if it was one.
    pub fn fail_over(&self, replica: u16, unreplicated: Unreplicated) -> u16 {
        let keeps_all = unreplicated == Unreplicated::Kept;
        let at = self.now();
        let mut state = self.state();
        let from = state.world.fail_over(replica, keeps_all);
        if from != replica {
            state.takeovers.push(FakeTakeover {
                at,
                from,
                to: replica,
            });
        }
        from
    }

    /// All failovers so far.
    #[must_use]
    pub fn takeovers(&self) -> Vec<FakeTakeover> {
        self.state().takeovers.clone()
    }

    /// From now on replicas take over what their primaries write only when
    /// [`replicate`](Self::replicate) says so.
    pub fn hold_replication(&self) {
        self.state().world.set_follows_at_once(false);
    }

    /// Replicas catch up, and from now on they follow at once, as they do in the
    /// beginning.
    pub fn release_replication(&self) {
        self.state().world.set_follows_at_once(true);
    }

    /// The replica takes over so many of the writes that it is behind, the oldest
    /// first; returns how many are left.
    pub fn replicate(&self, replica: u16, writes: usize) -> usize {
        self.state().world.follow(replica, writes)
    }

    /// How many writes a replica is behind.
    #[must_use]
    pub fn lag(&self, replica: u16) -> usize {
        self.state().world.lag(replica)
    }

    /// The replica's link to its primary goes down: it takes over nothing until
    /// [`restore_link`](Self::restore_link), and says so.
    pub fn cut_link(&self, replica: u16) {
        self.state().world.set_cut_off(replica, true);
    }

    /// The replica's link to its primary is up again.
    pub fn restore_link(&self, replica: u16) {
        self.state().world.set_cut_off(replica, false);
    }

    /// The zone in which the node says that it stands, if its
    /// [`FakeServer`](crate::FakeServer) has zones; in none if this is empty.
    pub fn set_zone(&self, port: u16, zone: &str) {
        self.state().world.set_zone(port, zone);
    }

    /// From now on the node hears of no change of the cluster: it goes on
    /// answering by what it knows.
    pub fn isolate(&self, port: u16) {
        self.state().world.isolate(port);
    }

    /// The node hears of all that has changed, and from now on of every change.
    pub fn tell(&self, port: u16) {
        self.state().world.tell(port);
    }

    /// The others take the node for failed, or no longer.
    pub fn set_failed(&self, port: u16, failed: bool) {
        self.state().world.set_failed(port, failed);
    }
}
