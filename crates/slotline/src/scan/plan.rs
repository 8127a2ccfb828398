//! Which slots are done, by what nodes say before and after their keys were gone
//! through. Plain data: views in, next steps out.

use std::collections::HashMap;

use slotline_topology::{Endpoint, Slot, SlotSet};

use super::standing::Standing;

/// Where nobody looked for long, and nothing but the epoch speaks against a slot, it is
/// done after so many passes: else a reader who takes its time would see no end before a
/// long resharding has one.
const DOUBTS: u8 = 3;

/// What is left to do.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) done: SlotSet,
    halves: HashMap<Slot, Half>,
    /// Passes that were broken off, or come from a cursor that was printed.
    kept: Vec<Pass>,
    doubts: HashMap<Slot, u8>,
}

/// A slot on the move, of which all keys were seen that its source still had: the
/// others are at its target, or go there.
#[derive(Debug)]
struct Half {
    source: String,
    epoch: u64,
    target: String,
    at: Option<Endpoint>,
}

/// Who is to be asked for a slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Whom<'a> {
    /// Its owner.
    Owner,
    /// The node of this id, which takes it in; and where that is, if its source knows.
    Target(&'a str, Option<&'a Endpoint>),
}

/// One node's keys being gone through, from its first to its last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pass {
    pub(super) who: String,
    pub(super) epoch: u64,
    /// Where the node is to go on; `None` at the end.
    pub(super) cursor: Option<u64>,
    /// Slots that have been the node's own since it began.
    pub(super) settled: SlotSet,
    /// Slots on the move from here.
    leaving: SlotSet,
    /// Slots on the move to here, all of whose other keys were seen.
    arriving: SlotSet,
    /// All that the node had when it was last looked at.
    owned: SlotSet,
    /// Whether its epoch has grown and nobody knows why.
    is_doubtful: bool,
}

impl Pass {
    /// One that goes on at `cursor`, for slots that were the node's own.
    pub(super) fn resumed(who: String, epoch: u64, cursor: Option<u64>, settled: SlotSet) -> Pass {
        Pass {
            who,
            epoch,
            cursor,
            settled,
            leaving: SlotSet::new(),
            arriving: SlotSet::new(),
            owned: SlotSet::new(),
            is_doubtful: false,
        }
    }

    /// How the node stands meanwhile. A slot that has gone may come back unseen, and is no
    /// longer what this pass is for. An epoch grows with slots that were won: where others
    /// were, and it is `soon` after the last look, those that stayed have stayed.
    pub(super) fn look(&mut self, standing: &Standing, soon: bool) {
        let owned = standing.owned();
        if self.epoch != standing.epoch {
            let has_won = owned.iter().any(|slot| !self.owned.contains(slot));
            self.is_doubtful |= !(soon && has_won);
            self.epoch = standing.epoch;
        }
        self.owned = owned;
        let leaves = |slot: &Slot| standing.leaving.contains_key(slot);
        let was = self.settled.iter().chain(self.leaving.iter());
        self.leaving = was.filter(leaves).collect();
        let stays = |slot: &Slot| standing.settled.contains(*slot);
        let comes = |slot: &Slot| stays(slot) || standing.arriving.contains_key(slot);
        self.settled = self.settled.iter().filter(stays).collect();
        self.arriving = self.arriving.iter().filter(comes).collect();
    }

    /// Whether the keys of this slot are what the pass is for.
    pub(super) fn covers(&self, slot: Slot) -> bool {
        self.settled.contains(slot) || self.leaving.contains(slot) || self.arriving.contains(slot)
    }

    fn is_empty(&self) -> bool {
        self.settled.is_empty() && self.leaving.is_empty() && self.arriving.is_empty()
    }
}

impl Plan {
    pub(super) fn new(done: SlotSet, kept: Vec<Pass>) -> Plan {
        Plan {
            done,
            kept,
            ..Plan::default()
        }
    }

    pub(super) fn is_complete(&self) -> bool {
        self.done.len() == usize::from(Slot::COUNT)
    }

    /// The slots that are left, and who is to be asked for each.
    pub(super) fn left(&self) -> impl Iterator<Item = (Slot, Whom<'_>)> {
        let left = Slot::all().filter(|slot| !self.done.contains(*slot));
        left.map(|slot| match self.halves.get(&slot) {
            Some(half) => (slot, Whom::Target(&half.target, half.at.as_ref())),
            None => (slot, Whom::Owner),
        })
    }

