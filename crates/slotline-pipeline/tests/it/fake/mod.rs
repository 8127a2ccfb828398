//! A small cluster in the process, scripted and deterministic: one
//! `Service<Part>` for all of its nodes. A node parses the bytes of its commands
//! and answers with the bytes that a server would send.
//!
//! Replicas copy their primary only when told to, so that a read that went to
//! the wrong node shows.

mod execute;
mod faults;
mod keyspace;
mod log;
mod multi;
mod reply;
mod service;
mod slots;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use slotline_topology::{Endpoint, Topology, slot_of};
use tokio::sync::Notify;

pub(crate) use faults::Cut;
pub(crate) use log::Entry;

use faults::Scripted;
use slots::Slots;

/// All nodes of one made-up cluster. A clone is another handle on the same.
#[derive(Clone, Debug)]
pub(crate) struct Fake {
    state: Arc<Mutex<State>>,
    /// A node came back, or was told to give its commands back.
    changed: Arc<Notify>,
}

#[derive(Debug)]
struct State {
    slots: Slots,
    nodes: BTreeMap<u16, Node>,
    scripted: Vec<Scripted>,
    log: Vec<Entry>,
    parts: usize,
    unused: BTreeSet<u16>,
}

#[derive(Debug, Default)]
struct Node {
    data: BTreeMap<String, String>,
    /// Slots on their way out, and to which port.
    migrating: BTreeMap<u16, u16>,
    importing: BTreeSet<u16>,
    /// What it believes if it no longer hears of changes.
    stale: Option<Slots>,
    /// How it names hosts in redirects.
    host: HostForm,
    away: bool,
    delay: Duration,
    cuts: VecDeque<Cut>,
    given_back: usize,
    quarantined: usize,
    /// How many of its next connections are not in read-only mode, though they
    /// were made to be.
    forgets_readonly: usize,
    /// What it says of itself.
    offset: u64,
    is_cut_off: bool,
    zone: Option<&'static str>,
    /// What others have heard of it.
    gossip: u64,
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum HostForm {
    #[default]
    Named,
    Empty,
    Unknown,
}

pub(crate) fn endpoint(port: u16) -> Endpoint {
    Endpoint::new("node", port)
}

impl Fake {
    /// Primaries at 7000, 7001 …, which share the slots evenly; the replicas of
    /// 7000 at 7100, 7200 …, those of 7001 at 7101 ….
    pub(crate) fn new(primaries: u16, replicas: u16) -> Fake {
        let slots = Slots::even(primaries, replicas);
        let nodes = slots.ports().map(|port| (port, Node::default()));
        Fake {
            state: Arc::new(Mutex::new(State {
                nodes: nodes.collect(),
                slots,
                scripted: Vec::new(),
                log: Vec::new(),
                parts: 0,
                unused: BTreeSet::new(),
            })),
            changed: Arc::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// What a client knows that has just asked.
    pub(crate) fn topology(&self) -> Topology {
        self.state().slots.topology()
    }

    /// The `nth` key of a slot that the primary at `port` owns, each of another
    /// slot.
    pub(crate) fn key(&self, port: u16, nth: usize) -> String {
        let state = self.state();
        let mut seen = BTreeSet::new();
        (0..)
            .map(|n| format!("k{n}"))
            .filter(|key| {
                let slot = slot_of(key).get();
                state.slots.owner(slot) == Some(port) && seen.insert(slot)
            })
            .nth(nth)
            .unwrap()
    }

    /// A node that owns nothing yet.
    pub(crate) fn add_node(&self, port: u16) {
        self.state().nodes.insert(port, Node::default());
    }

    /// A node that owns nothing joins: a primary, or a replica of one.
    pub(crate) fn join(&self, port: u16, primary: u16) {
        self.add_node(port);
        self.state().slots.join(port, primary);
    }

    /// The others no longer count it among them.
    pub(crate) fn forget(&self, port: u16) {
        self.state().slots.forget(port);
    }

    /// Puts a value where it belongs, replicas included.
    pub(crate) fn put(&self, key: &str, value: &str) {
        let mut state = self.state();
        let owner = state.slots.owner(slot_of(key).get()).unwrap();
        let holders: Vec<u16> = state.slots.replicas(owner).chain([owner]).collect();
        for port in holders {
            state.put(port, key, value);
        }
    }

    /// Puts a value on one node only.
    pub(crate) fn put_at(&self, port: u16, key: &str, value: &str) {
        self.state().put(port, key, value);
    }

    pub(crate) fn value(&self, port: u16, key: &str) -> Option<String> {
        self.state().node(port).data.get(key).cloned()
    }

    /// The slot of `key` is now served by `port`, with its data; every node that
    /// hears of changes knows.
    pub(crate) fn move_slot(&self, key: &str, port: u16) {
        let slot = slot_of(key).get();
        let mut state = self.state();
        let from = state.slots.give(slot, port);
        for node in state.nodes.values_mut() {
            node.migrating.remove(&slot);
            node.importing.remove(&slot);
        }
        let source = from.map(|from| state.node(from).data.clone());
        for (key, value) in source.unwrap_or_default() {
            if slot_of(&key).get() == slot {
                state.put(port, &key, &value);
            }
        }
    }

    /// The slot of `key` is on its way from its owner to `port`; its keys are
    /// where the test puts them.
    pub(crate) fn migrate_slot(&self, key: &str, port: u16) {
        let slot = slot_of(key).get();
        let mut state = self.state();
        let owner = state.slots.owner(slot).unwrap();
        state.node(owner).migrating.insert(slot, port);
        state.node(port).importing.insert(slot);
    }

    /// Nobody serves the slot of `key` any more.
    pub(crate) fn take_slot(&self, key: &str) {
        self.state().slots.take(slot_of(key).get());
    }

    /// The replica at `port` takes its primary's place, under a higher epoch.
    pub(crate) fn fail_over(&self, port: u16) {
        self.state().slots.promote(port);
    }

    /// How far the node says that it has come, and whether its link is up.
    pub(crate) fn set_role(&self, port: u16, offset: u64, is_linked: bool) {
        let mut state = self.state();
        let node = state.node(port);
        (node.offset, node.is_cut_off) = (offset, !is_linked);
    }

    /// How far the node has come, as others have heard.
    pub(crate) fn set_gossip(&self, port: u16, offset: u64) {
        self.state().node(port).gossip = offset;
    }

    pub(crate) fn set_zone(&self, port: u16, zone: Option<&'static str>) {
        self.state().node(port).zone = zone;
    }

    /// Nothing was sent to the node yet.
    pub(crate) fn set_unused(&self, port: u16) {
        self.state().unused.insert(port);
    }

    /// From now on this node hears of no change.
    pub(crate) fn isolate(&self, port: u16) {
        let mut state = self.state();
        let slots = state.slots.clone();
        state.node(port).stale = Some(slots);
    }
}

impl State {
    fn node(&mut self, port: u16) -> &mut Node {
        self.nodes.get_mut(&port).unwrap()
    }

    fn put(&mut self, port: u16, key: &str, value: &str) {
        let data = &mut self.node(port).data;
        data.insert(key.to_owned(), value.to_owned());
    }
}
