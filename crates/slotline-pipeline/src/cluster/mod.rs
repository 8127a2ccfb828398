//! What all layers of one client know of its cluster: a snapshot that is read
//! without a lock, and the ways in which it changes.

mod builder;
mod doubts;
mod facts;
mod interest;
mod latencies;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::{ArcSwap, Guard};
use rustc_hash::FxHashMap;
use slotline_topology::{AddressMap, Endpoint, NodeIndex, Slot, SlotSet, Topology};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::backoff::full_jitter;
use crate::observe::{Counters, Statistics};
use crate::random::Random;

pub use builder::ClusterBuilder;
use doubts::Doubts;
pub use facts::Facts;
pub(crate) use facts::Word;
use facts::Words;
pub(crate) use interest::{Interest, Wanted};
pub(crate) use latencies::Latencies;

/// The topology and what is known beside it, at one moment. Never changed (T1).
#[derive(Debug, Clone)]
pub struct Snapshot {
    topology: Topology,
    /// Slots for which an ASK or TRYAGAIN was seen: their reads go to the primary
    /// until a refresh shows the migration to be over (T6).
    unsettled: Arc<SlotSet>,
    /// By the index of the node; empty if nothing is known of any.
    facts: Arc<[Option<Facts>]>,
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
        self.facts.get(node.index())?.as_ref()
    }

    /// How many bytes of changes a replica was behind its primary when both were
    /// last asked; `None` as long as either has not told.
    #[must_use]
    pub fn lag(&self, replica: NodeIndex, primary: NodeIndex) -> Option<u64> {
        let (own, ahead) = (self.facts(replica)?.offset?, self.facts(primary)?.offset?);
        Some(ahead.saturating_sub(own))
    }

    /// Whether a replica can serve reads for all that is known.
    pub(crate) fn is_fit(
        &self,
        replica: NodeIndex,
        primary: Option<NodeIndex>,
        most_lag: Option<u64>,
    ) -> bool {
        let is_up = self.facts(replica).is_none_or(|facts| facts.is_up);
        is_up && !self.lags(replica, primary, most_lag)
    }

    /// Whether a replica is known to lag by more than there may be.
    pub(crate) fn lags(
        &self,
        replica: NodeIndex,
        primary: Option<NodeIndex>,
        most_lag: Option<u64>,
    ) -> bool {
        let lag = || self.lag(replica, primary?);
        most_lag.is_some_and(|most| lag().is_some_and(|lag| lag > most))
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
    doubts: Doubts,
    interest: Interest,
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

/// What new snapshots are made of, beside the last one.
#[derive(Debug, Default)]
struct Changes {
    /// What redirects said since the refresh under way began: it outranks what that
    /// refresh brings (T3).
    moved: FxHashMap<Slot, Endpoint>,
    unsettled: SlotSet,
    facts: FxHashMap<Endpoint, Facts>,
    words: Words,
}

impl Changes {
    /// The facts by the indices that this topology gives to nodes.
    fn facts_by_index(&self, topology: &Topology) -> Arc<[Option<Facts>]> {
        if self.facts.is_empty() {
            return Arc::default();
        }
        let nodes = topology.nodes().iter();
        nodes
            .map(|node| self.facts.get(node.endpoint()).cloned())
            .collect()
    }
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
            doubts: Doubts::default(),
            interest: Interest::default(),
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
            self.store(&changes, topology, Arc::clone(&snapshot.unsettled));
        }
        drop(changes);
        self.want_refresh();
    }

    /// Takes in a topology that was found in another way than by a refresh, in place of
    /// the one that was known.
    pub fn set_topology(&self, topology: Topology) {
        self.install(topology, &SlotSet::default(), |_| true, false);
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
        self.store(&changes, snapshot.topology.clone(), Arc::new(unsettled));
        drop(changes);
        self.want_refresh();
    }

    /// Takes in what is known of nodes beside their slots, in place of what was
    /// known before. A [`Refresh`](crate::Refresh) puts its own in place of this,
    /// unless it was [told not to](crate::RefreshConfig::without_facts).
    pub fn set_facts(&self, facts: impl IntoIterator<Item = (Endpoint, Facts)>) {
        let mut changes = self.changes();
        changes.facts = facts.into_iter().collect();
        self.store_facts(&changes);
    }

    /// Nodes have told of themselves.
    pub(crate) fn told(&self, said: impl IntoIterator<Item = (Endpoint, Word)>) {
        let mut changes = self.changes();
        changes.words.add(said);
        changes.facts = changes.words.facts(self.snapshot().topology());
        self.store_facts(&changes);
    }

    fn store_facts(&self, changes: &Changes) {
        let before = self.0.snapshot.load();
        let unsettled = Arc::clone(&before.unsettled);
        self.store(changes, before.topology.clone(), unsettled);
    }

    /// A read goes by a policy that depends on this.
    pub(crate) fn wants(&self, wanted: Wanted) {
        if self.0.interest.note(wanted) {
            self.want_refresh();
        }
    }

    pub(crate) fn interest(&self) -> &Interest {
        &self.0.interest
    }

    pub(crate) fn latencies(&self) -> &Latencies {
        &self.0.latencies
    }

    pub(crate) fn doubts(&self) -> &Doubts {
        &self.0.doubts
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
            surveys: counters.surveys.get(),
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

    /// A wait by chance, between nothing and a ceiling that doubles from `first` with
    /// every attempt, up to `most`. The cluster's seed repeats it.
    #[must_use]
    pub fn jitter(&self, first: Duration, most: Duration, attempt: u32) -> Duration {
        full_jitter(self.random(), first, most, attempt)
    }

    pub(crate) fn random(&self) -> &Random {
        &self.0.random
    }

    pub(crate) async fn refresh_wanted(&self) {
        self.0.wanted.notified().await;
    }

    /// A refresh begins: what redirects say from here on outranks what it brings.
    pub(crate) fn refresh_begins(&self) {
        let mut changes = self.changes();
        changes.moved.clear();
        changes.unsettled = SlotSet::new();
    }

    /// A refresh ends: `settles` says whether the view shows that a slot is no
    /// longer migrating, `has_facts` whether it tells of more than slots.
    pub(crate) fn install(
        &self,
        topology: Topology,
        migrating: &SlotSet,
        settles: impl Fn(Slot) -> bool,
        has_facts: bool,
    ) {
        let mut changes = self.changes();
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
        if has_facts {
            changes.words.keep(&patched);
            changes.facts = changes.words.facts(&patched);
        }
        self.store(&changes, patched, Arc::new(unsettled));
        drop(changes);
    }

    fn store(&self, changes: &Changes, topology: Topology, unsettled: Arc<SlotSet>) {
        let facts = changes.facts_by_index(&topology);
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
