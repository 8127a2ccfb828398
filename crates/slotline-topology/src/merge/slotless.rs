//! The nodes that serve no slot.

use std::cmp::Ordering;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::{Book, Told};
use crate::topology::{Builder, Role, Topology};
use crate::view::Member;

/// How many see a node as a primary, and how many as a replica.
#[derive(Clone, Default)]
struct Votes<'v> {
    primary: usize,
    replica: usize,
    copies: Option<&'v Arc<str>>,
}

/// Adds those nodes of which the nodes that serve slots, which are all in `builder`,
/// say for the most part that they can be used.
pub(super) fn add(
    views: &[Told<'_>],
    book: &Book,
    current: Option<&Topology>,
    builder: &mut Builder,
) {
    let mut votes = vec![Votes::default(); book.members.len()];
    let mut electors = 0_usize;
    for told in views {
        // One that has been forgotten, or was reset, goes on taking itself for a part
        // of a cluster.
        let own = told.view.myself().and_then(|id| book.by_id.get(id));
        let own = own.and_then(|place| book.members.get(*place));
        if !own.is_some_and(|own| builder.has(&own.endpoint)) {
            continue;
        }
        electors += 1;
        for usable in &told.view.usable {
            let place = told.place(usable.member);
            let Some(votes) = place.and_then(|place| votes.get_mut(place)) else {
                continue;
            };
            match &usable.copies {
                None => votes.primary += 1,
                Some(primary) => {
                    votes.replica += 1;
                    votes.copies.get_or_insert(primary);
                }
            }
        }
    }
    let nodes = current.into_iter().flat_map(Topology::nodes);
    let known: FxHashMap<&str, Role> = nodes
        .filter_map(|node| Some((node.id()?, node.role())))
        .collect();
    let mut chosen = Vec::new();
    for (member, votes) in book.members.iter().zip(&votes) {
        if builder.has(&member.endpoint) {
            continue;
        }
        let is_elected = |votes: usize, role| match (2 * votes).cmp(&electors) {
            Ordering::Greater => true,
            Ordering::Equal => {
                let id = member.id.as_deref().unwrap_or_default();
                known.get(id) == Some(&role)
            }
            Ordering::Less => false,
        };
        if is_elected(votes.primary, Role::Primary) {
            chosen.push((member, Role::Primary));
        } else if is_elected(votes.replica, Role::Replica) {
            // One whose primary serves slots is listed with them as soon as it has data.
            let primary = votes.copies.and_then(|id| book.by_id.get(id));
            let primary = primary.and_then(|place| book.members.get(*place));
            if !primary.is_some_and(|primary| builder.has(&primary.endpoint)) {
                chosen.push((member, Role::Replica));
            }
        }
    }
    for (member, role) in chosen {
        let Member {
            id,
            endpoint,
            details,
            ..
        } = member.clone();
        builder.slotless(id, endpoint, details, role);
    }
}
