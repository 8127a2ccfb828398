//! Commands without a key, or with keys of several slots (O4).

use slotline_pipeline::{Cluster, ReadFrom, RedirectLayer, RetryLayer, RouteLayer};
use slotline_topology::Topology;
use tower::ServiceBuilder;

use crate::fake::{Cut, Fake, endpoint};
use crate::rig::{Rig, call, outcomes, request};

#[tokio::test(start_paused = true)]
async fn a_keyless_command_goes_to_a_primary_and_they_take_turns() {
    let rig = Rig::new(3, 1).read_from(ReadFrom::PreferReplica);
    for _ in 0..3 {
        assert_eq!(rig.send(&["PING", "PUBLISH c m"]).await, ["PONG", "0"]);
    }
    let log = rig.fake.log();
    let mut ports: Vec<u16> = log.iter().map(|entry| entry.port).collect();
    ports.sort_unstable();
    assert_eq!(ports, [7000, 7000, 7001, 7001, 7002, 7002]);
}

#[tokio::test(start_paused = true)]
async fn a_dead_primary_does_not_hold_up_what_any_primary_can_answer() {
    let rig = Rig::new(3, 0);
    rig.fake.set_away(7001, true);
    let began = tokio::time::Instant::now();
    for _ in 0..3 {
        assert_eq!(rig.send(&["PING"]).await, ["PONG"]);
    }
    assert!(began.elapsed() < std::time::Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn what_a_cluster_answers_only_in_part_is_refused_unsent() {
    let rig = Rig::new(3, 0);
    for line in [
        "FLUSHALL",
        "DBSIZE",
        "KEYS *",
        "RANDOMKEY",
        "SCRIPT LOAD x",
        "SCAN 0",
        "NO.SUCH.COMMAND k",
    ] {
        let outcomes = rig.send(&["PING", line, "PING"]).await;
        assert_eq!(outcomes, ["PONG", "!not sent cluster", "PONG"], "{line}");
    }
    assert!(rig.fake.lines().iter().all(|line| line.ends_with("PING")));
}

#[tokio::test(start_paused = true)]
async fn keys_of_several_slots_are_refused_unsent() {
    let rig = Rig::new(3, 0);
    let outcomes = rig
        .send(&[
            "SET a 1",
            "MGET a b",
            "MSET a 1 b 2",
            "MSETNX a 1 b 2",
            "GET a",
        ])
        .await;
    let refused = "!not sent cluster";
    assert_eq!(outcomes, ["OK", refused, refused, refused, "1"]);
    assert_eq!(rig.fake.log().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_no_cluster_answers_everything_also_the_second_time() {
    let fake = Fake::new(1, 0);
    let cluster = Cluster::new(Topology::single(endpoint(7000)));
    let stack = ServiceBuilder::new()
        .layer(RetryLayer::default())
        .layer(RedirectLayer::new(cluster.clone()))
        .layer(RouteLayer::new(cluster))
        .service(fake.clone());
    let nothing_sent = Cut {
        runs: 0,
        answers: 0,
        first_unsent: 0,
    };
    fake.cut(7000, nothing_sent);
    fake.refuse(7000, "MGET", "LOADING for a moment", 1);
    let response = call(stack, request(&["MGET a b", "DBSIZE"])).await.unwrap();
    assert_eq!(outcomes(&response), ["*2 $-1 $-1", "0"]);
    assert_eq!(fake.answered("-LOADING"), 1, "the fault took place");
}
