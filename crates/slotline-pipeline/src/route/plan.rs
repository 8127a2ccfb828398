//! Which node each command of a request goes to.

use slotline_resp::{CommandRef, Commands, Flags, KeySpec, RequestPolicy};
use slotline_topology::{Endpoint, NodeIndex, Slot, SlotSet, slot_of};

use crate::cluster::Snapshot;
use crate::error::Error;
use crate::intent::write_slots;
use crate::node::{Intent, WhileAway};
use crate::request::{ReadFrom, Request, Target, Targets};

/// One node's part, still as indexes into the request.
#[derive(Debug)]
pub(super) struct Planned {
    pub(super) to: Destination,
    pub(super) picks: Vec<u32>,
}

/// Where a command goes and on what kind of connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Destination {
    pub(super) node: Endpoint,
    pub(super) intent: Intent,
    pub(super) asking: bool,
    pub(super) while_away: WhileAway,
}

/// The same while a plan is made, cheap to compare.
#[derive(Clone, PartialEq, Eq)]
enum Place {
    Known(NodeIndex, Intent, WhileAway),
    Named { node: Endpoint, asking: bool },
}

/// Where the commands of a request go.
#[derive(Debug)]
pub(super) enum Plan {
    /// All to one node.
    Whole(Destination),
    /// Several parts, and the commands that can go nowhere.
    Parts(Vec<Planned>, Vec<(u32, Error)>),
}

/// Makes the plan for `request`. `turn` moves on with each request, so that
/// several equally good nodes take turns.
pub(super) fn plan(request: &Request, snapshot: &Snapshot, turn: usize) -> Plan {
    let planner = Planner::new(request, snapshot, turn);
    // A connection would refuse a whole part for one command in it (S4, O2).
    let refuses = request.commands.refused_when_shared().is_some();
    let only = planner.only_node();
    if let (Some(node), false) = (&only, refuses) {
        return Plan::Whole(planner.destination(node.clone()));
    }
    if let (Some(place), false) = (planner.place_of_lone(), refuses) {
        return Plan::Whole(planner.destination(place));
    }
    let mut parts: Vec<(Place, Vec<u32>)> = Vec::new();
    let mut failures = Vec::new();
    let mut last = 0;
    let mut behind = None;
    for (index, command) in request.commands.iter().enumerate() {
        let refused = refuses.then(|| refusal(&request.commands, index)).flatten();
        let refused = refused.or_else(|| behind.map(|of| Error::behind(command.name(), of)));
        if refuses && changes_session(command) {
            behind.get_or_insert(command.name());
        }
        let place = match (refused, &only) {
            (Some(error), _) => Err(error),
            (None, Some(node)) => Ok(node.clone()),
            (None, None) => planner.place(index, command),
        };
        let place = match place {
            Ok(place) => place,
            Err(error) => {
                failures.push((index as u32, error));
                continue;
            }
        };
        if parts.get(last).is_none_or(|(other, _)| *other != place) {
            let known = parts.iter().position(|(other, _)| *other == place);
            last = known.unwrap_or_else(|| {
                parts.push((place, Vec::new()));
                parts.len() - 1
            });
        }
        if let Some((_, picks)) = parts.get_mut(last) {
            picks.push(index as u32);
        }
    }
    match (parts.as_slice(), failures.is_empty()) {
        ([(place, _)], true) if !matches!(place, Place::Named { asking: true, .. }) => {
            Plan::Whole(planner.destination(place.clone()))
        }
        _ => {
            let parts = parts.into_iter().map(|(place, picks)| Planned {
                to: planner.destination(place),
                picks,
            });
            Plan::Parts(parts.collect(), failures)
        }
    }
}

/// Why this one command may not run on a connection that is shared.
fn refusal(commands: &Commands, index: usize) -> Option<Error> {
    let alone = commands.pick(&[index as u32]);
    let (command, advice) = alone.refused_when_shared()?;
    Some(Error::refused_when_shared(command.name(), advice))
}