    /// A node is about to be gone through: for which slots, and from where on. `None` if
    /// it has none that is left.
    pub(super) fn begin(&mut self, standing: &Standing) -> Option<Pass> {
        let fresh = self.fresh(standing);
        // It does not take in what it was said to: its source is to be asked again.
        self.halves
            .retain(|slot, half| half.target != standing.id || fresh.covers(*slot));
        let kept = self.kept.iter().position(|kept| kept.who == standing.who);
        let kept = kept.map(|at| self.kept.swap_remove(at));
        let resumed = kept.and_then(|kept| resumed(kept, &fresh));
        resumed.or(Some(fresh)).filter(|pass| !pass.is_empty())
    }

    fn fresh(&self, standing: &Standing) -> Pass {
        let left = |slot: &Slot| !self.done.contains(*slot);
        let is_told = |half: &Half| half.source == standing.id && half.epoch == standing.epoch;
        let whole = |slot: &Slot| left(slot) && !self.halves.get(slot).is_some_and(is_told);
        let arriving = standing.arriving.iter();
        Pass {
            who: standing.who.clone(),
            epoch: standing.epoch,
            owned: standing.owned(),
            is_doubtful: false,
            cursor: Some(0),
            settled: standing.settled.iter().filter(left).collect(),
            leaving: standing.leaving.keys().copied().filter(whole).collect(),
            arriving: arriving
                .filter(|(slot, from)| left(slot) && self.is_half(**slot, from, standing))
                .map(|(slot, _)| *slot)
                .collect(),
        }
    }

    /// Whether all keys of the slot were seen that are neither here nor come here: the
    /// source was gone through, and has won no slot back since.
    fn is_half(&self, slot: Slot, from: &str, standing: &Standing) -> bool {
        let Some(half) = self.halves.get(&slot) else {
            return false;
        };
        let peer = standing.peers.get(from);
        half.source == from && peer.is_some_and(|peer| peer.epoch == half.epoch)
    }

    /// A pass was broken off. It goes on where it was if its node is still the same.
    pub(super) fn keep(&mut self, pass: Pass) {
        self.kept.retain(|kept| kept.who != pass.who);
        self.kept.push(pass);
    }

    /// A pass has come to its end, and this is how its node stands now: the slots that
    /// are done by it. `soon` as for [`Pass::look`].
    pub(super) fn end(&mut self, mut pass: Pass, standing: &Standing, soon: bool) -> SlotSet {
        // Another node answers, or another process: its cursors were none of these.
        if pass.who != standing.who {
            return SlotSet::new();
        }
        pass.look(standing, soon);
        let stayed = pass.settled.iter().chain(pass.arriving.iter());
        if pass.is_doubtful {
            let done = stayed
                .filter(|slot| self.is_doubted_enough(*slot))
                .collect();
            self.finish(&done);
            return done;
        }
        let done = stayed.collect();
        for slot in pass.leaving.iter() {
            if let Some(target) = standing.leaving.get(&slot) {
                let peer = standing.peers.get(target);
                let half = Half {
                    source: standing.id.clone(),
                    epoch: standing.epoch,
                    target: target.clone(),
                    at: peer.and_then(|peer| peer.endpoint.clone()),
                };
                self.halves.insert(slot, half);
            }
        }
        self.finish(&done);
        done
    }

    fn finish(&mut self, slots: &SlotSet) {
        self.done.union(slots);
        self.halves.retain(|slot, _| !slots.contains(*slot));
        self.doubts.retain(|slot, _| !slots.contains(*slot));
    }

    /// Nothing but the epoch speaks against the slot: whether that was so often enough.
    fn is_doubted_enough(&mut self, slot: Slot) -> bool {
        let doubts = self.doubts.entry(slot).or_default();
        *doubts = doubts.saturating_add(1);
        *doubts >= DOUBTS
    }
}

/// A kept pass, for those of its slots that still are what they were.
fn resumed(kept: Pass, fresh: &Pass) -> Option<Pass> {
    if kept.epoch != fresh.epoch {
        return None;
    }
    let both = |one: &SlotSet, other: &SlotSet| -> SlotSet {
        one.iter().filter(|slot| other.contains(*slot)).collect()
    };
    let pass = Pass {
        settled: both(&kept.settled, &fresh.settled),
        leaving: both(&kept.leaving, &fresh.leaving),
        arriving: both(&kept.arriving, &fresh.arriving),
        owned: fresh.owned.clone(),
        ..kept
    };
    (!pass.is_empty()).then_some(pass)
}
