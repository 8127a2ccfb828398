//! Which nodes to ask.

use rand::seq::{IndexedRandom, SliceRandom};
use rustc_hash::FxHashSet;
use slotline_topology::{Endpoint, NodeIndex, Slot, Topology};

use crate::cluster::Snapshot;
use crate::random::Random;

/// Owners of migrating slots that one refresh asks at most, beside the sample.
const MOST_MIGRATING: usize = 8;

/// Several nodes of the whole cluster: primaries that can be reached first, then
/// replicas, then those that serve no slot, those that the map no longer has, and the
/// seeds; and the owners of slots on the move, since only they tell when that is over.
pub(super) fn sample(
    random: &Random,
    snapshot: &Snapshot,
    (former, seeds): (&[Endpoint], &[Endpoint]),
    count: usize,
    is_reachable: impl Fn(&Endpoint) -> bool,
) -> Vec<Endpoint> {
    let topology = snapshot.topology();
    let mut candidates = shuffled(random, topology, topology.primaries());
    candidates.extend(shuffled(random, topology, topology.replicas()));
    candidates.extend(shuffled(random, topology, topology.slotless()));
    candidates.extend(former.iter().cloned());
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

/// So many nodes that the map no longer has are remembered: one wrong view must not
/// make us forget those who could put it right.
const MOST_FORMER: usize = 32;

/// The nodes that the map no longer has, the latest first.
pub(super) fn former(before: &Topology, now: &Topology, known: &[Endpoint]) -> Vec<Endpoint> {
    let gone = before.nodes().iter().map(|node| node.endpoint().clone());
    let all = distinct(gone.chain(known.iter().cloned()).collect());
    let left = all.into_iter().filter(|node| now.find(node).is_none());
    left.take(MOST_FORMER).collect()
}

/// The other nodes of each shard whose primary cannot be reached, and of one whose
/// primary is doubtful; and one more primary, or where there is none a seed: one of
/// them is the next owner or the first to hear of it. Nobody while all primaries are
/// well.
///
/// Of the doubtful only one, since where all of the cluster is down that is all of
/// them.
pub(super) fn heirs(
    random: &Random,
    snapshot: &Snapshot,
    seeds: &[Endpoint],
    is_reachable: impl Fn(&Endpoint) -> bool,
    is_doubtful: impl Fn(&Endpoint) -> bool,
) -> Vec<Endpoint> {
    let topology = snapshot.topology();
    let mut lost = Vec::new();
    let mut doubtful = Vec::new();
    let mut witnesses = Vec::new();
    for primary in topology.primaries() {
        match topology.endpoint(primary) {
            None => {}
            Some(endpoint) if !is_reachable(endpoint) => lost.push(primary),
            Some(endpoint) if is_doubtful(endpoint) => doubtful.push(primary),
            Some(endpoint) => witnesses.push(endpoint),
        }
    }
    lost.extend(random.with(|rng| doubtful.choose(rng).copied()));
    if lost.is_empty() {
        return Vec::new();
    }
    let mut heirs = Vec::new();
    for primary in lost {
        let ranges = topology.slots_of(primary);
        let slot = ranges.first().and_then(|range| Slot::new(*range.start()));
        let replicas = slot.map_or(&[][..], |slot| topology.replicas_of(slot));
        heirs.extend(
            replicas
                .iter()
                .filter_map(|node| topology.endpoint(*node).cloned()),
        );
    }
    if witnesses.is_empty() {
        witnesses.extend(seeds.iter().filter(|seed| is_reachable(seed)));
    }
    heirs.extend(random.with(|rng| witnesses.choose(rng).map(|endpoint| (*endpoint).clone())));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::Cluster;

    fn node(port: u16) -> Endpoint {
        Endpoint::new("node", port)
    }

    fn primaries(ports: &[u16]) -> Topology {
        let each = ports.iter().zip(0..);
        let builder = each.fold(Topology::builder(), |builder, (port, at)| {
            builder.shard([at..=at], node(*port), [])
        });
        builder.build()
    }

    #[test]
    fn nodes_that_a_view_left_out_are_still_asked_when_nobody_else_is_there() {
        let (before, now) = (primaries(&[1, 2, 3]), primaries(&[3, 4]));
        let left = former(&before, &now, &[node(9), node(4), node(2)]);
        assert_eq!(left, [node(1), node(2), node(9)]);
        let cluster = Cluster::new(now);
        let ask = |away: &[u16]| {
            let seeds = [node(7)];
            let is_there = |node: &Endpoint| !away.contains(&node.port());
            sample(
                &Random::default(),
                &cluster.snapshot(),
                (&left, &seeds),
                3,
                is_there,
            )
        };
        let mut asked = ask(&[]);
        asked.sort();
        assert_eq!(asked, [node(1), node(3), node(4)]);
        assert_eq!(ask(&[3, 4]), [node(1), node(2), node(9)]);
        assert_eq!(ask(&[1, 2, 3, 4, 9])[0], node(7), "the seed");
        // However many have come and gone.
        let many: Vec<Endpoint> = (100..1_000).map(node).collect();
        assert_eq!(former(&before, &before, &many).len(), MOST_FORMER);
    }
}
