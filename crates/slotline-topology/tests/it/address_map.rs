use slotline_topology::{AddressMap, Endpoint, Redirect, Slot, View};

use crate::encode::{node, range, reply};

fn endpoint(text: &str) -> Endpoint {
    Endpoint::parse(text).unwrap()
}

fn map() -> AddressMap {
    AddressMap::from_iter([
        (endpoint("10.0.0.1:6379"), endpoint("nat.example:7001")),
        (endpoint("10.0.0.2:6379"), endpoint("nat.example:7002")),
        // A node that tells no host is told by that it was reached at.
        (endpoint("nat.example:6379"), endpoint("nat.example:7003")),
    ])
}

#[test]
fn views_and_redirects_are_translated_alike() {
    let asked = endpoint("nat.example:7001");
    let told = reply(&[
        range(
            0,
            9,
            &[node("10.0.0.1", 6379, "a"), node("10.0.0.9", 6379, "r")],
        ),
        range(10, 19, &[node("10.0.0.2", 6379, "b")]),
        range(20, 29, &[node("", 6379, "c")]),
    ]);
    let view = View::from_slots(&told, &asked).unwrap().mapped(&map());
    assert_eq!(view.asked(), &asked);
    let topology = view.topology().unwrap();
    let owner = |slot| {
        let owner = topology.primary_of(Slot::new(slot).unwrap()).unwrap();
        topology.endpoint(owner).unwrap().to_string()
    };
    assert_eq!(
        [owner(0), owner(10), owner(20)],
        ["nat.example:7001", "nat.example:7002", "nat.example:7003"]
    );
    // What the map does not know stays.
    assert!(topology.find(&endpoint("10.0.0.9:6379")).is_some());
    for (line, to) in [
        ("MOVED 10 10.0.0.2:6379", Some("nat.example:7002")),
        ("ASK 10 10.0.0.2:6379", Some("nat.example:7002")),
        ("MOVED 10 :6379", Some("nat.example:7003")),
        ("MOVED 10 10.0.0.9:6379", Some("10.0.0.9:6379")),
        ("MOVED 10 ?:6379", None),
    ] {
        let redirect = Redirect::parse(line, &asked).unwrap().mapped(&map());
        assert_eq!(redirect.endpoint, to.map(endpoint), "{line}");
    }
}

#[test]
fn the_map_that_is_none_translates_nothing() {
    let told = endpoint("10.0.0.1:6379");
    assert_eq!(AddressMap::default().translate(&told), told);
    assert_eq!(
        format!("{:?}", AddressMap::default()),
        "AddressMap { translates: false }"
    );
}
