//! A view while it is read.

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::raw::RawNode;
use super::{Entry, Member, SILENT, View};
use crate::endpoint::Endpoint;
use crate::slot::Slot;
use crate::slot_set::SlotSet;

/// What is read of one reply at most: as many ranges as there are slots.
const MOST_RANGES: u16 = Slot::COUNT;

/// The nodes and owners met so far. A fragmented cluster names each of them in
/// thousands of ranges.
pub(super) struct Sketch {
    asked: Endpoint,
    members: Vec<Member>,
    by_endpoint: FxHashMap<Endpoint, usize>,
    texts: FxHashSet<Arc<str>>,
    entries: Vec<Entry>,
    by_entry: FxHashMap<Entry, u16>,
    table: Box<[u16]>,
    ranges: u16,
}

impl Sketch {
    pub(super) fn new(asked: &Endpoint) -> Self {
        Self {
            asked: asked.clone(),
            members: Vec::new(),
            by_endpoint: FxHashMap::default(),
            texts: FxHashSet::default(),
            entries: Vec::new(),
            by_entry: FxHashMap::default(),
            table: vec![SILENT; usize::from(Slot::COUNT)].into(),
            ranges: 0,
        }
    }

    /// Whether no more ranges are read.
    pub(super) fn is_full(&self) -> bool {
        self.ranges >= MOST_RANGES
    }

    /// The place of a node; `None` if it cannot be reached by what is told of it.
    pub(super) fn member(&mut self, node: &RawNode<'_>) -> Option<usize> {
        let host = node.reachable_host()?;
        let endpoint = match host {
            // Most hosts need no look beyond the shared text.
            Some(host) if !host.starts_with('[') && node.port != 0 => {
                Endpoint::new(self.text(host)?, node.port)
            }
            _ => Endpoint::told(host, node.port, &self.asked)?,
        };
        if let Some(&place) = self.by_endpoint.get(&endpoint) {
            return Some(place);
        }
        let place = self.members.len();
        self.by_endpoint.insert(endpoint.clone(), place);
        let id = node.id.filter(|id| !id.is_empty()).map(Arc::from);
        let details = node.details(|text| self.text(text));
        self.members.push(Member {
            id,
            endpoint,
            assumed: host.is_none(),
            details,
        });
        Some(place)
    }

    /// Whether these are slots, and more of them are read.
    pub(super) fn takes(&self, first: u16, last: u16) -> bool {
        first <= last && last < Slot::COUNT && !self.is_full()
    }

    /// The place of an owner and its replicas, which are about to be
    /// [given](Self::give) slots.
    pub(super) fn entry(&mut self, entry: Entry) -> u16 {
        if let Some(&index) = self.by_entry.get(&entry) {
            return index;
        }
        // There are never more entries than ranges.
        let index = self.entries.len() as u16;
        self.by_entry.insert(entry.clone(), index);
        self.entries.push(entry);
        index
    }

    /// Gives slots to an entry; what are none are passed over.
    pub(super) fn give(&mut self, first: u16, last: u16, entry: u16) {
        if !self.takes(first, last) {
            return;
        }
        self.ranges += 1;
        let slots = usize::from(first)..=usize::from(last);
        if let Some(slots) = self.table.get_mut(slots) {
            slots.fill(entry);
        }
    }

    pub(super) fn finish(self) -> View {
        View {
            asked: self.asked,
            members: self.members,
            entries: self.entries,
            table: self.table,
            epochs: FxHashMap::default(),
            myself: None,
            usable: Vec::new(),
            migrating: SlotSet::new(),
            importing: SlotSet::new(),
        }
    }

    /// The text, shared with all that are alike; `None` if it can be no name.
    fn text(&mut self, text: &str) -> Option<Arc<str>> {
        if let Some(known) = self.texts.get(text) {
            return Some(Arc::clone(known));
        }
        if !crate::endpoint::is_name(text) {
            return None;
        }
        let new: Arc<str> = text.into();
        self.texts.insert(Arc::clone(&new));
        Some(new)
    }
}
