//! MOVED: who goes again, and what becomes of the map.

use std::time::Duration;

use slotline_pipeline::{ReadFrom, Request};
use slotline_resp::Delivery;
use slotline_topology::slot_of;

use crate::fake::{HostForm, endpoint};
use crate::rig::{PATIENCE, Rig, commands, outcomes};

const ALWAYS: usize = usize::MAX;

fn owner(rig: &Rig, key: &str) -> u16 {
    let snapshot = rig.cluster.snapshot();
    let topology = snapshot.topology();
    let owner = topology.primary_of(slot_of(key)).unwrap();
    topology.endpoint(owner).unwrap().port()
}

#[tokio::test(start_paused = true)]
async fn of_a_hundred_commands_over_three_nodes_only_the_redirected_ones_go_again() {
    let rig = Rig::new(3, 0);
    let keys: Vec<String> = (0..100)
        .map(|n| rig.fake.key(7000 + n % 3, usize::from(n / 3)))
        .collect();
    let moved = [0, 30, 60].map(|n| keys[n].clone());
    for key in &moved {
        rig.fake.move_slot(key, 7002);
    }
    let lines: Vec<String> = (0..100)
        .map(|n| match n % 2 {
            0 => format!("INCR {}", keys[n]),
            _ => format!("SET {} v{n}", keys[n]),
        })
        .collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let outcomes = rig.send(&lines).await;

    assert_eq!(rig.fake.answered("-MOVED"), 3, "the fault took place");
    for (n, outcome) in outcomes.iter().enumerate() {
        assert_eq!(outcome, if n % 2 == 0 { "1" } else { "OK" }, "command {n}");
    }
    assert_eq!(rig.fake.log().len(), 103, "97 went once, three twice");
    assert_eq!(rig.fake.ran("INCR") + rig.fake.ran("SET"), 100);
    for key in &moved {
        assert_eq!(rig.fake.value(7002, key).as_deref(), Some("1"));
        assert_eq!(owner(&rig, key), 7002);
    }
}

#[tokio::test(start_paused = true)]
async fn a_moved_patches_its_slot_so_that_the_next_request_goes_straight() {
    let rig = Rig::new(2, 0);
    let (key, neighbour) = (rig.fake.key(7000, 0), rig.fake.key(7000, 1));
    rig.fake.move_slot(&key, 7001);
    let incr = format!("INCR {key}");
    assert_eq!(rig.send(&[&incr]).await, ["1"]);
    assert_eq!(rig.fake.answered("-MOVED"), 1, "the fault took place");
    rig.fake.forget_log();
    assert_eq!(rig.send(&[&incr]).await, ["2"]);
    assert_eq!(rig.fake.lines(), [format!("7001 {incr}")]);
    assert_eq!(owner(&rig, &neighbour), 7000);
}

#[tokio::test(start_paused = true)]
async fn a_moved_to_an_unknown_node_is_followed() {
    let rig = Rig::new(2, 0);
    let key = rig.fake.key(7000, 0);
    rig.fake.add_node(7999);
    rig.fake.move_slot(&key, 7999);
    assert_eq!(rig.send(&[&format!("INCR {key}")]).await, ["1"]);
    assert_eq!(rig.fake.answered("-MOVED"), 1, "the fault took place");
    assert_eq!(owner(&rig, &key), 7999);
}

#[tokio::test(start_paused = true)]
async fn a_moved_without_a_host_means_the_host_that_was_asked() {
    let rig = Rig::new(2, 0);
    let key = rig.fake.key(7000, 0);
    rig.fake.set_host_form(7000, HostForm::Empty);
    rig.fake.move_slot(&key, 7001);
    assert_eq!(rig.send(&[&format!("INCR {key}")]).await, ["1"]);
    let moved = format!("-MOVED {} :7001", slot_of(&key));
    assert_eq!(rig.fake.answered(&moved), 1, "the fault took place");
}

