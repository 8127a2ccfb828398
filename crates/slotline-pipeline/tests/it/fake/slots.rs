//! Who owns which slots, and what CLUSTER SLOTS and CLUSTER NODES say of it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use slotline_topology::{Role, Topology};

use super::endpoint;
use super::reply::{array, bulk, integer};

const SLOTS: u16 = 16_384;

/// One node's knowledge of the cluster.
#[derive(Clone, Debug)]
pub(super) struct Slots {
    owners: Vec<Option<u16>>,
    /// Each node's primary; its own port if it is one.
    primaries: BTreeMap<u16, u16>,
    epochs: BTreeMap<u16, u64>,
}

impl Slots {
    pub(super) fn even(primaries: u16, replicas: u16) -> Slots {
        let mut slots = Slots {
            owners: Vec::new(),
            primaries: BTreeMap::new(),
            epochs: BTreeMap::new(),
        };
        for slot in 0..SLOTS {
            let owner = u32::from(slot) * u32::from(primaries) / u32::from(SLOTS);
            slots.owners.push(Some(7000 + owner as u16));
        }
        for primary in 0..primaries {
            let port = 7000 + primary;
            slots.epochs.insert(port, u64::from(primary) + 1);
            slots.primaries.insert(port, port);
            for replica in 1..=replicas {
                slots.primaries.insert(port + 100 * replica, port);
            }
        }
        slots
    }

    pub(super) fn ports(&self) -> impl Iterator<Item = u16> {
        self.primaries.keys().copied()
    }

    pub(super) fn owner(&self, slot: u16) -> Option<u16> {
        self.owners[usize::from(slot)]
    }

    pub(super) fn primary(&self, port: u16) -> u16 {
        self.primaries.get(&port).copied().unwrap_or(port)
    }

    pub(super) fn replicas(&self, primary: u16) -> impl Iterator<Item = u16> {
        let all = self.primaries.iter();
        all.filter(move |(port, of)| **of == primary && **port != primary)
            .map(|(port, _)| *port)
    }

    /// Returns the owner before.
    pub(super) fn give(&mut self, slot: u16, port: u16) -> Option<u16> {
        self.primaries.entry(port).or_insert(port);
        let newest = self.epochs.values().max().copied().unwrap_or(0);
        self.epochs.insert(port, newest + 1);
        self.owners[usize::from(slot)].replace(port)
    }

    /// A node that owns nothing: a primary, or a replica of one.
    pub(super) fn join(&mut self, port: u16, primary: u16) {
        self.primaries.insert(port, primary);
    }

    pub(super) fn forget(&mut self, port: u16) {
        self.primaries.remove(&port);
    }

    pub(super) fn take(&mut self, slot: u16) {
        self.owners[usize::from(slot)] = None;
    }

    pub(super) fn promote(&mut self, port: u16) {
        let old = self.primary(port);
        for slot in 0..SLOTS {
            if self.owner(slot) == Some(old) {
                self.owners[usize::from(slot)] = Some(port);
            }
        }
        for primary in self.primaries.values_mut().filter(|of| **of == old) {
            *primary = port;
        }
        let newest = self.epochs.values().max().copied().unwrap_or(0);
        self.epochs.insert(port, newest + 1);
    }

    fn ranges(&self) -> Vec<(RangeInclusive<u16>, u16)> {
        let mut ranges: Vec<(RangeInclusive<u16>, u16)> = Vec::new();
        for slot in 0..SLOTS {
            let Some(owner) = self.owner(slot) else {
                continue;
            };
            match ranges.last_mut() {
                Some((range, of)) if *of == owner && *range.end() + 1 == slot => {
                    *range = *range.start()..=slot;
                }
                _ => ranges.push((slot..=slot, owner)),
            }
        }
        ranges
    }

    pub(super) fn topology(&self) -> Topology {
        let builder = Topology::builder();
        let ranges = self.ranges().into_iter();
        let built = ranges.fold(builder, |builder, (range, owner)| {
            let replicas: Vec<_> = self.replicas(owner).map(endpoint).collect();
            builder.shard([range], endpoint(owner), replicas)
        });
        let owners: BTreeSet<u16> = self.owners.iter().flatten().copied().collect();
        let others = self.primaries.iter();
        let others = others.filter(|(_, primary)| !owners.contains(primary));
        let built = others.fold(built, |builder, (port, primary)| {
            let role = match port == primary {
                true => Role::Primary,
                false => Role::Replica,
            };
            builder.slotless(endpoint(*port), role)
        });
        built.build()
    }

    pub(super) fn cluster_slots(&self) -> String {
        let node = |port: u16| array(&[bulk("node"), integer(i64::from(port)), bulk(&id(port))]);
        let ranges = self.ranges().into_iter().map(|(range, owner)| {
            let ends = [*range.start(), *range.end()].map(|end| integer(i64::from(end)));
            let mut parts = ends.to_vec();
            parts.extend([owner].into_iter().chain(self.replicas(owner)).map(node));
            array(&parts)
        });
        array(&ranges.collect::<Vec<_>>())
    }

    /// As version 7 answers, with the offsets that have been heard of.
    pub(super) fn cluster_shards(&self, gossip: &[(u16, u64)]) -> String {
        let node = |port: u16| {
            let is_primary = self.primary(port) == port;
            let heard = gossip.iter().find(|(node, _)| *node == port);
            let offset = heard.map_or(0, |(_, offset)| *offset);
            let role = if is_primary { "master" } else { "replica" };
            array(&[
                bulk("id"),
                bulk(&id(port)),
                bulk("port"),
                integer(i64::from(port)),
                bulk("endpoint"),
                bulk("node"),
                bulk("role"),
                bulk(role),
                bulk("replication-offset"),
                integer(offset as i64),
                bulk("health"),
                bulk("online"),
            ])
        };
        let owners = self.primaries.iter().filter(|(port, of)| port == of);
        let shards = owners.map(|(owner, _)| {
            let own = self.ranges().into_iter().filter(|(_, of)| of == owner);
            let ends = own.flat_map(|(range, _)| [*range.start(), *range.end()]);
            let ends: Vec<String> = ends.map(|end| integer(i64::from(end))).collect();
            let nodes: Vec<String> = [*owner]
                .into_iter()
                .chain(self.replicas(*owner))
                .map(node)
                .collect();
            array(&[bulk("slots"), array(&ends), bulk("nodes"), array(&nodes)])
        });
        array(&shards.collect::<Vec<_>>())
    }

    pub(super) fn cluster_nodes(&self, myself: u16, migrating: &BTreeMap<u16, u16>) -> String {
        let mut text = String::new();
        for (port, primary) in &self.primaries {
            let is_primary = port == primary;
            let myself = *port == myself;
            let epoch = self.epochs.get(primary).copied().unwrap_or(0);
            text += &format!(
                "{} node:{port}@1{port} {}{} {} 0 0 {epoch} connected",
                id(*port),
                if myself { "myself," } else { "" },
                if is_primary { "master" } else { "slave" },
                if is_primary {
                    "-".to_owned()
                } else {
                    id(*primary)
                },
            );
            let own = self.ranges().into_iter().filter(|(_, owner)| owner == port);
            for (range, _) in own {
                text += &format!(" {}-{}", range.start(), range.end());
            }
            for (slot, to) in migrating.iter().filter(|_| myself) {
                text += &format!(" [{slot}->-{}]", id(*to));
            }
            text.push('\n');
        }
        bulk(&text)
    }
}

fn id(port: u16) -> String {
    format!("{port:040}")
}
