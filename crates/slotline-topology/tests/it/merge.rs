use slotline_topology::{Endpoint, Slot, Topology, View, merge};

use crate::encode::{node, range, reply};

/// A node of the tests: its letter is its id and its host.
fn endpoint(name: &str) -> Endpoint {
    Endpoint::new(name, 7000)
}

/// The view of the node `asked`: ranges as "first last primary replica…", and
/// the lines of CLUSTER NODES as "id epoch extra…", none for none.
fn view(asked: &str, ranges: &[&str], epochs: &[&str]) -> View {
    let ranges: Vec<String> = ranges
        .iter()
        .map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            let [first, last, nodes @ ..] = words.as_slice() else {
                unreachable!("a test's range has a start and an end");
            };
            let nodes: Vec<String> = nodes.iter().map(|name| node(name, 7000, name)).collect();
            range(first.parse().unwrap(), last.parse().unwrap(), &nodes)
        })
        .collect();
    let mut view = View::from_slots(&reply(&ranges), &endpoint(asked)).unwrap();
    let lines: Vec<String> = epochs
        .iter()
        .map(|line| {
            let (id, rest) = line.split_once(' ').unwrap();
            let (epoch, extra) = rest.split_once(' ').unwrap_or((rest, ""));
            let flags = if id == asked {
                "myself,master"
            } else {
                "master"
            };
            format!("{id} {id}:7000@17000 {flags} - 0 0 {epoch} connected {extra}")
        })
        .collect();
    view.add_nodes(&lines.join("\n"));
    view
}

fn owner(topology: &Topology, slot: u16) -> Option<String> {
    let owner = topology.primary_of(Slot::new(slot).unwrap())?;
    Some(topology.endpoint(owner)?.host().to_owned())
}

fn replicas(topology: &Topology, slot: u16) -> Vec<String> {
    let replicas = topology.replicas_of(Slot::new(slot).unwrap()).iter();
    let mut names: Vec<String> = replicas
        .filter_map(|&node| Some(topology.endpoint(node)?.host().to_owned()))
        .collect();
    names.sort();
    names
}

#[track_caller]
fn check(
    views: &[View],
    current: Option<&Topology>,
    slot: u16,
    expected: Option<&str>,
) -> Topology {
    let topology = merge(views, current).unwrap().topology;
    assert_eq!(owner(&topology, slot).as_deref(), expected);
    topology
}

#[test]
fn the_highest_epoch_wins_against_any_majority() {
    let stale = || view("a", &["0 16383 a r"], &["a 1", "r 1"]);
    let fresh = view("r", &["0 16383 r s"], &["r 7"]);
    let topology = check(&[stale(), fresh.clone(), stale()], None, 5, Some("r"));
    assert_eq!(replicas(&topology, 5), ["s"]);
    // The loser is nowhere in the result.
    assert_eq!(topology.find(&endpoint("a")), None);
    // A view without epochs has no say beside one that has them.
    let silent = || view("x", &["0 16383 x"], &[]);
    check(&[silent(), silent(), fresh], None, 5, Some("r"));
}

#[test]
fn epochs_are_weighed_slot_by_slot() {
    let one = view("a", &["0 99 a", "100 199 b"], &["a 9", "b 2"]);
    let two = view("b", &["0 49 a", "50 199 c"], &["a 9", "b 2", "c 5"]);
    let topology = check(&[one, two], None, 60, Some("a"));
    assert_eq!(owner(&topology, 150).as_deref(), Some("c"));
    assert_eq!(topology.covered(), 200);
}

#[test]
fn without_epochs_the_majority_wins_then_the_first() {
    let a = || view("a", &["0 9 a r"], &[]);
    let b = || view("b", &["0 9 b"], &[]);
    check(&[a(), b(), b()], None, 0, Some("b"));
    check(&[b(), a(), a()], None, 0, Some("a"));
    check(&[a(), b()], None, 0, Some("a"));
    check(&[b(), a()], None, 0, Some("b"));
    // The same where two claim one epoch.
    let a = || view("a", &["0 9 a"], &["a 3", "b 3"]);
    let b = || view("b", &["0 9 b"], &["a 3", "b 3"]);
    check(&[a(), b(), b()], None, 0, Some("b"));
}

