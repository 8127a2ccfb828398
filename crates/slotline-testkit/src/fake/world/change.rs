//! How the cluster changes: replication, migration, failover.

use std::sync::Arc;

use bytes::Bytes;
use slotline_topology::slot_of;

use super::keyspace::{Keyspace, Value};
use super::map::Map;
use super::{Change, FIRST_PING, Node, Scripted, World, id};

impl World {
    /// What the last command wrote at `port` goes on its way to the replicas.
    pub(super) fn replicate(&mut self, port: u16) {
        let command = self.journal.len().checked_sub(1);
        let Some(node) = self.nodes.get_mut(&port) else {
            return;
        };
        let changed = node.data.take_changed();
        if changed.is_empty() {
            return;
        }
        let line = self.journal.last().map_or(0, |entry| entry.line.len());
        node.offset += as_bytes(line);
        let changes: Vec<Change> = changed
            .into_iter()
            .map(|key| Change {
                value: node.data.value(&key),
                key,
                command,
                offset: node.offset,
            })
            .collect();
        for change in &changes {
            let writers = self.writers.entry(change.key.clone()).or_default();
            writers.extend(change.command);
        }
        if !self.map.is_primary(port) {
            // It takes itself for a primary: nobody will ever hear of this.
            node.stray.extend(command);
            return;
        }
        let map = Arc::clone(&self.map);
        for replica in map.replicas_of(port) {
            let Some(node) = self.nodes.get_mut(&replica) else {
                continue;
            };
            node.behind.extend(changes.iter().cloned());
            if self.follows_at_once {
                node.catch_up(usize::MAX);
            }
        }
    }

    /// Whether replicas follow at once, or only as [`follow`](Self::follow) says.
    pub(crate) fn set_follows_at_once(&mut self, at_once: bool) {
        self.follows_at_once = at_once;
        if at_once {
            for node in self.nodes.values_mut() {
                node.catch_up(usize::MAX);
            }
        }
    }

    /// The replica takes in so many writes of those that it is behind; returns
    /// how many are left.
    pub(crate) fn follow(&mut self, replica: u16, writes: usize) -> usize {
        self.nodes.get_mut(&replica).map_or(0, |node| {
            node.catch_up(writes);
            node.behind.len()
        })
    }

    /// From now on this node hears of no change.
    pub(crate) fn isolate(&mut self, port: u16) {
        let map = Arc::clone(&self.map);
        if let Some(node) = self.nodes.get_mut(&port) {
            node.view.get_or_insert(map);
        }
    }

    /// The node hears of all that has changed, now and from now on.
    pub(crate) fn tell(&mut self, port: u16) {
        let was_primary = self.view_of(port).is_primary(port);
        if let Some(node) = self.nodes.get_mut(&port) {
            node.view = None;
        }
        if was_primary && !self.map.is_primary(port) {
            self.demote(port);
        }
        if self.map.has_failed(port) {
            self.change(|map| map.set_failed(port, false));
        }
        self.follow_migrations(port);
    }

    /// A replica that has been told lets go of what its primary has brought to an end
    /// meanwhile.
    fn follow_migrations(&mut self, port: u16) {
        let primary = self.map.primary_of(port);
        if primary == port {
            return;
        }
        let Some(primary) = self.nodes.get(&primary) else {
            return;
        };
        let (migrating, importing) = (primary.migrating.clone(), primary.importing.clone());
        if let Some(node) = self.nodes.get_mut(&port) {
            node.migrating
                .retain(|slot, _| migrating.contains_key(slot));
            node.importing
                .retain(|slot, _| importing.contains_key(slot));
        }
    }

    fn demote(&mut self, port: u16) {
        self.count("demotion");
        let primary = self.map.primary_of(port);
        let newest = self.data_of(primary);
        let offset = self.offset_of(primary);
        let stray = self.nodes.get_mut(&port).map(|node| {
            node.data.resync(&newest);
            node.offset = offset;
            node.migrating.clear();
            node.importing.clear();
            node.behind.clear();
            std::mem::take(&mut node.stray)
        });
        self.lose(stray.unwrap_or_default());
    }

    /// The replica's link to its primary goes down, or comes up again. While it is
    /// down it takes in nothing.
    pub(crate) fn set_cut_off(&mut self, replica: u16, is_cut_off: bool) {
        let follows = self.follows_at_once;
        if let Some(node) = self.nodes.get_mut(&replica) {
            node.is_cut_off = is_cut_off;
            if follows {
                node.catch_up(usize::MAX);
            }
        }
    }

