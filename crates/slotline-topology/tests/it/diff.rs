use proptest::prelude::*;
use slotline_topology::{Diff, Endpoint, Role, Slot, Topology, View};

use crate::encode::{node, range, reply};

/// Ranges as "first last primary replica…", each node as `id` or `id@host`.
fn topology(ranges: &[&str]) -> Topology {
    let ranges: Vec<String> = ranges
        .iter()
        .map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            let [first, last, nodes @ ..] = words.as_slice() else {
                unreachable!("a test's range has a start and an end");
            };
            let member = |word: &&str| {
                let (id, host) = word.split_once('@').unwrap_or((word, word));
                node(host, 7000, id)
            };
            let nodes: Vec<String> = nodes.iter().map(member).collect();
            range(first.parse().unwrap(), last.parse().unwrap(), &nodes)
        })
        .collect();
    let view = View::from_slots(&reply(&ranges), &Endpoint::new("asked", 7000)).unwrap();
    view.topology().unwrap()
}

fn ids(nodes: &[slotline_topology::Node]) -> Vec<&str> {
    nodes.iter().filter_map(|node| node.id()).collect()
}

/// `first-last from>to`, each by its host, nobody as `-`.
fn moves(diff: &Diff) -> Vec<String> {
    let host = |endpoint: &Option<Endpoint>| match endpoint {
        Some(endpoint) => endpoint.host().to_owned(),
        None => "-".to_owned(),
    };
    let shown = diff.moved.iter().map(|moved| {
        let (first, last) = (moved.slots.start(), moved.slots.end());
        format!("{first}-{last} {}>{}", host(&moved.from), host(&moved.to))
    });
    shown.collect()
}

fn changes(diff: &Diff) -> Vec<&str> {
    let changed = diff.changed.iter();
    changed.filter_map(|change| change.after.id()).collect()
}

#[test]
fn the_same_is_no_difference() {
    let one = topology(&["0 99 a r", "100 199 b s"]);
    // However the nodes are numbered.
    let other = topology(&["100 199 b s", "0 99 a r"]);
    assert!(one.diff(&other).is_empty());
    assert_eq!(one.diff(&other).moved_slots(), 0);
}

#[test]
fn moved_slots_are_ranges() {
    let before = topology(&["0 99 a", "100 199 b", "300 399 c"]);
    let after = topology(&[
        "0 49 a",
        "50 99 b",
        "100 149 b",
        "150 199 a",
        "200 299 c",
        "350 399 c",
    ]);
    let diff = before.diff(&after);
    assert_eq!(
        moves(&diff),
        ["50-99 a>b", "150-199 b>a", "200-299 ->c", "300-349 c>-"]
    );
    assert_eq!(diff.moved_slots(), 250);
    assert!(diff.added.is_empty() && diff.removed.is_empty() && diff.changed.is_empty());
}

#[test]
fn a_failover_changes_two_roles_and_moves_the_slots() {
    let diff = topology(&["0 99 a r"]).diff(&topology(&["0 99 r a"]));
    assert_eq!(changes(&diff), ["a", "r"]);
    assert_eq!(moves(&diff), ["0-99 a>r"]);
    let roles = |id: &str| {
        let change = diff
            .changed
            .iter()
            .find(|change| change.after.id() == Some(id));
        change.map(|change| (change.before.role(), change.after.role()))
    };
    assert_eq!(roles("r"), Some((Role::Replica, Role::Primary)));
    assert_eq!(roles("a"), Some((Role::Primary, Role::Replica)));
}

#[test]
fn a_node_with_another_endpoint_is_the_same_node() {
    let diff = topology(&["0 99 a r"]).diff(&topology(&["0 99 a@new r"]));
    assert_eq!(changes(&diff), ["a"]);
    assert!(diff.moved.is_empty() && diff.added.is_empty() && diff.removed.is_empty());
    // Another node at the same endpoint is not.
    let diff = topology(&["0 99 a@h"]).diff(&topology(&["0 99 b@h"]));
    assert_eq!(
        (ids(&diff.removed), ids(&diff.added)),
        (vec!["a"], vec!["b"])
    );
    assert_eq!(moves(&diff), ["0-99 h>h"]);
}

#[test]
fn nodes_that_join_leave_or_copy_another() {
    let before = topology(&["0 99 a r s", "100 199 b"]);
    let after = topology(&["0 99 a r", "100 199 b s t"]);
    let diff = before.diff(&after);
    assert_eq!(ids(&diff.added), ["t"]);
    assert_eq!(changes(&diff), ["s"]);
    let diff = after.diff(&before);
    assert_eq!((ids(&diff.removed), changes(&diff)), (vec!["t"], vec!["s"]));
}

/// A MOVED names no id.
#[test]
fn without_an_id_the_endpoint_tells_who_it_is() {
    let before = topology(&["0 99 a", "100 199 b"]);
    let new = Endpoint::new("c", 7000);
    let patched = before.patched(Slot::new(5).unwrap(), &new);
    assert_eq!(moves(&before.diff(&patched)), ["5-5 a>c"]);
    let learnt = topology(&["0 4 a", "5 5 c", "6 99 a", "100 199 b"]);
    assert!(patched.diff(&learnt).is_empty());
}

proptest! {
    #[test]
    fn what_is_moved_leads_from_the_one_to_the_other(
        one in prop::collection::vec(0..5_usize, 40),
        other in prop::collection::vec(0..5_usize, 40),
    ) {
        let build = |owners: &[usize]| {
            let lines: Vec<String> = owners
                .iter()
                .enumerate()
                .filter(|(_, owner)| **owner > 0)
                .map(|(slot, owner)| format!("{slot} {slot} n{owner}"))
                .collect();
            let lines: Vec<&str> = lines.iter().map(String::as_str).chain(["90 90 z"]).collect();
            topology(&lines)
        };
        let (before, after) = (build(&one), build(&other));
        let diff = before.diff(&after);
        let mut patched: Vec<Option<Endpoint>> = (0..100)
            .map(|slot| owner(&before, slot))
            .collect();
        for moved in &diff.moved {
            for slot in moved.slots.clone() {
                prop_assert_eq!(&patched[usize::from(slot)], &moved.from);
                prop_assert_ne!(&moved.to, &moved.from);
                patched[usize::from(slot)] = moved.to.clone();
            }
        }
        let expected: Vec<Option<Endpoint>> = (0..100).map(|slot| owner(&after, slot)).collect();
        prop_assert_eq!(patched, expected);
        prop_assert!(after.diff(&after).is_empty());
    }
}

fn owner(topology: &Topology, slot: u16) -> Option<Endpoint> {
    let owner = topology.primary_of(Slot::new(slot)?)?;
    topology.endpoint(owner).cloned()
}
