use proptest::prelude::*;
use slotline_resp::Reply;
use slotline_topology::{Health, PortKind, Topology, View};

use crate::encode::{node, range, reply, text};
use crate::shown::{asked, shown};

/// A map in the second version of the protocol, or in the third.
fn map(version: u8, pairs: &[(&str, String)]) -> String {
    let pairs_of = |pairs: &[(&str, String)]| -> String {
        pairs.iter().map(|(key, value)| text(key) + value).collect()
    };
    match version {
        2 => format!("*{}\r\n{}", 2 * pairs.len(), pairs_of(pairs)),
        _ => format!("%{}\r\n{}", pairs.len(), pairs_of(pairs)),
    }
}

fn list(parts: &[String]) -> String {
    format!("*{}\r\n{}", parts.len(), parts.concat())
}

fn number(number: u64) -> String {
    format!(":{number}\r\n")
}

/// A node that is well, with whatever is given in place of what it would have.
fn member(version: u8, id: &str, role: &str, other: &[(&'static str, String)]) -> String {
    let mut pairs = vec![
        ("id", text(id)),
        ("port", number(7000)),
        ("ip", text(&format!("10.0.0.{id}"))),
        ("endpoint", text(&format!("10.0.0.{id}"))),
        ("role", text(role)),
        ("replication-offset", number(72156)),
        ("health", text("online")),
    ];
    for (name, value) in other {
        pairs.retain(|(known, _)| known != name);
        pairs.push((name, value.clone()));
    }
    map(version, &pairs)
}

fn shard(version: u8, slots: &[u64], nodes: &[String]) -> String {
    let slots: Vec<String> = slots.iter().map(|slot| number(*slot)).collect();
    map(version, &[("slots", list(&slots)), ("nodes", list(nodes))])
}

fn shards(parts: &[String]) -> Reply {
    Reply::from_frame(list(parts).into()).unwrap()
}

fn read(parts: &[String]) -> Topology {
    let view = View::from_shards(&shards(parts), &asked(), PortKind::Plain).unwrap();
    view.topology().unwrap()
}

#[test]
fn primaries_replicas_and_what_is_told_of_them() {
    for version in [2, 3] {
        let details = [
            ("tls-port", number(7100)),
            ("hostname", text("one.example")),
            ("availability-zone", text("zone-a")),
        ];
        let topology = read(&[
            shard(
                version,
                &[0, 99, 200, 200],
                &[
                    member(version, "2", "replica", &[("health", text("loading"))]),
                    member(
                        version,
                        "3",
                        "replica",
                        &[("replication-offset", number(5))],
                    ),
                    member(version, "1", "master", &details),
                    member(version, "4", "replica", &[("health", text("fail"))]),
                ],
            ),
            shard(version, &[100, 199], &[member(version, "5", "master", &[])]),
        ]);
        assert_eq!(topology.covered(), 201);
        assert_eq!(shown(&topology, 200), ["10.0.0.1:7000", "10.0.0.3:7000"]);
        assert_eq!(shown(&topology, 150), ["10.0.0.5:7000"]);
        assert_eq!(topology.nodes().len(), 3);
        assert_eq!(topology.shards().count(), 2);
        let one = topology.node(topology.find_id("1").unwrap()).unwrap();
        assert_eq!((one.port(), one.tls_port()), (Some(7000), Some(7100)));
        assert_eq!(
            (one.ip(), one.hostname()),
            (Some("10.0.0.1"), Some("one.example"))
        );
        assert_eq!((one.zone(), one.health()), (Some("zone-a"), Health::Online));
        let three = topology.node(topology.find_id("3").unwrap()).unwrap();
        assert_eq!(
            (three.offset(), three.tls_port(), three.zone()),
            (Some(5), None, None)
        );
    }
}

#[test]
fn hosts_follow_the_rules_of_the_specification() {
    for (told, expected) in [
        (vec![("endpoint", text(""))], Some("10.0.0.1:7000")),
        (vec![("endpoint", "$-1\r\n".into())], Some("10.0.0.1:7000")),
        (vec![("endpoint", "_\r\n".into())], Some("10.0.0.1:7000")),
        (vec![("endpoint", text("?"))], Some("10.0.0.9:7000")),
        (vec![("endpoint", text("?")), ("ip", text(""))], None),
        (
            vec![
                ("endpoint", text("?")),
                ("ip", text("")),
                ("hostname", text("h.example")),
            ],
            Some("h.example:7000"),
        ),
        (
            vec![("endpoint", text("h.example"))],
            Some("h.example:7000"),
        ),
        (vec![("endpoint", text("::1"))], Some("[::1]:7000")),
        (vec![("endpoint", text("h h"))], None),
        (vec![("endpoint", ":5\r\n".into())], Some("10.0.0.9:7000")),
        (vec![("port", number(0))], None),
        (vec![("port", text("70000"))], None),
    ] {
        for version in [2, 3] {
            let member = member(version, "9", "master", &told);
            let reply = shards(&[shard(version, &[0, 9], &[member])]);
            let view = View::from_shards(&reply, &asked(), PortKind::Plain).unwrap();
            match expected {
                Some(expected) => assert_eq!(shown(&view.topology().unwrap(), 0), [expected]),
                None => assert!(view.topology().unwrap_err().is_empty(), "{told:?}"),
            }
        }
    }
}

/// A server that speaks TLS only tells no other port; one that speaks both tells
/// both.
#[test]
fn the_port_is_the_one_for_the_connection() {
    let both = member(2, "1", "master", &[("tls-port", number(7100))]);
    let plain = member(2, "2", "replica", &[]);
    let tls_only = {
        let member = member(2, "3", "replica", &[("tls-port", number(7300))]);
        member.replace("$4\r\nport\r\n:7000\r\n", "$4\r\nnone\r\n:1\r\n")
    };
    let reply = shards(&[shard(2, &[0, 9], &[both, plain, tls_only])]);
    let view = |port| View::from_shards(&reply, &asked(), port).unwrap();
    let shown = |port| shown(&view(port).topology().unwrap(), 0);
    assert_eq!(shown(PortKind::Plain), ["10.0.0.1:7000", "10.0.0.2:7000"]);
    assert_eq!(shown(PortKind::Tls), ["10.0.0.1:7100", "10.0.0.3:7300"]);
}

#[test]
fn what_is_bad_is_passed_over_and_the_rest_used() {
    let good = shard(3, &[0, 9], &[member(3, "1", "master", &[])]);
    let one = || member(3, "1", "master", &[]);
    let topology = read(&[
        number(7),
        list(&[]),
        "$-1\r\n".into(),
        "-ERR odd\r\n".into(),
        map(3, &[("slots", text("all")), ("nodes", list(&[one()]))]),
        map(
            3,
            &[
                ("slots", list(&[number(20), number(29)])),
                ("nodes", number(1)),
            ],
        ),
        map(3, &[("slots", list(&[number(20), number(29)]))]),
        // No primary; no slots, as some servers say after a failover.
        shard(3, &[30, 39], &[member(3, "2", "replica", &[])]),
        shard(3, &[], &[member(3, "2", "master", &[])]),
        // Half a range, a range backwards, one that ends nowhere.
        shard(3, &[40], &[one()]),
        shard(3, &[59, 50], &[one()]),
        shard(3, &[16383, 16384], &[one()]),
        shard(3, &[60, 99_999], &[one()]),
        map(
            3,
            &[
                ("what is new", map(2, &[("a", number(1))])),
                (
                    "slots",
                    list(&[text("70"), number(79), text("x"), number(89)]),
                ),
                ("nodes", list(&[number(1), one(), text("node")])),
            ],
        ),
        good.clone(),
        good,
    ]);
    assert_eq!(topology.covered(), 20);
    assert_eq!(shown(&topology, 0), ["10.0.0.1:7000"]);
    assert_eq!(shown(&topology, 79), ["10.0.0.1:7000"]);
}

/// As a shard is told of shortly after a failover.
#[test]
fn of_two_primaries_the_one_that_has_not_failed_owns_the_slots() {
    let failed = [("health", text("fail"))];
    let old = || member(2, "1", "master", &failed);
    let new = || member(2, "2", "master", &[]);
    for nodes in [[old(), new()], [new(), old()]] {
        assert_eq!(
            shown(&read(&[shard(2, &[0, 9], &nodes)]), 0),
            ["10.0.0.2:7000"]
        );
    }
    // It still owns them while nobody else does.
    assert_eq!(
        shown(&read(&[shard(2, &[0, 9], &[old()])]), 0),
        ["10.0.0.1:7000"]
    );
}

#[test]
fn details_join_the_nodes_that_a_view_has() {
    let slots = reply(&[range(
        0,
        9,
        &[node("10.0.0.1", 7000, "1"), node("10.0.0.2", 7000, "2")],
    )]);
    let mut view = View::from_slots(&slots, &asked()).unwrap();
    let told = [
        ("availability-zone", text("b")),
        ("health", text("loading")),
    ];
    let reply = shards(&[shard(
        3,
        &[100, 200],
        &[
            member(3, "2", "replica", &told),
            member(3, "3", "master", &[]),
        ],
    )]);
    view.add_shards(&reply).unwrap();
    let topology = view.topology().unwrap();
    // Neither slots nor nodes are added.
    assert_eq!((topology.covered(), topology.nodes().len()), (10, 2));
    let about = |id: &str| {
        topology
            .node(topology.find_id(id).unwrap())
            .unwrap()
            .clone()
    };
    assert_eq!(
        (about("2").zone(), about("2").health()),
        (Some("b"), Health::Loading)
    );
    assert_eq!(
        (about("1").zone(), about("1").health()),
        (None, Health::Unknown)
    );
    let error = Reply::from_frame("-ERR unknown subcommand\r\n".into()).unwrap();
    assert_eq!(view.add_shards(&error).unwrap_err().code(), Some("ERR"));
    let error = View::from_shards(&error, &asked(), PortKind::Plain).unwrap_err();
    assert_eq!(error.to_string(), "CLUSTER SHARDS cannot be read");
}

/// FAILURES D5: whatever part of a node is missing or of another type.
#[test]
fn any_field_may_be_missing_or_cut_short() {
    let names = [
        "id",
        "port",
        "ip",
        "endpoint",
        "role",
        "replication-offset",
        "health",
    ];
    let odd = [
        "$0\r\n\r\n",
        "$-1\r\n",
        "_\r\n",
        ":-1\r\n",
        "*0\r\n",
        "%0\r\n",
        "-ERR x\r\n",
        "#t\r\n",
    ];
    for name in names {
        for value in odd {
            let bad = member(3, "1", "master", &[(name, value.into())]);
            let good = shard(3, &[10, 19], &[member(3, "2", "master", &[])]);
            let topology = read(&[shard(3, &[0, 9], &[bad]), good]);
            assert_eq!(shown(&topology, 10), ["10.0.0.2:7000"], "{name} {value:?}");
            let owner = shown(&topology, 0);
            let needs = matches!(name, "port" | "role");
            assert_eq!(owner.is_empty(), needs, "{name} {value:?}: {owner:?}");
        }
    }
}

proptest! {
    #[test]
    fn a_garbled_reply_never_panics(at in any::<prop::sample::Index>(), byte in any::<u8>(), len in any::<prop::sample::Index>()) {
        let good = [2, 3].map(|version| {
            let nodes = [member(version, "1", "master", &[]), member(version, "2", "replica", &[])];
            shard(version, &[0, 99, 200, 299], &nodes)
        });
        let mut bytes = list(&good).into_bytes();
        let at = at.index(bytes.len());
        if let Some(place) = bytes.get_mut(at) {
            *place = byte;
        }
        bytes.truncate(len.index(bytes.len() * 4).max(at));
        let reply = Reply::from_scanned(bytes.into());
        if let Ok(view) = View::from_shards(&reply, &asked(), PortKind::Plain) {
            let _ = view.topology();
            prop_assert!(view.covered() <= 16384);
        }
    }
}
