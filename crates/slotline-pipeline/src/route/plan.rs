//! Which node each command of a request goes to.

use std::cell::RefCell;
use std::ops::Range;
use std::sync::Arc;

use slotline_resp::CommandRef;
use slotline_topology::{Endpoint, NodeIndex, Shard, Slot, SlotSet, slot_of};
use smallvec::SmallVec;

use super::choose::{Choice, Chosen, in_turn};
use super::groups::Groups;
use super::rules::{changes_session, has_writes, one_slot, refusal, refuse_partial_answers};
use crate::cluster::Snapshot;
use crate::error::Error;
use crate::intent::write_slots;
use crate::node::{Intent, WhileAway};
use crate::request::{Request, Target, Targets};
use crate::route::ReadFrom;

/// Where a command goes and on what kind of connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Destination {
    pub(super) node: Endpoint,
    pub(super) intent: Intent,
    pub(super) asking: bool,
    /// Whether a redirect named it.
    pub(super) is_named: bool,
    pub(super) while_away: WhileAway,
}

/// The same while a plan is made, cheap to compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Place {
    Known(NodeIndex, Intent, WhileAway),
    /// By a redirect: the index of the first command that it named it for.
    Named {
        first: u32,
        asking: bool,
    },
}

impl Place {
    pub(super) fn is_asking(self) -> bool {
        matches!(self, Place::Named { asking: true, .. })
    }
}

/// Where the commands of a request go.
#[derive(Debug)]
pub(super) enum Plan {
    /// All to one node.
    Whole(Destination),
    /// Several parts, and the commands that can go nowhere.
    Parts(Parts, Vec<(u32, Error)>),
}

/// The commands by the node that they go to.
#[derive(Debug)]
pub(super) struct Parts {
    /// The commands' indexes, part by part, each part's ascending.
    pub(super) picks: Arc<[u32]>,
    /// Where each part goes, and which of the picks are its own.
    pub(super) each: Vec<(Destination, Range<usize>)>,
}

/// Makes the plan for `request`; reads go where `choice` says. The commands at `stay`
/// (ascending) stay behind.
pub(super) fn plan(request: &Request, choice: Choice<'_>, stay: &[u32]) -> Plan {
    let planner = Planner::new(request, choice);
    if request.rare().is_transaction {
        return planner.transaction();
    }
    // A connection would refuse a whole part for one command in it (S4, O2).
    let refuses = request.commands.refused_when_shared().is_some() && request.alone().is_none();
    let only = planner.only_node();
    let gathers = refuses || !stay.is_empty();
    if let (Some(node), false) = (only, gathers) {
        return Plan::Whole(planner.destination(node));
    }
    if let (Some(place), false) = (planner.place_of_lone(), gathers) {
        return Plan::Whole(planner.destination(place));
    }
    let mut groups = Groups::new(request.len());
    let mut met = Vec::new();
    let mut failures = Vec::new();
    let mut behind = None;
    for (index, command) in request.commands.iter().enumerate() {
        let refused = match gathers {
            false => None,
            true => {
                let refused = refuses.then(|| refusal(&request.commands, index)).flatten();
                let refused =
                    refused.or_else(|| behind.map(|of| Error::behind(command.name(), of)));
                if refuses && changes_session(command) {
                    behind.get_or_insert(command.name());
                }
                let stays = stay.binary_search(&(index as u32)).is_ok();
                refused.or_else(|| stays.then(Error::stays_behind))
            }
        };
        let place = match (refused, only) {
            (Some(error), _) => Err(error),
            (None, Some(node)) => Ok(groups.number(node)),
            (None, None) => match planner.slot_alone(command) {
                Some((slot, reads)) => planner.number(slot, reads, &mut met, &mut groups),
                None => planner
                    .place(index, command)
                    .map(|place| groups.number(place)),
            },
        };
        match place {
            Ok(number) => groups.add(number),
            Err(error) => {
                groups.leave_out();
                failures.push((index as u32, error));
            }
        }
    }
    match (groups.only_place(), failures.is_empty()) {
        (Some(place), true) if !place.is_asking() => Plan::Whole(planner.destination(place)),
        _ => Plan::Parts(groups.into_parts(&planner), failures),
    }
}

/// The numbers of the places that a shard's commands have.
#[derive(Debug, Clone, Copy, Default)]
struct Met {
    write: Option<u32>,
    read: Option<u32>,
}

/// A shard's primary, and where reads of the shard go.
type OfShard = (NodeIndex, Option<Chosen>);

pub(super) struct Planner<'a> {
    pub(super) request: &'a Request,
    pub(super) snapshot: &'a Snapshot,
    /// Whether anything may be read elsewhere than from a primary.
    pub(super) may_read: bool,
    choice: Choice<'a>,
    /// Where reads of a shard go, once that was chosen, by the shard's primary:
    /// commands that share a key travel on one connection (O1), and latencies
    /// change meanwhile.
    chosen: RefCell<SmallVec<[OfShard; 4]>>,
    /// The first command for each target that redirects named.
    named: RefCell<SmallVec<[u32; 4]>>,
    /// The slots that the pipeline writes to, where that matters.
    writes: Option<SlotSet>,
    /// Whether some commands are meant for nodes of their own.
    has_homes: bool,
    /// Whether all go where their slots say.
    all_by_slot: bool,
}