#[test]
fn replicas_are_those_of_any_view_that_names_the_winner() {
    let one = view("a", &["0 9 a r"], &["a 3"]);
    let two = view("b", &["0 9 a s r"], &["a 3"]);
    let stale = view("c", &["0 9 a t"], &["a 2"]);
    let topology = check(&[one, two, stale], None, 0, Some("a"));
    assert_eq!(replicas(&topology, 0), ["r", "s"]);
}

#[test]
fn an_empty_view_replaces_nothing() {
    let good = view("a", &["0 16383 a r"], &["a 1"]);
    let current = good.topology().unwrap();
    let empty = || view("z", &[], &["z 0"]);
    assert!(merge(&[empty()], Some(&current)).unwrap_err().is_empty());
    assert!(
        merge(&[empty(), empty()], Some(&current))
            .unwrap_err()
            .is_empty()
    );
    assert!(merge(&[], Some(&current)).unwrap_err().is_empty());
    // Beside a good one it has no say.
    check(&[empty(), good, empty()], Some(&current), 0, Some("a"));
}

#[test]
fn one_nodes_word_does_not_shrink_what_is_known() {
    let current = view("a", &["0 9999 a r", "10000 16383 b s"], &["a 1", "b 2"]);
    let current = current.topology().unwrap();
    let shrunken = || view("a", &["0 9999 a r"], &["a 1"]);
    let topology = check(&[shrunken()], Some(&current), 12000, Some("b"));
    assert_eq!(topology, current);
    // Two that agree are believed.
    check(&[shrunken(), shrunken()], Some(&current), 12000, None);
}

#[test]
fn one_nodes_word_does_not_turn_back_to_a_lower_epoch() {
    let current = view("r", &["0 16383 r"], &["r 7", "a 1"])
        .topology()
        .unwrap();
    let stale = || view("a", &["0 16383 a r"], &["a 1"]);
    assert_eq!(check(&[stale()], Some(&current), 0, Some("r")), current);
    // A cluster that was made anew starts at low epochs: two are believed.
    check(&[stale(), stale()], Some(&current), 0, Some("a"));
    // So is one, for a slot that a MOVED spoke of since.
    let patched = current.patched(Slot::new(5).unwrap(), &endpoint("a"));
    let topology = check(&[stale()], Some(&patched), 5, Some("a"));
    assert_eq!(owner(&topology, 6).as_deref(), Some("r"));
    assert_eq!(replicas(&topology, 5), ["r"]);
}

#[test]
fn one_node_under_two_endpoints_is_one_node() {
    // The node asked at `localhost` does not know its own address; the other does.
    let first = reply(&[range(0, 9, &[node("", 7000, "id-a")])]);
    let first = View::from_slots(&first, &endpoint("localhost")).unwrap();
    let second = reply(&[range(
        0,
        9,
        &[
            node("10.0.0.1", 7000, "id-a"),
            node("10.0.0.2", 7000, "id-b"),
        ],
    )]);
    let second = View::from_slots(&second, &endpoint("10.0.0.2")).unwrap();
    let topology = merge(&[first, second], None).unwrap().topology;
    assert_eq!(owner(&topology, 0).as_deref(), Some("10.0.0.1"));
    assert_eq!(topology.nodes().len(), 2);
}

#[test]
fn a_slot_is_settled_once_its_owner_says_so() {
    let ranges = ["0 99 a r", "100 199 b"];
    let epochs = ["a 1 0-99 [7->-b]", "b 2 100-199"];
    let a = view("a", &ranges, &epochs);
    let b = view("b", &ranges, &["a 1 0-99", "b 2 100-199 [7-<-a]"]);
    let slot = |number| Slot::new(number).unwrap();
    let merged = merge(&[a.clone(), b.clone()], None).unwrap();
    assert_eq!(merged.unsettled.iter().collect::<Vec<_>>(), [slot(7)]);
    assert_eq!(merged.asked.len(), 2);
    assert!(!merged.is_settled(slot(7)));
    assert!(merged.is_settled(slot(8)));
    assert!(merged.is_settled(slot(100)));
    // Nobody asked the owner of the slot.
    let merged = merge(&[b], None).unwrap();
    assert!(merged.unsettled.is_empty());
    assert!(!merged.is_settled(slot(7)));
    assert!(merged.is_settled(slot(100)));
    assert!(a.migrating().contains(slot(7)) && a.importing().is_empty());
    assert_eq!(a.myself(), Some("a"));
}
