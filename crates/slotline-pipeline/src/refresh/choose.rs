//! Which nodes to ask.

use rand::seq::SliceRandom;
use rustc_hash::FxHashSet;
use slotline_topology::{Endpoint, NodeIndex, Slot, Topology};

use crate::cluster::Snapshot;
use crate::random::Random;

/// Owners of migrating slots that one refresh asks at most, beside the sample.
const MOST_MIGRATING: usize = 8;

/// Several nodes of the whole cluster: primaries that can be reached first, then
/// replicas, then the seeds; and the owners of slots on the move, since only
/// they tell when that is over.
pub(super) fn sample(
    random: &Random,
    snapshot: &Snapshot,
    seeds: &[Endpoint],
    count: usize,
    is_reachable: impl Fn(&Endpoint) -> bool,
) -> Vec<Endpoint> {
    let topology = snapshot.topology();
    let mut candidates = shuffled(random, topology, topology.primaries());
    candidates.extend(shuffled(random, topology, topology.replicas()));
    candidates.extend(seeds.iter().cloned());
    // Stable: those that cannot be reached come last, and are still tried when
    // there is nobody else.
    candidates.sort_by_key(|node| !is_reachable(node));
    let mut chosen = distinct(candidates);
    chosen.truncate(count);
    let migrating = snapshot.unsettled().iter();
    let owners = migrating.filter_map(|slot| topology.primary_of(slot));
    let owners: FxHashSet<NodeIndex> = owners.collect();
    let owners = shuffled(random, topology, owners.into_iter());
    chosen.extend(owners.into_iter().take(MOST_MIGRATING));
    distinct(chosen)
}

/// The other nodes of each shard whose primary cannot be reached, and one more
/// primary, or where there is none a seed: one of them is the next owner or the
/// first to hear of it. Nobody while all primaries can be reached.
pub(super) fn heirs(
    random: &Random,
    snapshot: &Snapshot,
    seeds: &[Endpoint],
    is_reachable: impl Fn(&Endpoint) -> bool,
) -> Vec<Endpoint> {
    let topology = snapshot.topology();
    let mut heirs = Vec::new();
    let mut witnesses = Vec::new();
    let mut is_lost = false;
    for primary in topology.primaries() {
        let Some(endpoint) = topology.endpoint(primary) else {
            continue;
        };
        if is_reachable(endpoint) {
            witnesses.push(endpoint.clone());
            continue;
        }
        is_lost = true;
        let ranges = topology.slots_of(primary);
        let slot = ranges.first().and_then(|range| Slot::new(*range.start()));
        let replicas = slot.map_or(&[][..], |slot| topology.replicas_of(slot));
        heirs.extend(
            replicas
                .iter()
                .filter_map(|node| topology.endpoint(*node).cloned()),
        );
    }
    if !is_lost {
        return Vec::new();
    }
    if witnesses.is_empty() {
        witnesses.extend(seeds.iter().filter(|seed| is_reachable(seed)).cloned());
    }
    random.with(|rng| witnesses.shuffle(rng));
    heirs.extend(witnesses.into_iter().next());
    distinct(heirs)
}

fn shuffled(
    random: &Random,
    topology: &Topology,
    nodes: impl Iterator<Item = NodeIndex>,
) -> Vec<Endpoint> {
    let mut nodes: Vec<Endpoint> = nodes
        .filter_map(|node| topology.endpoint(node).cloned())
        .collect();
    random.with(|rng| nodes.shuffle(rng));
    nodes
}

fn distinct(nodes: Vec<Endpoint>) -> Vec<Endpoint> {
    let mut seen = FxHashSet::default();
    let first = |node: &Endpoint| seen.insert(node.clone());
    nodes.into_iter().filter(first).collect()
}