#[tokio::test(start_paused = true)]
async fn a_moved_to_a_host_that_nobody_knows_waits_for_the_map() {
    let rig = Rig::new(2, 0);
    let key = rig.fake.key(7000, 0);
    rig.fake.set_host_form(7000, HostForm::Unknown);
    rig.fake.move_slot(&key, 7001);
    let (cluster, slot) = (rig.cluster.clone(), slot_of(&key));
    let refresh = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(1)).await;
        cluster.moved(slot, &endpoint(7001));
    });
    assert_eq!(rig.send(&[&format!("INCR {key}")]).await, ["1"]);
    refresh.await.unwrap();
    let asked = rig.fake.answered("-MOVED");
    assert!(asked > 1, "the fault took place");
    assert!(asked < 100, "it waits between its attempts: {asked}");
}

#[tokio::test(start_paused = true)]
async fn a_moved_that_names_the_known_primary_leaves_its_replicas_alone() {
    let rig = Rig::new(1, 1).read_from(ReadFrom::PreferReplica);
    rig.fake.put("k", "v");
    let before = rig.fake.topology();
    // A connection that lost its READONLY.
    let moved = format!("MOVED {} node:7000", slot_of("k"));
    rig.fake.refuse(7100, "GET", &moved, 1);
    assert_eq!(rig.send(&["GET k"]).await, ["v"]);
    assert_eq!(rig.fake.answered("-MOVED"), 1, "the fault took place");
    assert_eq!(*rig.cluster.snapshot().topology(), before);
    rig.fake.forget_log();
    assert_eq!(rig.send(&["GET k"]).await, ["v"]);
    assert_eq!(rig.fake.lines(), ["7100r GET k"]);
}

#[tokio::test(start_paused = true)]
async fn a_circle_of_redirects_ends_and_surfaces() {
    let rig = Rig::new(2, 0);
    let key = rig.fake.key(7000, 0);
    let slot = slot_of(&key);
    for (port, other) in [(7000, 7001), (7001, 7000)] {
        let moved = format!("MOVED {slot} node:{other}");
        rig.fake.refuse(port, "INCR", &moved, ALWAYS);
    }
    let began = tokio::time::Instant::now();
    let outcome = rig.send(&[&format!("INCR {key}"), "PING"]).await;
    assert!(outcome[0].starts_with("-MOVED"), "{outcome:?}");
    assert_eq!(outcome[1], "PONG");
    assert_eq!(rig.fake.answered("-MOVED"), 17, "sixteen hops");
    assert!(began.elapsed() < PATIENCE);
}

/// Fails when a response that was once spelled out counts as troubled for ever.
#[tokio::test(start_paused = true)]
async fn what_was_redirected_and_then_answered_is_untroubled() {
    let rig = Rig::new(2, 0);
    let key = rig.fake.key(7000, 0);
    rig.fake.move_slot(&key, 7001);
    let answered = rig
        .answer(rig.request(&[&format!("INCR {key}"), "PING"]))
        .await;
    assert_eq!(rig.fake.answered("-MOVED"), 1, "the fault took place");
    assert_eq!(outcomes(&answered), ["1", "PONG"]);
    assert!(answered.is_untroubled());

    rig.fake.refuse(7001, "INCR", "ERR no", 1);
    let refused = rig.answer(rig.request(&[&format!("INCR {key}")])).await;
    assert!(!refused.is_untroubled());
}

/// Fails when the MOVED is the outcome all the same (`late` in `response.rs`).
#[tokio::test(start_paused = true)]
async fn a_redirect_that_no_time_is_left_for_is_a_timeout() {
    let rig = Rig::new(2, 0);
    let key = rig.fake.key(7000, 0);
    for (port, other) in [(7000, 7001), (7001, 7000)] {
        let moved = format!("MOVED {} node:{other}", slot_of(&key));
        rig.fake.refuse(port, "INCR", &moved, ALWAYS);
    }
    let commands = commands(&[&format!("INCR {key}"), "PING"]);
    let patience = Duration::from_millis(20);
    let request = Request::new(commands, tokio::time::Instant::now() + patience);
    let response = rig.answer(request).await;
    let error = response.outcome(0).unwrap_err();
    assert!(error.is_timeout(), "{error}");
    assert_eq!(error.delivery(), Delivery::Rejected);
    assert!(error.to_string().contains("MOVED"), "{error}");
    assert!(response.reply(1).is_some());
    assert!((1..17).contains(&rig.fake.answered("-MOVED")));
}