    pub(crate) fn set_zone(&mut self, port: u16, zone: &str) {
        if let Some(node) = self.nodes.get_mut(&port) {
            zone.clone_into(&mut node.zone);
        }
    }

    fn data_of(&self, port: u16) -> Keyspace {
        let node = self.nodes.get(&port);
        node.map(|node| node.data.clone()).unwrap_or_default()
    }

    fn lose(&mut self, commands: impl IntoIterator<Item = usize>) {
        for command in commands {
            if let Some(entry) = self.journal.get_mut(command).filter(|entry| !entry.lost) {
                entry.lost = true;
                self.count("write lost");
            }
        }
    }

    /// The replica takes its primary's place, with all that its primary has
    /// written or with what has arrived. Returns the primary.
    pub(crate) fn fail_over(&mut self, replica: u16, keeps_all: bool) -> u16 {
        let old = self.map.primary_of(replica);
        if old == replica {
            return old;
        }
        self.count("failover");
        let lost: Vec<usize> = match self.nodes.get_mut(&replica) {
            Some(node) if keeps_all => {
                node.is_cut_off = false;
                node.catch_up(usize::MAX);
                Vec::new()
            }
            Some(node) => {
                let behind = std::mem::take(&mut node.behind);
                let mut lost: Vec<usize> = Vec::new();
                for change in behind {
                    match change.command {
                        Some(command) => lost.push(command),
                        // A key that was moved there, with all that was ever written to it.
                        None if change.value.is_some() => {
                            lost.extend(self.writers.get(&change.key).into_iter().flatten());
                        }
                        None => {}
                    }
                }
                lost
            }
            None => Vec::new(),
        };
        self.lose(lost);
        if let Some(node) = self.nodes.get_mut(&replica) {
            node.view = None;
            node.is_cut_off = false;
        }
        self.change(|map| {
            map.promote(replica);
        });
        let newest = self.data_of(replica);
        let offset = self.offset_of(replica);
        let map = Arc::clone(&self.map);
        for other in map.replicas_of(replica).filter(|other| *other != old) {
            if let Some(node) = self.nodes.get_mut(&other) {
                node.behind.clear();
                node.data.resync(&newest);
                node.offset = offset;
            }
        }
        if self.nodes.get(&old).is_some_and(|node| node.view.is_none()) {
            self.demote(old);
        }
        old
    }

    pub(crate) fn set_failed(&mut self, port: u16, failed: bool) {
        self.change(|map| map.set_failed(port, failed));
    }

    /// A slot is on its way to `to`; no key has moved yet. Returns its owner.
    pub(crate) fn begin_migration(&mut self, slot: u16, to: u16) -> Option<u16> {
        let from = self.map.owner(slot).filter(|from| *from != to)?;
        self.count("migration begun");
        for node in self.with_replicas(from) {
            if let Some(node) = self.nodes.get_mut(&node) {
                node.migrating.insert(slot, to);
            }
        }
        for node in self.with_replicas(to) {
            if let Some(node) = self.nodes.get_mut(&node) {
                node.importing.insert(slot, from);
            }
        }
        Some(from)
    }

    /// A node, and its replicas where those hear of migrations.
    fn with_replicas(&self, port: u16) -> Vec<u16> {
        let replicas = self.map.replicas_of(port);
        let replicas = replicas.filter(|_| self.server.replicas_know_migrations());
        [port].into_iter().chain(replicas).collect()
    }

    /// Moves a key of a slot that is on its way; whether there was such a key.
    pub(crate) fn move_key(&mut self, key: &Bytes) -> bool {
        let slot = slot_of(key).get();
        let Some(from) = self.map.owner(slot) else {
            return false;
        };
        let Some(source) = self.nodes.get_mut(&from) else {
            return false;
        };
        let (Some(to), Some(value)) =
            (source.migrating.get(&slot).copied(), source.data.value(key))
        else {
            return false;
        };
        source.data.copy(key, None);
        if let Some(target) = self.nodes.get_mut(&to) {
            target.data.copy(key, Some(value.clone()));
        }
        self.count("key moved");
        self.pass_on(from, key, None);
        self.pass_on(to, key, Some(value));
        true
    }

    /// Tells a primary's replicas of what was no command of a client's.
    fn pass_on(&mut self, primary: u16, key: &Bytes, value: Option<Value>) {
        let map = Arc::clone(&self.map);
        let Some(source) = self.nodes.get_mut(&primary) else {
            return;
        };
        source.offset += as_bytes(key.len());
        let offset = source.offset;
        for replica in map.replicas_of(primary) {
            let Some(node) = self.nodes.get_mut(&replica) else {
                continue;
            };
            node.behind.push_back(Change {
                key: key.clone(),
                value: value.clone(),
                command: None,
                offset,
            });
            if self.follows_at_once {
                node.catch_up(usize::MAX);
            }
        }
    }

