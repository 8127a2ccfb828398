use std::time::{Duration, Instant};

use proptest::prelude::*;
use slotline_resp::Reply;
use slotline_topology::{Role, Topology, View, merge};

use crate::encode::{node, range, reply, text};
use crate::shown::{asked, shown};

fn read(ranges: &[String]) -> Topology {
    let view = View::from_slots(&reply(ranges), &asked()).unwrap();
    view.topology().unwrap()
}

#[test]
fn the_first_node_of_a_range_is_its_primary() {
    let topology = read(&[
        range(
            0,
            5460,
            &[node("10.0.0.1", 7000, "a"), node("10.0.0.4", 7000, "d")],
        ),
        range(5461, 10922, &[node("10.0.0.2", 7000, "b")]),
        range(
            10923,
            16382,
            &[
                node("10.0.0.3", 7000, "c"),
                node("10.0.0.5", 7000, "e"),
                node("10.0.0.6", 7000, "f"),
            ],
        ),
    ]);
    assert_eq!(topology.covered(), 16383);
    assert_eq!(shown(&topology, 0), ["10.0.0.1:7000", "10.0.0.4:7000"]);
    assert_eq!(shown(&topology, 5461), ["10.0.0.2:7000"]);
    assert_eq!(shown(&topology, 16382).len(), 3);
    assert!(shown(&topology, 16383).is_empty());
    assert_eq!(topology.primaries().count(), 3);
    assert_eq!(topology.replicas().count(), 3);
    let first = topology.find(&asked()).unwrap();
    let first_node = topology.node(first).unwrap();
    assert_eq!(
        (first_node.id(), first_node.role()),
        (Some("a"), Role::Primary)
    );
    assert_eq!(topology.slots_of(first), [0..=5460]);
    assert_eq!(topology.find_id("a"), Some(first));
}

#[test]
fn endpoints_follow_the_rules_of_the_specification() {
    let metadata2 = |key: &str, value: &str| format!("*2\r\n{}{}", text(key), text(value));
    let metadata3 = |key: &str, value: &str| format!("%1\r\n{}{}", text(key), text(value));
    let full =
        |host: &str, metadata: &str| format!("*4\r\n{host}:7001\r\n{}{metadata}", text("id"));
    let empty = "*0\r\n";
    for (node, expected) in [
        (full(&text("10.0.0.2"), empty), Some("10.0.0.2:7001")),
        (full(&text(""), empty), Some("10.0.0.1:7001")),
        (full("$-1\r\n", empty), Some("10.0.0.1:7001")),
        (full("_\r\n", empty), Some("10.0.0.1:7001")),
        (full(&text("?"), empty), None),
        (
            full(&text("?"), &metadata2("ip", "10.0.0.3")),
            Some("10.0.0.3:7001"),
        ),
        (
            full(&text("?"), &metadata3("ip", "10.0.0.3")),
            Some("10.0.0.3:7001"),
        ),
        (
            full(&text("?"), &metadata3("hostname", "c.example")),
            Some("c.example:7001"),
        ),
        (full(&text("?"), &metadata3("hostname", "")), None),
        (
            full(&text("c.example"), &metadata2("ip", "10.0.0.3")),
            Some("c.example:7001"),
        ),
        (full(&text("::1"), empty), Some("[::1]:7001")),
        (full(&text("[::1]"), empty), Some("[::1]:7001")),
        // Before version 4 there were no ids, before 7 no metadata.
        (format!("*2\r\n{}:7001\r\n", text("h")), Some("h:7001")),
        // What a later version may add.
        (
            format!(
                "*5\r\n{}:7001\r\n{}%0\r\n*1\r\n:1\r\n",
                text("h"),
                text("id")
            ),
            Some("h:7001"),
        ),
        (
            format!("*4\r\n{}:7001\r\n{}:5\r\n", text("h"), text("id")),
            Some("h:7001"),
        ),
        (format!("*2\r\n{}:0\r\n", text("h")), None),
    ] {
        let view = View::from_slots(
            &reply(&[range(0, 9, std::slice::from_ref(&node))]),
            &asked(),
        )
        .unwrap();
        match expected {
            Some(expected) => assert_eq!(shown(&view.topology().unwrap(), 0), [expected]),
            None => assert!(view.topology().unwrap_err().is_empty(), "{node:?}"),
        }
    }
}

