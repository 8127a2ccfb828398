//! Who owns which slots, as one node knows it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use slotline_topology::Slot;

/// One state of the cluster. Nodes that have heard the same share it.
#[derive(Clone, Debug)]
pub(crate) struct Map {
    /// The port of each slot's owner.
    owners: Vec<Option<u16>>,
    /// Each node's primary; its own port if it is one.
    primaries: BTreeMap<u16, u16>,
    epochs: BTreeMap<u16, u64>,
    failed: BTreeSet<u16>,
    /// Neighbouring slots of one owner, in order: what `owners` says.
    ranges: Vec<(RangeInclusive<u16>, u16)>,
}

impl Map {
    /// The slots shared evenly among the primaries from 7000 on; the replicas of
    /// 7000 at 7100, 7200 …
    pub(crate) fn even(primaries: u16, replicas: u16) -> Map {
        let mut map = Map {
            owners: Vec::with_capacity(usize::from(Slot::COUNT)),
            primaries: BTreeMap::new(),
            epochs: BTreeMap::new(),
            failed: BTreeSet::new(),
            ranges: Vec::new(),
        };
        let all = u32::from(Slot::COUNT);
        for primary in 0..primaries {
            // As real clusters are made.
            let end = (u32::from(primary) + 1) * all / u32::from(primaries);
            let end = usize::try_from(end).unwrap_or(usize::MAX);
            map.owners.resize(end, Some(7000 + primary));
        }
        for primary in 0..primaries {
            let port = 7000 + primary;
            map.epochs.insert(port, u64::from(primary) + 1);
            map.primaries.insert(port, port);
            for replica in 1..=replicas {
                map.primaries.insert(port + 100 * replica, port);
            }
        }
        map.find_ranges();
        map
    }

    pub(crate) fn owner(&self, slot: u16) -> Option<u16> {
        self.owners.get(usize::from(slot)).copied().flatten()
    }

    pub(crate) fn ports(&self) -> impl Iterator<Item = u16> {
        self.primaries.keys().copied()
    }

    /// A node's primary; itself if it is one.
    pub(crate) fn primary_of(&self, port: u16) -> u16 {
        self.primaries.get(&port).copied().unwrap_or(port)
    }

    pub(crate) fn is_primary(&self, port: u16) -> bool {
        self.primary_of(port) == port
    }

    pub(crate) fn replicas_of(&self, primary: u16) -> impl Iterator<Item = u16> {
        let all = self.primaries.iter();
        all.filter(move |(port, of)| **of == primary && **port != primary)
            .map(|(port, _)| *port)
    }

    /// Of a replica its primary's.
    pub(crate) fn epoch(&self, port: u16) -> u64 {
        let primary = self.primary_of(port);
        self.epochs.get(&primary).copied().unwrap_or(0)
    }

    pub(crate) fn has_failed(&self, port: u16) -> bool {
        self.failed.contains(&port)
    }

    pub(crate) fn ranges(&self) -> &[(RangeInclusive<u16>, u16)] {
        &self.ranges
    }

    /// A new primary without slots.
    pub(crate) fn add(&mut self, port: u16) {
        self.primaries.entry(port).or_insert(port);
        self.epochs.entry(port).or_insert(0);
    }

    pub(crate) fn set_failed(&mut self, port: u16, failed: bool) {
        match failed {
            true => self.failed.insert(port),
            false => self.failed.remove(&port),
        };
    }

    /// Gives a slot to another owner, under a higher epoch.
    pub(crate) fn give(&mut self, slot: u16, to: Option<u16>) {
        if let Some(owner) = self.owners.get_mut(usize::from(slot)) {
            *owner = to;
        }
        if let Some(port) = to {
            self.raise(port);
        }
        self.find_ranges();
    }

    /// The replica takes its primary's place, under a higher epoch; the primary
    /// and its other replicas become its replicas. Returns the primary.
    pub(crate) fn promote(&mut self, replica: u16) -> u16 {
        let old = self.primary_of(replica);
        for owner in self.owners.iter_mut().flatten() {
            if *owner == old {
                *owner = replica;
            }
        }
        for primary in self.primaries.values_mut().filter(|of| **of == old) {
            *primary = replica;
        }
        self.raise(replica);
        self.find_ranges();
        old
    }

    fn raise(&mut self, port: u16) {
        let newest = self.epochs.values().max().copied().unwrap_or(0);
        if self.epochs.get(&port) != Some(&newest) || newest == 0 {
            self.epochs.insert(port, newest + 1);
        }
    }

    fn find_ranges(&mut self) {
        self.ranges.clear();
        for (slot, owner) in (0..).zip(&self.owners) {
            let Some(owner) = *owner else {
                continue;
            };
            match self.ranges.last_mut() {
                Some((range, of)) if *of == owner && range.end() + 1 == slot => {
                    *range = *range.start()..=slot;
                }
                _ => self.ranges.push((slot..=slot, owner)),
            }
        }
    }
}
