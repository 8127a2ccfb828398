//! Nodes that serve no slot, of which only CLUSTER NODES tells.

use slotline_topology::{Endpoint, Role, Slot, Topology, View, merge};

use crate::encode::{node, range, reply};

/// What `asked` answers where `a` and `b` have all slots, and `r` copies `a`: its lines
/// of CLUSTER NODES are theirs and these, as "id flags primary link".
fn view(asked: &str, others: &[&str]) -> View {
    let named = |name| node(name, 7000, name);
    let ranges = [
        range(0, 99, &[named("a"), named("r")]),
        range(100, 16383, &[named("b")]),
    ];
    of(asked, &ranges, others)
}

fn of(asked: &str, ranges: &[String], others: &[&str]) -> View {
    let mut view = View::from_slots(&reply(ranges), &Endpoint::new(asked, 7000)).unwrap();
    let own = [
        "a master - connected 0-99",
        "b master - connected 100-16383",
        "r slave a connected",
    ];
    let lines = own.iter().chain(others).map(|line| {
        let words: Vec<&str> = line.split(' ').collect();
        let [id, flags, primary, link, slots @ ..] = words.as_slice() else {
            unreachable!("a line of a test has four words");
        };
        let myself = if *id == asked { "myself," } else { "" };
        let slots = slots.join(" ");
        format!("{id} {id}:7000@17000 {myself}{flags} {primary} 0 0 1 {link} {slots}")
    });
    view.add_nodes(&lines.collect::<Vec<_>>().join("\n"));
    view
}

/// The names of the nodes without slots, replicas with a mark.
fn slotless(topology: &Topology) -> String {
    let each = topology.slotless().map(|index| {
        let node = topology.node(index).unwrap();
        assert!(node.is_slotless() && topology.slots_of(index).is_empty());
        assert_eq!(topology.find(node.endpoint()), Some(index));
        match node.role() {
            Role::Primary => node.endpoint().host().to_owned(),
            Role::Replica => format!("{}'", node.endpoint().host()),
        }
    });
    let mut each: Vec<String> = each.collect();
    each.sort();
    each.join(" ")
}

#[track_caller]
fn check(views: &[View], current: Option<&Topology>, expected: &str) -> Topology {
    let topology = merge(views, current).unwrap().topology;
    assert_eq!(slotless(&topology), expected);
    // Nothing is sent to them for any slot.
    assert_eq!(topology, view("a", &[]).topology().unwrap());
    assert_eq!(topology.primaries().count(), 2);
    assert_eq!(topology.replicas().count(), 1);
    topology
}

#[test]
fn a_primary_without_slots_and_its_replica_are_kept_beside_the_map() {
    let others = ["n master - connected", "m slave n connected"];
    let topology = check(&[view("a", &others)], None, "m' n");
    assert_eq!(
        topology.find_id("n"),
        topology.find(&Endpoint::new("n", 7000))
    );
    check(&[view("a", &others), view("r", &others)], None, "m' n");
    // It may have become a replica of another that has none.
    let others = ["n slave m connected", "m master - connected"];
    check(&[view("b", &others)], Some(&topology), "m n'");
}

#[test]
fn what_cannot_be_used_is_left_out() {
    for flags in [
        "master,fail - connected",
        "master,fail? - connected",
        "master,handshake - connected",
        "master,noaddr - connected",
        "master,noaddr,fail - disconnected",
        "master - disconnected",
        "slave - connected",
        "noflags - connected",
    ] {
        check(&[view("a", &[&format!("n {flags}")])], None, "");
    }
    // A replica may still be there when its primary is not, and takes no place.
    let others = ["n master,fail - connected", "m slave n connected"];
    check(&[view("a", &others)], None, "m'");
    // Of a primary with slots it has no data yet, or it would be listed.
    check(&[view("a", &["m slave a connected"])], None, "");
}