#[test]
fn what_is_bad_is_passed_over_and_the_rest_used() {
    let good = range(
        0,
        9,
        &[node("a", 1, "a"), "*1\r\n:5\r\n".into(), node("b", 1, "b")],
    );
    let topology = read(&[
        ":7\r\n".into(),
        "*0\r\n".into(),
        "*2\r\n:20\r\n:29\r\n".into(),
        range(39, 30, &[node("a", 1, "a")]),
        range(16380, 16384, &[node("a", 1, "a")]),
        "*3\r\n:-1\r\n:9\r\n*0\r\n".into(),
        "-ERR odd\r\n".into(),
        "*3\r\n:50\r\n:59\r\n*0\r\n".into(),
        "$-1\r\n".into(),
        good.clone(),
        good.clone(),
        good,
    ]);
    assert_eq!(topology.covered(), 10);
    assert_eq!(shown(&topology, 0), ["a:1", "b:1"]);
}

#[test]
fn a_slot_named_twice_belongs_to_the_last() {
    let topology = read(&[
        range(0, 9, &[node("a", 1, "a")]),
        range(5, 5, &[node("b", 1, "b")]),
    ]);
    assert_eq!(shown(&topology, 5), ["b:1"]);
    assert_eq!(
        topology.slots_of(topology.find_id("a").unwrap()),
        [0..=4, 6..=9]
    );
}

#[test]
fn an_error_is_told_with_the_servers_own_word() {
    let frame = "-ERR This instance has cluster support disabled\r\n";
    let error = View::from_slots(&Reply::from_frame(frame.into()).unwrap(), &asked()).unwrap_err();
    assert!(error.is_reply());
    assert_eq!(error.code(), Some("ERR"));
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(cause, "ERR This instance has cluster support disabled");
    let error = View::from_slots(&Reply::from_frame("+OK\r\n".into()).unwrap(), &asked());
    assert!(error.unwrap_err().reply().unwrap().is_type_mismatch());
}

#[test]
fn a_thousand_nodes_and_16384_fragments_are_quick() {
    let nodes: Vec<String> = (0..1000)
        .map(|n| {
            node(
                &format!("10.1.{}.{}", n / 250, n % 250),
                7000,
                &format!("{n:040}"),
            )
        })
        .collect();
    let ranges: Vec<String> = (0..16384_u16)
        .map(|slot| {
            let shard = usize::from(slot) % 500;
            let members = [shard, shard + 500].map(|n| nodes.get(n).cloned().unwrap_or_default());
            range(slot, slot, &members)
        })
        .collect();
    let reply = reply(&ranges);
    let lines: String = (0..1000)
        .map(|n| {
            format!(
                "{n:040} 10.1.{}.{}:7000@17000 master - 0 0 {n} connected\n",
                n / 250,
                n % 250
            )
        })
        .collect();
    let begun = Instant::now();
    let mut view = View::from_slots(&reply, &asked()).unwrap();
    view.add_nodes(&lines);
    let topology = merge(&[view.clone(), view.clone(), view], None)
        .unwrap()
        .topology;
    // An unoptimised build needs some 100 ms; comparing each with each, minutes.
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(topology.covered(), 16384);
    assert_eq!(topology.nodes().len(), 1000);
    assert_eq!(topology.primaries().count(), 500);
    assert_eq!(
        shown(&topology, 16383),
        ["10.1.1.133:7000", "10.1.3.133:7000"]
    );
}

proptest! {
    /// FAILURES D5: each byte of a good reply may be another.
    #[test]
    fn a_garbled_reply_never_panics(at in any::<prop::sample::Index>(), byte in any::<u8>(), len in any::<prop::sample::Index>()) {
        let good = reply(&[
            range(0, 99, &[node("10.0.0.1", 7000, "a"), node("", 7001, "b")]),
            range(100, 199, &[node("?", 7000, "c")]),
        ]);
        let mut bytes = good.as_bytes().to_vec();
        let at = at.index(bytes.len());
        if let Some(place) = bytes.get_mut(at) {
            *place = byte;
        }
        bytes.truncate(len.index(bytes.len() * 4).max(at));
        if let Ok(view) = View::from_slots(&Reply::from_scanned(bytes.into()), &asked()) {
            let _ = view.topology();
            prop_assert!(view.covered() <= 16384);
        }
    }
}
