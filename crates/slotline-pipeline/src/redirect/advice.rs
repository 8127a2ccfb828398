//! What a server's error says about where, or when, its command can run. The
//! only place that reads such errors.

use slotline_resp::{CommandRef, Delivery, error_code};
use slotline_topology::{Endpoint, Redirect as Parsed, RedirectKind, Slot, slot_of};

use crate::cluster::Cluster;
use crate::node::{Asked, Intent};
use crate::request::Target;
use crate::route::ReadFrom;

/// How the error begins of a command that blocked while its primary became a replica.
/// CLIENT UNBLOCK has another text, and was somebody's wish.
const FORCED: &str = "UNBLOCKED force unblock";

/// The same of XREADGROUP whose stream was deleted, overwritten, or moved to another node.
/// Redis 7.0 says so; later servers look again themselves, and say NOGROUP, WRONGTYPE or ASK.
const STREAM_GONE: &str = "UNBLOCKED the stream key no longer exists";

/// What to do with a command that a server turned away.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Advice {
    /// Send it there at once; counts as a hop.
    Go(Target),
    /// Wait a little and send it there.
    WaitThen(Target),
    /// Replace the connections of whom was asked, and send it again (S5).
    LostSession(Asked),
    /// It was sent to where it came from: another server answers at that address.
    /// Reach for the address anew, wait a little and send it again; counts as a
    /// hop.
    OwnAddress(Asked),
    /// The error is the caller's.
    Surface,
}

/// A command that a server turned away with the error `line`.
#[derive(Debug)]
pub(super) struct Turned<'a> {
    pub(super) line: &'a str,
    pub(super) asked: Option<&'a Asked>,
    pub(super) command: CommandRef<'a>,
    /// Where it was sent.
    pub(super) target: Target,
    pub(super) read_from: &'a ReadFrom,
    /// Whether a connection that lost its state would be replaced, and this
    /// command has not met one before.
    pub(super) may_have_lost_session: bool,
}

/// Reads the error, and tells `cluster` what it says about the slots.
pub(super) fn advice(turned: Turned<'_>, cluster: &Cluster) -> Advice {
    let (line, command) = (turned.line, turned.command);
    let code = error_code(line);
    // A replica has let nothing be written, whatever a script made of that.
    let on_replica = turned
        .asked
        .is_some_and(|asked| asked.intent == Intent::ReadOnly);
    let unharmed = code == "READONLY" && on_replica;
    if !unharmed && Delivery::of_error(command.info(), line) != Delivery::Rejected {
        return Advice::Surface;
    }
    let slot = command.keys().next().map(slot_of);
    match code {
        "MOVED" | "ASK" => redirect(&turned, slot, cluster),
        "TRYAGAIN" => {
            if let Some(slot) = slot {
                cluster.migrating(slot);
            }
            Advice::WaitThen(same(turned.target))
        }
        "LOADING" | "MASTERDOWN" | "CLUSTERDOWN" => {
            // Another node may have taken over meanwhile, of which this one would
            // not tell. One that is cut off from the others does not hear of it.
            cluster.want_refresh();
            if let (Some(asked), "CLUSTERDOWN") = (turned.asked, code) {
                cluster.doubts().note(&asked.node);
            }
            let by_slot = turned.target == Target::BySlot;
            // Where replicas alone may be read, another has its turn.
            let may_turn = !matches!(turned.read_from, ReadFrom::Primary | ReadFrom::ReplicaOnly);
            let from_replica = may_turn && by_slot;
            if from_replica && command.info().is_readonly() && slot.is_some() {
                return Advice::WaitThen(Target::Primary);
            }
            Advice::WaitThen(same(turned.target))
        }
        "READONLY" if unharmed => Advice::WaitThen(Target::Primary),
        // Whoever has the slot says what became of the stream.
        "UNBLOCKED" if line.starts_with(STREAM_GONE) => Advice::WaitThen(Target::BySlot),
        "UNBLOCKED" if !line.starts_with(FORCED) => Advice::Surface,
        // A replica was taken for a primary: it was demoted, now or before, or the view
        // is old.
        "READONLY" | "UNBLOCKED" => {
            cluster.want_refresh();
            Advice::WaitThen(Target::BySlot)
        }
        _ => Advice::Surface,
    }
}

/// Where a command goes again that was to go to `target`. A MOVED is in the map:
/// if that changes while the command waits, it knows better.
fn same(target: Target) -> Target {
    match target {
        Target::Named { asking: false, .. } => Target::Primary,
        other => other,
    }
}

fn redirect(turned: &Turned<'_>, own_slot: Option<Slot>, cluster: &Cluster) -> Advice {
    // A client of one node speaks to no other.
    if cluster.snapshot().topology().is_single_node() {
        return Advice::Surface;
    }
    // Where nobody knows who was asked, an empty host means nothing.
    let nobody = Endpoint::new("", 0);
    let asked = turned.asked.map_or(&nobody, |asked| &asked.node);
    let parsed = Parsed::parse(turned.line, asked).map(|told| told.mapped(cluster.addresses()));
    let Some(Parsed {
        kind,
        slot,
        endpoint,
    }) = parsed
    else {
        return Advice::Surface;
    };
    if own_slot != Some(slot) {
        return Advice::Surface;
    }
    let Some(node) = endpoint.filter(|node| !node.host().is_empty()) else {
        // The server does not know the other's host: only a refresh can tell.
        cluster.want_refresh();
        return Advice::WaitThen(Target::BySlot);
    };
    let asking = kind == RedirectKind::Ask;
    if !asking && lost_session(turned, slot, &node, cluster) {
        return turned
            .asked
            .cloned()
            .map_or(Advice::Surface, Advice::LostSession);
    }
    if !asking && asked == &node {
        // A proxy has another backend now, or the address another owner.
        cluster.want_refresh();
        return turned
            .asked
            .cloned()
            .map_or(Advice::Surface, Advice::OwnAddress);
    }
    if asking {
        cluster.migrating(slot);
    } else if is_outdated(asked, slot, &node, cluster) {
        return Advice::Go(Target::BySlot);
    } else {
        cluster.moved(slot, &node);
    }
    Advice::Go(Target::Named { node, asking })
}

/// Whether a replica sends a read to its own primary, which it would have served
/// itself if the connection were what it was made to be (S5).
fn lost_session(turned: &Turned<'_>, slot: Slot, named: &Endpoint, cluster: &Cluster) -> bool {
    let Some(asked) = turned.asked else {
        return false;
    };
    if !turned.may_have_lost_session
        || asked.intent != Intent::ReadOnly
        || !turned.command.info().is_readonly()
    {
        return false;
    }
    let snapshot = cluster.snapshot();
    let topology = snapshot.topology();
    let (Some(shard), Some(asked)) = (topology.shard_of(slot), topology.find(&asked.node)) else {
        return false;
    };
    shard.replicas().contains(&asked) && topology.find(named) == Some(shard.primary())
}

/// Whether the map has gone on without the node that was asked, and elsewhere
/// than it says: an answer can be as old as the slowest part of its batch, and
/// the owner by the map knows better.
fn is_outdated(asked: &Endpoint, slot: Slot, named: &Endpoint, cluster: &Cluster) -> bool {
    let snapshot = cluster.snapshot();
    let topology = snapshot.topology();
    let Some(shard) = topology.shard_of(slot) else {
        return false;
    };
    let Some(asked) = topology.find(asked) else {
        return false;
    };
    let agrees = topology.find(named) == Some(shard.primary());
    !agrees && !shard.nodes().any(|node| node == asked)
}
