use slotline_topology::{Endpoint, Role, Slot, Topology};

fn endpoint(name: &str) -> Endpoint {
    Endpoint::new(name, 7000)
}

fn slot(number: u16) -> Slot {
    Slot::new(number).unwrap()
}

fn two_shards() -> Topology {
    Topology::builder()
        .shard([0..=8191], endpoint("a"), [endpoint("r"), endpoint("s")])
        .shard([8192..=16383], endpoint("b"), [endpoint("t")])
        .build()
}

#[test]
fn a_standalone_server_owns_every_slot() {
    let topology = Topology::single(endpoint("a"));
    assert!(topology.is_single_node());
    assert_eq!(topology.covered(), 16384);
    assert!(Slot::all().all(|slot| topology.primary_of(slot) == topology.find(&endpoint("a"))));
    assert!(!two_shards().is_single_node());
}

#[test]
fn a_moved_to_the_known_owner_changes_nothing() {
    let before = two_shards();
    let after = before.patched(slot(5), &endpoint("a"));
    assert_eq!(after.replicas_of(slot(5)).len(), 2);
    assert_eq!(after, before);
}

#[test]
fn a_moved_slot_joins_its_new_owners_shard() {
    let before = two_shards();
    let after = before.patched(slot(5), &endpoint("b"));
    assert_eq!(after.primary_of(slot(5)), after.find(&endpoint("b")));
    assert_eq!(
        after.replicas_of(slot(5)),
        [after.find(&endpoint("t")).unwrap()]
    );
    // Its neighbours, and the topology from before, stay as they were.
    assert_eq!(after.primary_of(slot(6)), after.find(&endpoint("a")));
    assert_eq!(before, two_shards());
    assert_ne!(before, after);
    assert_eq!(
        after.slots_of(after.find(&endpoint("a")).unwrap()),
        [0..=4, 6..=8191]
    );
}

#[test]
fn a_moved_to_a_replica_makes_it_a_primary() {
    let after = two_shards().patched_all([(slot(5), &endpoint("r")), (slot(6), &endpoint("r"))]);
    let promoted = after.find(&endpoint("r")).unwrap();
    assert_eq!(after.primary_of(slot(5)), Some(promoted));
    assert_eq!(after.shard_of(slot(5)), after.shard_of(slot(6)));
    assert_eq!(after.node(promoted).unwrap().role(), Role::Primary);
    assert_eq!(after.nodes().len(), two_shards().nodes().len());
}

#[test]
fn a_moved_to_an_unknown_node_adds_it() {
    let after = two_shards().patched(slot(5), &endpoint("new"));
    assert_eq!(after.primary_of(slot(5)), after.find(&endpoint("new")));
    assert_eq!(after.nodes().len(), 6);
    assert_eq!(after.covered(), 16384);
}

#[test]
fn a_moved_may_name_a_slot_that_had_no_owner() {
    let before = Topology::builder()
        .shard([0..=9], endpoint("a"), [])
        .build();
    assert_eq!((before.covered(), before.shard_of(slot(10))), (10, None));
    let after = before.patched(slot(10), &endpoint("a"));
    assert_eq!(after.covered(), 11);
    assert_eq!(after.shard_of(slot(10)), after.shard_of(slot(0)));
}

#[test]
fn more_moves_than_there_are_indexes_are_survived() {
    let names: Vec<Endpoint> = (0..66_000).map(|n| endpoint(&n.to_string())).collect();
    let after = two_shards().patched_all(names.iter().map(|name| (slot(5), name)));
    assert!(after.nodes().len() < 65_536);
    assert!(after.primary_of(slot(5)).is_some());
}

#[test]
fn equality_is_by_endpoints_not_by_numbers() {
    let same = Topology::builder()
        .shard([8192..=16383], endpoint("b"), [endpoint("t")])
        .shard([0..=8191], endpoint("a"), [endpoint("s"), endpoint("r")])
        .build();
    assert_eq!(same, two_shards());
    let fewer = Topology::builder()
        .shard([8192..=16383], endpoint("b"), [endpoint("t")])
        .shard([0..=8191], endpoint("a"), [endpoint("s")])
        .build();
    assert!(!fewer.agrees_with(&two_shards()));
}

#[test]
fn odd_ranges_are_cut_to_slots() {
    #[expect(clippy::reversed_empty_ranges, reason = "that is what is tested")]
    let topology = Topology::builder()
        .shard([16380..=u16::MAX, 9..=5], endpoint("a"), [endpoint("a")])
        .build();
    assert_eq!(topology.covered(), 4);
    assert!(topology.replicas_of(slot(16383)).is_empty());
}