    /// Keys of a slot at its owner.
    pub(crate) fn keys_at_owner(&self, slot: u16) -> Vec<Bytes> {
        let owner = self.map.owner(slot);
        let node = owner.and_then(|owner| self.nodes.get(&owner));
        node.map(|node| node.data.in_slot(slot).cloned().collect())
            .unwrap_or_default()
    }

    /// Slots of which some owner has a key.
    pub(crate) fn slots_with_keys(&self) -> Vec<u16> {
        let owned = self.nodes.iter().flat_map(|(port, node)| {
            let slots = node.data.slots().into_iter();
            slots.filter(|slot| self.map.owner(*slot) == Some(*port))
        });
        owned.collect()
    }

    /// Gives a slot to another node, with the keys that have not moved yet.
    pub(crate) fn give(&mut self, slot: u16, to: u16) {
        let from = self.map.owner(slot);
        if let Some(from) = from {
            let left = self.keys_at_owner(slot);
            if let Some(node) = self.nodes.get_mut(&from) {
                node.migrating.insert(slot, to);
            }
            for key in left {
                self.move_key(&key);
            }
        }
        self.count("migration finished");
        self.change(|map| map.give(slot, Some(to)));
        // Who hears of it; the others take their own word for it until then.
        for node in self.nodes.values_mut().filter(|node| node.view.is_none()) {
            node.migrating.remove(&slot);
            node.importing.remove(&slot);
        }
    }

    /// Closes a slot where it is. Keys that have moved stay where they are.
    pub(crate) fn settle(&mut self, slot: u16) {
        for node in self.nodes.values_mut() {
            node.migrating.remove(&slot);
            node.importing.remove(&slot);
        }
    }

    /// Nobody serves the slot any more.
    pub(crate) fn take(&mut self, slot: u16) {
        self.change(|map| map.give(slot, None));
    }

    /// A new primary without slots.
    pub(crate) fn add(&mut self, port: u16) {
        self.change(|map| map.add(port));
        self.nodes.entry(port).or_insert_with(|| Node {
            id: id(port),
            offset: FIRST_PING,
            ..Node::default()
        });
    }

    fn change(&mut self, change: impl FnOnce(&mut Map)) {
        change(Arc::make_mut(&mut self.map));
    }

    /// Agrees on the answer to the next `left` commands that begin so.
    pub(crate) fn script(&mut self, port: u16, command: &str, line: &str, left: usize, runs: bool) {
        if let Some(node) = self.nodes.get_mut(&port) {
            node.scripted.push(Scripted {
                command: command.to_owned(),
                line: line.to_owned(),
                left,
                runs,
            });
        }
    }

    /// Forgets what was agreed on.
    pub(crate) fn unscript(&mut self, port: u16) {
        if let Some(node) = self.nodes.get_mut(&port) {
            node.scripted.clear();
        }
    }

    /// What a node answers to every command with keys; `None`: as it should.
    pub(crate) fn refuse_keys(&mut self, port: u16, line: Option<String>) {
        if let Some(node) = self.nodes.get_mut(&port) {
            node.refuses = line;
        }
    }

    pub(crate) fn truth(&self) -> &Map {
        &self.map
    }

    pub(crate) fn value(&self, port: u16, key: &[u8]) -> Option<Value> {
        self.nodes.get(&port)?.data.value(key)
    }

    /// How many of its primary's writes a replica lacks.
    pub(crate) fn lag(&self, replica: u16) -> usize {
        self.nodes.get(&replica).map_or(0, |node| node.behind.len())
    }
}

impl Node {
    /// Takes in so many writes. What one command wrote comes at once, and so does what
    /// one transaction did.
    fn catch_up(&mut self, writes: usize) {
        if self.is_cut_off {
            return;
        }
        let mut writes = writes.min(self.behind.len());
        let command_at = |at: usize| self.behind.get(at).and_then(|change| change.command);
        while writes > 0
            && command_at(writes).is_some()
            && command_at(writes) == command_at(writes - 1)
        {
            writes += 1;
        }
        for change in self.behind.drain(..writes) {
            self.data.copy(&change.key, change.value);
            self.offset = change.offset;
        }
    }
}

/// What a line of so many letters makes of the stream of changes, more or less.
fn as_bytes(letters: usize) -> u64 {
    letters as u64 + FIRST_PING
}