/// Fails when such a MOVED is followed like any other: nothing is dialled anew, and
/// the redirect goes in a circle without a pause.
#[tokio::test(start_paused = true)]
async fn a_moved_to_the_very_node_that_was_asked_reaches_for_it_anew() {
    let rig = Rig::new(2, 0);
    let key = rig.fake.key(7000, 0);
    let before = rig.fake.topology();
    let moved = format!("MOVED {} node:7000", slot_of(&key));
    rig.fake.refuse(7000, "INCR", &moved, 5);
    let began = tokio::time::Instant::now();
    assert_eq!(rig.send(&[&format!("INCR {key}")]).await, ["1"]);
    assert_eq!(rig.fake.answered("-MOVED"), 5, "the fault took place");
    assert!((1..5).contains(&rig.fake.quarantined(7000)));
    assert!(began.elapsed() > Duration::ZERO, "it waits between");
    assert_eq!(*rig.cluster.snapshot().topology(), before);
    // And ends, if it stays so.
    rig.fake.refuse(7000, "INCR", &moved, ALWAYS);
    let outcome = rig.send(&[&format!("INCR {key}"), "PING"]).await;
    assert_eq!(outcome, [format!("-{moved}"), "PONG".to_owned()]);
    assert_eq!(rig.fake.answered("-MOVED"), 5 + 17, "sixteen hops");
    assert_eq!(rig.fake.ran("INCR"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_redirect_to_nonsense_surfaces_at_once() {
    let rig = Rig::new(2, 0);
    let key = rig.fake.key(7000, 0);
    let slot = slot_of(&key);
    let other = slot_of(rig.fake.key(7000, 1));
    let before = rig.fake.topology();
    for line in [
        format!("MOVED {other} node:7001"),
        format!("ASK {other} node:7001"),
        format!("MOVED {slot} node:0"),
        format!("MOVED {slot} node:70001"),
        format!("MOVED {slot} node"),
        format!("MOVED {slot}"),
        "MOVED 99999 node:7001".to_owned(),
        "MOVED".to_owned(),
    ] {
        rig.fake.forget_log();
        rig.fake.refuse(7000, "GET", &line, 1);
        let outcome = rig.send(&[&format!("GET {key}")]).await;
        assert_eq!(outcome, [format!("-{line}")]);
        assert_eq!(rig.fake.log().len(), 1, "{line}");
    }
    assert_eq!(*rig.cluster.snapshot().topology(), before);
}

/// An answer waits for the slowest part of its batch; meanwhile others may have
/// learned more.
#[tokio::test(start_paused = true)]
async fn a_moved_from_a_node_that_the_map_has_left_behind_does_not_undo_the_map() {
    let rig = Rig::new(3, 0);
    let (key, slow) = (rig.fake.key(7000, 0), rig.fake.key(7001, 0));
    let old = format!("MOVED {} {}", slot_of(&key), endpoint(7001));
    rig.fake.refuse(7000, "INCR", &old, 1);
    rig.fake.set_delay(7001, Duration::from_secs(1));
    let (incr, get) = (format!("INCR {key}"), format!("GET {slow}"));
    let lines = [incr.as_str(), get.as_str()];
    let request = rig.answer(rig.request(&lines));
    let learns = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        rig.fake.move_slot(&key, 7002);
        rig.cluster.moved(slot_of(&key), &endpoint(7002));
    };
    let (response, ()) = tokio::join!(request, learns);
    assert_eq!(outcomes(&response), ["1", "nil"]);
    assert_eq!(rig.fake.answered("-MOVED"), 1, "the fault took place, once");
    assert_eq!(rig.fake.value(7002, &key).as_deref(), Some("1"));
    assert_eq!(owner(&rig, &key), 7002);
}
