//! What a server's error says about where, or when, its command can run. The
//! only place that reads such errors.

use slotline_resp::{CommandRef, Delivery, error_code};
use slotline_topology::{Endpoint, Redirect as Parsed, RedirectKind, Slot, slot_of};

use crate::cluster::Cluster;
use crate::request::{ReadFrom, Target};

/// What to do with a command that a server turned away.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Advice {
    /// Send it there at once; counts as a hop.
    Go(Target),
    /// Wait a little and send it there.
    WaitThen(Target),
    /// The error is the caller's.
    Surface,
}

/// Reads the error `line` that `asked` gave to a command sent to `target`, and
/// tells `cluster` what it says about the slots.
pub(super) fn advice(
    line: &str,
    asked: Option<&Endpoint>,
    command: CommandRef<'_>,
    target: Target,
    read_from: ReadFrom,
    cluster: &Cluster,
) -> Advice {
    let code = error_code(line);
    if !matches!(
        code,
        "MOVED" | "ASK" | "TRYAGAIN" | "CLUSTERDOWN" | "LOADING" | "MASTERDOWN" | "READONLY"
    ) {
        return Advice::Surface;
    }
    let slot = command.keys().next().map(slot_of);
    if Delivery::of_error(command.info(), line) != Delivery::Rejected {
        return Advice::Surface;
    }
    match code {
        "MOVED" | "ASK" => redirect(line, asked, slot, cluster),
        "TRYAGAIN" => {
            if let Some(slot) = slot {
                cluster.migrating(slot);
            }
            Advice::WaitThen(same(target))
        }
        "LOADING" | "MASTERDOWN" | "CLUSTERDOWN" => {
            // Another node may have taken over meanwhile, of which this one would
            // not tell.
            cluster.want_refresh();
            let from_replica = read_from == ReadFrom::PreferReplica && target == Target::BySlot;
            if from_replica && command.info().is_readonly() && slot.is_some() {
                return Advice::WaitThen(Target::Primary);
            }
            Advice::WaitThen(same(target))
        }
        // A replica was taken for a primary: it was demoted, or the view is old.
        _ => {
            cluster.want_refresh();
            Advice::WaitThen(Target::BySlot)
        }
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

fn redirect(
    line: &str,
    asked: Option<&Endpoint>,
    own_slot: Option<Slot>,
    cluster: &Cluster,
) -> Advice {
    // A client of one node speaks to no other.
    if cluster.snapshot().topology().is_single_node() {
        return Advice::Surface;
    }
    // Where nobody knows who was asked, an empty host means nothing.
    let nobody = Endpoint::new("", 0);
    let asked = asked.unwrap_or(&nobody);
    let Some(Parsed {
        kind,
        slot,
        endpoint,
    }) = Parsed::parse(line, asked)
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
    if asking {
        cluster.migrating(slot);
    } else if is_outdated(asked, slot, &node, cluster) {
        return Advice::Go(Target::BySlot);
    } else {
        cluster.moved(slot, &node);
    }
    Advice::Go(Target::Named { node, asking })
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