/// Whether what comes behind the command may count on what it sets: a FLUSHDB
/// behind a SELECT that was refused would empty another database.
pub(crate) fn changes_session(command: CommandRef<'_>) -> bool {
    command.info().flags.contains(Flags::SESSION)
}

struct Planner<'a> {
    request: &'a Request,
    snapshot: &'a Snapshot,
    turn: usize,
    /// The slots that the pipeline writes to, where that matters.
    writes: Option<SlotSet>,
}

impl<'a> Planner<'a> {
    fn new(request: &'a Request, snapshot: &'a Snapshot, turn: usize) -> Planner<'a> {
        let mixed = request.read_from != ReadFrom::Primary
            && request.primary_slots.is_none()
            && request.len() > 1
            && has_writes(&request.commands);
        Planner {
            request,
            snapshot,
            turn,
            writes: mixed.then(|| write_slots(&request.commands)),
        }
    }

    /// The place of all commands where there is one node only, which answers any
    /// command whole: a server that is no cluster.
    fn only_node(&self) -> Option<Place> {
        let topology = self.snapshot.topology();
        let is_named = match &self.request.targets {
            Targets::BySlot => false,
            Targets::Each(each) => each
                .iter()
                .any(|target| matches!(target, Target::Named { .. })),
        };
        if !topology.is_single_node() || is_named {
            return None;
        }
        let node = topology.primaries().next()?;
        let reads = self.request.read_from != ReadFrom::Primary
            && self
                .request
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

    /// The place of a lone command, for which no part has to be gathered; `None`
    /// where it can go nowhere, or not without an ASKING.
    fn place_of_lone(&self) -> Option<Place> {
        let lone = (self.request.len() == 1).then(|| self.request.commands.get(0))?;
        let place = self.place(0, lone?).ok()?;
        (!matches!(place, Place::Named { asking: true, .. })).then_some(place)
    }

    fn place(&self, index: usize, command: CommandRef<'_>) -> Result<Place, Error> {
        let target = self.request.target(index);
        if let Target::Named { node, asking } = target {
            return Ok(Place::Named {
                node: node.clone(),
                asking: *asking,
            });
        }
        let reads = command.info().is_readonly()
            && self.request.read_from != ReadFrom::Primary
            && *target != Target::Primary;
        match one_slot(command)? {
            Some(slot) => self.for_slot(slot, reads),
            None => self.for_keyless(command, reads),
        }
    }

    fn for_slot(&self, slot: Slot, reads: bool) -> Result<Place, Error> {
        let topology = self.snapshot.topology();
        if reads && !self.is_written(slot) && !self.snapshot.is_unsettled(slot) {
            let replicas = topology.replicas_of(slot);
            if let Some(place) = self.replica(replicas) {
                return Ok(place);
            }
            if self.request.read_from == ReadFrom::ReplicaOnly {
                return Err(Error::no_owner(slot));
            }
        }
        let primary = topology.primary_of(slot);
        primary
            .map(|node| Place::Known(node, Intent::ReadWrite, WhileAway::Wait))
            .ok_or_else(|| Error::no_owner(slot))
    }

    /// Any one node's answer is an answer (O4).
    fn for_keyless(&self, command: CommandRef<'_>, reads: bool) -> Result<Place, Error> {
        refuse_partial_answers(command)?;
        let topology = self.snapshot.topology();
        let any_slot = Slot::of_key(b"");
        if reads {
            let replicas: Vec<NodeIndex> = topology.replicas().collect();
            if let Some(place) = self.replica(&replicas) {
                return Ok(place);
            }
        }
        let primaries: Vec<NodeIndex> = topology.primaries().collect();
        // One that is away is not worth waiting for while there are others.
        let while_away = if primaries.len() > 1 {
            WhileAway::Refuse
        } else {
            WhileAway::Wait
        };
        self.good_in_turn(&primaries)
            .or_else(|| self.in_turn(&primaries).next())
            .map(|node| Place::Known(node, Intent::ReadWrite, while_away))
            .ok_or_else(|| Error::no_owner(any_slot))
    }

    /// The nodes, beginning with the one whose turn it is.
    fn in_turn(&self, nodes: &[NodeIndex]) -> impl Iterator<Item = NodeIndex> {
        let start = self.turn % nodes.len().max(1);
        let in_turn = nodes.iter().cycle().skip(start).take(nodes.len());
        in_turn.copied()
    }

    /// The node whose turn it is, those to avoid passed over.
    fn good_in_turn(&self, nodes: &[NodeIndex]) -> Option<NodeIndex> {
        let topology = self.snapshot.topology();
        self.in_turn(nodes).find(|node| {
            let endpoint = topology.endpoint(*node);
            endpoint.is_some_and(|endpoint| !self.request.avoid.contains(endpoint))
        })
    }

    /// The replica whose turn it is, those to avoid passed over. Where there is
    /// another way, its commands do not wait for it while it is away.
    fn replica(&self, replicas: &[NodeIndex]) -> Option<Place> {
        let only = self.request.read_from == ReadFrom::ReplicaOnly;
        let pick = self
            .good_in_turn(replicas)
            .or_else(|| self.in_turn(replicas).next().filter(|_| only))?;
        let while_away = if only && replicas.len() == 1 {
            WhileAway::Wait
        } else {
            WhileAway::Refuse
        };
        Some(Place::Known(pick, Intent::ReadOnly, while_away))
    }

    fn is_written(&self, slot: Slot) -> bool {
        let pinned = self.request.primary_slots.as_deref();
        self.writes
            .as_ref()
            .or(pinned)
            .is_some_and(|slots| slots.contains(slot))
    }

    fn destination(&self, place: Place) -> Destination {
        match place {
            Place::Named { node, asking } => Destination {
                node,
                intent: Intent::ReadWrite,
                asking,
                while_away: WhileAway::Wait,
            },
            Place::Known(node, intent, while_away) => {
                let node = self.snapshot.topology().endpoint(node).cloned();
                Destination {
                    // An index out of this very snapshot always names a node.
                    node: node.unwrap_or_else(|| Endpoint::new("", 0)),
                    intent,
                    asking: false,
                    while_away,
                }
            }
        }
    }
}