#[test]
fn one_nodes_word_is_not_enough_where_most_say_otherwise() {
    let says = |asked| view(asked, &["n master - connected"]);
    let denies = |asked| view(asked, &[]);
    let fails = |asked| view(asked, &["n master,fail - connected"]);
    check(&[says("a"), denies("b"), denies("r")], None, "");
    check(&[says("a"), denies("b"), says("r")], None, "n");
    check(&[says("a"), says("b"), fails("r")], None, "n");
    // Where they are as many, it stays as it was.
    let with = check(&[says("a")], None, "n");
    let without = check(&[denies("a")], None, "");
    for current in [None, Some(&without)] {
        check(&[says("a"), denies("b")], current, "");
    }
    check(&[says("a"), denies("b")], Some(&with), "n");
    check(&[denies("a"), fails("b")], Some(&with), "");
    // Who knew no CLUSTER NODES has no say.
    let named = |name| node(name, 7000, name);
    let all = [
        range(0, 99, &[named("a"), named("r")]),
        range(100, 16383, &[named("b")]),
    ];
    let silent = || View::from_slots(&reply(&all), &Endpoint::new("b", 7000)).unwrap();
    check(&[says("a"), silent(), silent()], None, "n");
}

/// It was forgotten by the others, or reset, and still counts itself and those that it
/// knows among the cluster.
#[test]
fn a_node_without_slots_has_no_say() {
    let lost = || view("n", &["n master - connected", "m slave n connected"]);
    let current = check(&[view("a", &["n master - connected"])], None, "n");
    check(&[lost(), lost(), view("a", &[])], Some(&current), "");
    let reset = of("n", &[], &["n master - connected"]);
    check(&[view("b", &[]), reset], Some(&current), "");
}

#[test]
fn a_moved_gives_it_slots() {
    let endpoint = Endpoint::new("n", 7000);
    let current = view("a", &["n master - connected", "m slave n connected"]);
    let current = current.topology().unwrap();
    let patched = current.patched(Slot::new(5).unwrap(), &endpoint);
    assert_eq!(slotless(&patched), "m'");
    assert_eq!(patched.primaries().count(), 3);
    let diff = current.diff(&patched);
    assert!(diff.added.is_empty() && diff.removed.is_empty());
    assert_eq!(diff.moved[0].to, Some(endpoint));
    // One that joins, or leaves, is told of.
    let before = view("a", &[]).topology().unwrap();
    assert_eq!(before.diff(&current).added.len(), 2);
    assert_eq!(current.diff(&before).removed.len(), 2);
}

#[test]
fn it_is_named_as_the_others_are() {
    let check = |hosts: [&str; 2], line: &str, expected: Option<Endpoint>| {
        let ranges = [range(0, 16383, &[node(hosts[0], 7000, "a")])];
        let asked = Endpoint::new("asked", 7000);
        let mut view = View::from_slots(&reply(&ranges), &asked).unwrap();
        view.add_nodes(&format!(
            "a 10.0.0.1:7000@17000,{} myself,master - 0 0 1 connected 0-16383\n\
             n {line} master - 0 0 0 connected\n",
            hosts[1]
        ));
        let topology = view.topology().unwrap();
        let found = topology.slotless().next();
        let found = found.and_then(|index| topology.endpoint(index).cloned());
        assert_eq!(found, expected, "{hosts:?} {line}");
    };
    let n = |host: &str| Some(Endpoint::new(host, 7001));
    let line = "10.0.0.2:7001@17001,n.example";
    check(["10.0.0.1", "a.example"], line, n("10.0.0.2"));
    check(["a.example", "a.example"], line, n("n.example"));
    check(
        ["a.example", "a.example"],
        "10.0.0.2:7001@17001",
        n("10.0.0.2"),
    );
    check(["10.0.0.1", ""], "::1:7001@17001", n("::1"));
    // Servers that do not know by what clients reach them do not know it of this one.
    check(["", "a.example"], line, None);
    check(["elsewhere", "a.example"], line, None);
    check(["10.0.0.1", ""], ":0@0", None);
    check(["10.0.0.1", ""], ":7001@0", None);
    // Two names in one place are one node.
    check(["10.0.0.1", ""], "10.0.0.1:7000@17000", None);
}