impl<'a> Planner<'a> {
    fn new(request: &'a Request, choice: Choice<'a>) -> Planner<'a> {
        let may_read = request.read_from != ReadFrom::Primary;
        let has_homes = request.has_homes();
        let mixed = may_read
            && request.rare().primary_slots.is_none()
            && request.len() > 1
            && has_writes(&request.commands);
        Planner {
            request,
            snapshot: choice.snapshot,
            may_read,
            choice,
            chosen: RefCell::default(),
            named: RefCell::default(),
            writes: mixed.then(|| write_slots(&request.commands)),
            has_homes,
            all_by_slot: !has_homes && matches!(request.rare().targets, Targets::BySlot),
        }
    }

    /// The place of all commands where there is one node only, which answers any
    /// command whole: a server that is no cluster.
    fn only_node(&self) -> Option<Place> {
        let topology = self.snapshot.topology();
        let is_named = match &self.request.rare().targets {
            Targets::BySlot => false,
            Targets::Each(each) => each
                .iter()
                .any(|target| matches!(target, Target::Named { .. })),
        };
        if !topology.is_single_node() || is_named {
            return None;
        }
        let node = topology.primaries().next()?;
        let reads = self.may_read
            && self
                .request
                .rare()
                .primary_slots
                .as_ref()
                .is_none_or(|slots| slots.is_empty())
            && !has_writes(&self.request.commands);
        let intent = if reads {
            Intent::ReadOnly
        } else {
            Intent::ReadWrite
        };
        Some(Place::Known(node, intent, WhileAway::Wait))
    }

    /// All of a transaction goes to one place, or nowhere.
    fn transaction(&self) -> Plan {
        let all = 0..self.request.len() as u32;
        match self.place_of_transaction() {
            Ok(place) if place.is_asking() => {
                let parts = Parts {
                    each: vec![(self.destination(place), 0..self.request.len())],
                    picks: all.collect(),
                };
                Plan::Parts(parts, Vec::new())
            }
            Ok(place) => Plan::Whole(self.destination(place)),
            Err(error) => {
                let none = Parts {
                    picks: Arc::default(),
                    each: Vec::new(),
                };
                Plan::Parts(none, all.map(|index| (index, error.clone())).collect())
            }
        }
    }

    fn place_of_transaction(&self) -> Result<Place, Error> {
        let commands = &self.request.commands;
        if let Some((command, advice)) = commands.refused_in_transaction() {
            return Err(Error::refused_in_transaction(command.name(), advice));
        }
        if let Some(named) = self.named(0) {
            return Ok(named);
        }
        if let Some(place) = self.only_node() {
            return Ok(place);
        }
        let mut own = None;
        for command in commands.iter() {
            let slot = one_slot(command)?;
            if slot.is_none() {
                refuse_partial_answers(command)?;
            }
            if slot.is_some() && own.is_some() && slot != own {
                return Err(Error::cross_slot("a transaction"));
            }
            own = own.or(slot);
        }
        match (own, commands.get(0)) {
            (Some(slot), _) => self.for_slot(slot, false),
            (None, Some(multi)) => self.for_keyless(multi, false),
            (None, None) => Err(Error::no_owner(Slot::of_key(b""))),
        }
    }

    /// The place of a lone command, for which no part has to be gathered; `None`
    /// where it can go nowhere, or not without an ASKING.
    fn place_of_lone(&self) -> Option<Place> {
        let lone = (self.request.len() == 1).then(|| self.request.commands.get(0))??;
        let place = match self.slot_alone(lone) {
            Some((slot, reads)) => self.for_slot(slot, reads),
            None => self.place(0, lone),
        };
        let place = place.ok()?;
        (!place.is_asking()).then_some(place)
    }

    /// Where a redirect sends the command at `index`, if one does.
    fn named(&self, index: usize) -> Option<Place> {
        let Targets::Each(each) = &self.request.rare().targets else {
            return None;
        };
        let target = each.get(index)?;
        let Target::Named { asking, .. } = target else {
            return None;
        };
        let asking = *asking;
        let mut all = self.named.borrow_mut();
        let same = |first: &&u32| each.get(**first as usize) == Some(target);
        let known = all.iter().find(same).copied();
        let first = known.unwrap_or_else(|| {
            all.push(index as u32);
            index as u32
        });
        Some(Place::Named { first, asking })
    }

    /// The slot of a command with one key that goes where its slot says, and whether
    /// it may be read elsewhere than from the primary: of most commands.
    #[inline]
    fn slot_alone(&self, command: CommandRef<'_>) -> Option<(Slot, bool)> {
        if !self.all_by_slot {
            return None;
        }
        let slot = slot_of(command.lone_key()?);
        let reads = self.may_read
            && command.info().is_readonly()
            && !self.is_written(slot)
            && !self.snapshot.is_unsettled(slot);
        Some((slot, reads))
    }

    /// The number of the place that a slot has, which its shard has already if one of
    /// its slots was met before.
    #[inline]
    fn number(
        &self,
        slot: Slot,
        reads: bool,
        met: &mut Vec<Met>,
        groups: &mut Groups,
    ) -> Result<u32, Error> {
        let known = self.snapshot.topology().numbered_shard_of(slot);
        let (shard, _) = known.ok_or_else(|| Error::no_owner(slot))?;
        if met.len() <= shard {
            met.resize(shard + 1, Met::default());
        }
        let met = met.get_mut(shard);
        let number = met.map(|met| if reads { &mut met.read } else { &mut met.write });
        match number {
            Some(Some(number)) => Ok(*number),
            Some(number) => {
                let new = groups.number(self.for_slot(slot, reads)?);
                *number = Some(new);
                Ok(new)
            }
            None => Err(Error::no_owner(slot)),
        }
    }

    fn place(&self, index: usize, command: CommandRef<'_>) -> Result<Place, Error> {
        if let Some(named) = self.named(index) {
            return Ok(named);
        }
        let reads = self.may_read
            && command.info().is_readonly()
            && *self.request.target(index) != Target::Primary;
        if self.has_homes
            && let Some((at, parts)) = self.request.home(index)
        {
            return self.at_home(at, parts, reads);
        }
        match one_slot(command)? {
            Some(slot) => self.for_slot(slot, reads),
            None => self.for_keyless(command, reads),
        }
    }

    fn for_slot(&self, slot: Slot, reads: bool) -> Result<Place, Error> {
        let shard = self.snapshot.topology().shard_of(slot);
        let shard = shard.ok_or_else(|| Error::no_owner(slot))?;
        if reads && !self.is_written(slot) && !self.snapshot.is_unsettled(slot) {
            if let Some(chosen) = self.chosen(shard) {
                return Ok(read(chosen, Some(shard.primary())));
            }
            if self.request.read_from == ReadFrom::ReplicaOnly {
                return Err(Error::no_owner(slot));
            }
        }
        Ok(Place::Known(
            shard.primary(),
            Intent::ReadWrite,
            WhileAway::Wait,
        ))
    }

    pub(super) fn chosen(&self, shard: &Shard) -> Option<Chosen> {
        let mut all = self.chosen.borrow_mut();
        let known = all.iter().find(|(primary, _)| *primary == shard.primary());
        if let Some((_, chosen)) = known {
            return *chosen;
        }
        let chosen = self.choice.in_shard(shard);
        all.push((shard.primary(), chosen));
        chosen
    }

    /// Any one node's answer is an answer (O4).
    fn for_keyless(&self, command: CommandRef<'_>, reads: bool) -> Result<Place, Error> {
        refuse_partial_answers(command)?;
        let topology = self.snapshot.topology();
        let any_slot = Slot::of_key(b"");
        if reads {
            let replicas: Vec<NodeIndex> = topology.replicas().collect();
            if let Some(chosen) = self.choice.replica(&replicas, None) {
                return Ok(read(chosen, None));
            }
        }
        let primaries: Vec<NodeIndex> = topology.primaries().collect();
        // One that is away is not worth waiting for while there are others.
        let while_away = if primaries.len() > 1 {
            WhileAway::Refuse
        } else {
            WhileAway::Wait
        };
        in_turn(&primaries, self.choice.turn)
            .find(|node| !self.choice.is_avoided(*node))
            .or_else(|| in_turn(&primaries, self.choice.turn).next())
            .map(|node| Place::Known(node, Intent::ReadWrite, while_away))
            .ok_or_else(|| Error::no_owner(any_slot))
    }

    fn is_written(&self, slot: Slot) -> bool {
        let pinned = self.request.rare().primary_slots.as_deref();
        self.writes
            .as_ref()
            .or(pinned)
            .is_some_and(|slots| slots.contains(slot))
    }

    pub(super) fn destination(&self, place: Place) -> Destination {
        match place {
            Place::Named { first, asking } => Destination {
                node: match self.request.target(first as usize) {
                    Target::Named { node, .. } => node.clone(),
                    // It was a named one that the place was made of.
                    _ => Endpoint::new("", 0),
                },
                intent: Intent::ReadWrite,
                asking,
                is_named: true,
                while_away: WhileAway::Wait,
            },
            Place::Known(node, intent, while_away) => {
                let node = self.snapshot.topology().endpoint(node).cloned();
                Destination {
                    // An index out of this very snapshot always names a node.
                    node: node.unwrap_or_else(|| Endpoint::new("", 0)),
                    intent,
                    asking: false,
                    is_named: false,
                    while_away,
                }
            }
        }
    }
}

/// Where there is another way, reads do not wait for a node while it is away.
pub(super) fn read(chosen: Chosen, primary: Option<NodeIndex>) -> Place {
    let intent = if primary == Some(chosen.node) {
        Intent::ReadWrite
    } else {
        Intent::ReadOnly
    };
    let while_away = if chosen.has_other {
        WhileAway::Refuse
    } else {
        WhileAway::Wait
    };
    Place::Known(chosen.node, intent, while_away)
}