fn has_writes(commands: &Commands) -> bool {
    commands.iter().any(|command| !command.info().is_readonly())
}

/// The slot of a command's keys, which must be one; `None` if it has no key.
fn one_slot(command: CommandRef<'_>) -> Result<Option<Slot>, Error> {
    let mut keys = command.keys();
    let Some(slot) = keys.next().map(slot_of) else {
        return Ok(None);
    };
    if keys.any(|key| slot_of(key) != slot) {
        return Err(Error::cross_slot(command.name()));
    }
    Ok(Some(slot))
}

/// A keyless command that one node answers only for itself would give a part of
/// the truth; and one whose keys nobody marked would go anywhere.
fn refuse_partial_answers(command: CommandRef<'_>) -> Result<(), Error> {
    let info = command.info();
    if info.keys == KeySpec::Unknown {
        let advice = "say which arguments are keys with `.key(…)`, or send it to one node \
                      with `for_each_primary` or `for_each_node`";
        return Err(Error::not_routable(command.name(), advice));
    }
    if info.flags.contains(Flags::SESSION) {
        // The connection refuses it, and says why.
        return Ok(());
    }
    match info.request {
        RequestPolicy::AllShards | RequestPolicy::MultiShard | RequestPolicy::Special => {
            let advice = "each primary answers for its own part; use `for_each_primary`";
            Err(Error::not_routable(command.name(), advice))
        }
        RequestPolicy::AllNodes => {
            let advice = "each node answers for itself; use `for_each_node`";
            Err(Error::not_routable(command.name(), advice))
        }
        _ => Ok(()),
    }
}
