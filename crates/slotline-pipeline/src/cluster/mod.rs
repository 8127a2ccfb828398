//! What all layers of one client know of its cluster: a snapshot that is read
//! without a lock, and the ways in which it changes.

mod builder;
mod facts;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::{ArcSwap, Guard};
use rustc_hash::FxHashMap;
use slotline_topology::{AddressMap, Endpoint, NodeIndex, Slot, SlotSet, Topology};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::observe::{Counters, Statistics};
use crate::random::Random;

pub use builder::ClusterBuilder;
pub use facts::Facts;
pub(crate) use facts::Latencies;

/// The topology and what is known beside it, at one moment. Never changed (T1).
#[derive(Debug, Clone)]
pub struct Snapshot {
    topology: Topology,
    /// Slots for which an ASK or TRYAGAIN was seen: their reads go to the primary
    /// until a refresh shows the migration to be over (T6).
    unsettled: Arc<SlotSet>,
    facts: Arc<FxHashMap<Endpoint, Facts>>,
}

impl Snapshot {
    /// Which node serves which slot.
    #[must_use]
    pub fn topology(&self) -> &Topology {
        &self.topology
    }

    /// Whether the slot is being migrated, for all that is known.
    #[must_use]
    pub fn is_unsettled(&self, slot: Slot) -> bool {
        self.unsettled.contains(slot)
    }

    /// What is known of a node beside its slots.
    #[must_use]
    pub fn facts(&self, node: NodeIndex) -> Option<&Facts> {
        if self.facts.is_empty() {
            return None;
        }
        self.facts.get(self.topology.endpoint(node)?)
    }

    pub(crate) fn unsettled(&self) -> &SlotSet {
        &self.unsettled
    }
}

/// One client's knowledge of its cluster, shared by its layers and by the task
/// that keeps it fresh. A clone is another handle on the same.
#[derive(Debug, Clone)]
pub struct Cluster(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    snapshot: ArcSwap<Snapshot>,
    addresses: AddressMap,
    /// Held by whoever makes a new snapshot; never by a command that reads one.
    changes: Mutex<Changes>,
    wanted: Notify,
    random: Random,
    counters: Counters,
    sessions: Mutex<LostSessions>,
    latencies: Latencies,
    turn: AtomicUsize,
}

/// Where a connection was found to have lost its state.
#[derive(Debug, Default)]
struct LostSessions {
    count: u64,
    /// When each node's connections were last replaced for that.
    replaced: FxHashMap<Endpoint, Instant>,
}

/// What is older says nothing any more about when to replace the next.
const LONGEST_SPACING: Duration = Duration::from_secs(1);

/// What redirects said since the refresh under way began: it outranks what that
/// refresh brings (T3).
#[derive(Debug, Default)]
struct Changes {
    moved: FxHashMap<Slot, Endpoint>,
    unsettled: SlotSet,
}

impl Cluster {
    /// A cluster of which this much is known.
    #[must_use]
    pub fn new(topology: Topology) -> Cluster {
        Cluster::builder(topology).build()
    }

    /// The same with more to say about it.
    pub fn builder(topology: Topology) -> ClusterBuilder {
        ClusterBuilder::new(topology)
    }

    fn of(builder: ClusterBuilder) -> Cluster {
        let ClusterBuilder {
            topology,
            addresses,
            random,
        } = builder;
        let snapshot = Snapshot {
            topology,
            unsettled: Arc::default(),
            facts: Arc::default(),
        };
        Cluster(Arc::new(Inner {
            snapshot: ArcSwap::from_pointee(snapshot),
            addresses,
            changes: Mutex::default(),
            wanted: Notify::new(),
            random,
            counters: Counters::default(),
            sessions: Mutex::default(),
            latencies: Latencies::default(),
            turn: AtomicUsize::default(),
        }))
    }

    /// What is known now. Takes no lock.
    #[must_use]
    pub fn snapshot(&self) -> Guard<Arc<Snapshot>> {
        self.0.snapshot.load()
    }

    /// Counts requests, so that nodes that are as good as each other take turns.
    pub(crate) fn turn(&self) -> usize {
        self.0.turn.fetch_add(1, Ordering::Relaxed)
    }

    /// Where the nodes are reached that servers tell of.
    #[must_use]
    pub fn addresses(&self) -> &AddressMap {
        &self.0.addresses
    }

    /// A server answered that `slot` is served by `node`: from now on it is, and
    /// a refresh is asked for, since one moved slot usually means many.
    pub fn moved(&self, slot: Slot, node: &Endpoint) {
        let mut changes = self.changes();
        // Noted even if it is known: the views under way may be older.
        changes.moved.insert(slot, node.clone());
        let snapshot = self.0.snapshot.load();
        let owner = snapshot.topology.primary_of(slot);
        if owner.is_none() || owner != snapshot.topology.find(node) {
            let topology = snapshot.topology.patched(slot, node);
            self.store(topology, Arc::clone(&snapshot.unsettled));
        }
        drop(changes);
        self.want_refresh();
    }

    /// A server answered ASK or TRYAGAIN for `slot`.
    pub fn migrating(&self, slot: Slot) {
        let mut changes = self.changes();
        changes.unsettled.insert(slot);
        let snapshot = self.0.snapshot.load();
        // The refresh looks after such slots by itself.
        if snapshot.is_unsettled(slot) {
            return;
        }
        let mut unsettled = SlotSet::clone(&snapshot.unsettled);
        unsettled.insert(slot);
        self.store(snapshot.topology.clone(), Arc::new(unsettled));
        drop(changes);
        self.want_refresh();
    }

    /// Takes in what is known of nodes beside their slots, in place of what was
    /// known before.
    pub fn set_facts(&self, facts: impl IntoIterator<Item = (Endpoint, Facts)>) {
        let facts = Arc::new(facts.into_iter().collect());
        let changes = self.changes();
        let before = self.0.snapshot.load();
        let snapshot = Snapshot {
            facts,
            ..Snapshot::clone(&before)
        };
        self.0.snapshot.store(Arc::new(snapshot));
        drop(changes);
    }

    pub(crate) fn latencies(&self) -> &Latencies {
        &self.0.latencies
    }

    /// Asks for a refresh; it comes as soon as the spacing between refreshes
    /// allows, however often it is asked for.
    pub fn want_refresh(&self) {
        self.0.wanted.notify_one();
    }

    /// How often a command was sent on because of a MOVED or an ASK.
    #[must_use]
    pub fn redirects_followed(&self) -> u64 {
        self.0.counters.moved.get() + self.0.counters.asked.get()
    }

    /// What the layers and the refresh of this cluster have done so far.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        let counters = self.counters();
        Statistics {
            moved: counters.moved.get(),
            asked: counters.asked.get(),
            waited: counters.waited.get(),
            sessions_lost: self.sessions().count,
            refreshes: counters.refreshes.get(),
            probes: counters.probes.get(),
        }
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.0.counters
    }

    /// A connection to `node` has lost its state: whether it is to be replaced,
    /// or was within the last `spacing`.
    pub(crate) fn session_lost(&self, node: &Endpoint, spacing: Duration) -> bool {
        let now = Instant::now();
        let mut sessions = self.sessions();
        let replaced = sessions.replaced.get(node);
        if replaced.is_some_and(|at| now < *at + spacing) {
            return false;
        }
        sessions
            .replaced
            .retain(|_, at| now < *at + LONGEST_SPACING);
        sessions.replaced.insert(node.clone(), now);
        sessions.count += 1;
        true
    }

    fn sessions(&self) -> MutexGuard<'_, LostSessions> {
        let lock = self.0.sessions.lock();
        lock.unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn random(&self) -> &Random {
        &self.0.random
    }

    pub(crate) async fn refresh_wanted(&self) {
        self.0.wanted.notified().await;
    }

    /// A refresh begins: what redirects say from here on outranks what it brings.
    pub(crate) fn refresh_begins(&self) {
        *self.changes() = Changes::default();
    }

    /// A refresh ends: `settles` says whether the view shows that a slot is no
    /// longer migrating.
    pub(crate) fn install(
        &self,
        topology: Topology,
        migrating: &SlotSet,
        settles: impl Fn(Slot) -> bool,
    ) {
        let changes = self.changes();
        let before = self.0.snapshot.load();
        let moved = changes.moved.iter().map(|(slot, node)| (*slot, node));
        let patched = topology.patched_all(moved);
        let mut unsettled = migrating.clone();
        for slot in before.unsettled.iter() {
            if changes.unsettled.contains(slot) || !settles(slot) {
                unsettled.insert(slot);
            }
        }
        // Also where all slots stay where they were: the epochs may be new.
        self.0.latencies.keep(|node| patched.find(node).is_some());
        self.store(patched, Arc::new(unsettled));
        drop(changes);
    }

    fn store(&self, topology: Topology, unsettled: Arc<SlotSet>) {
        let facts = Arc::clone(&self.0.snapshot.load().facts);
        self.0.snapshot.store(Arc::new(Snapshot {
            topology,
            unsettled,
            facts,
        }));
    }

    fn changes(&self) -> MutexGuard<'_, Changes> {
        // Plain data: whoever panicked left it whole.
        let lock = self.0.changes.lock();
        lock.unwrap_or_else(PoisonError::into_inner)
    }
}
