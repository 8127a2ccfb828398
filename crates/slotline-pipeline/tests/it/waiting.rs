//! What is temporary is waited out, but never beyond the deadline.

use std::time::Duration;

use slotline_pipeline::ReadFrom;
use tokio::time::Instant;

use crate::rig::{PATIENCE, Rig};

const TEMPORARY: [&str; 5] = [
    "CLUSTERDOWN The cluster is down",
    "LOADING Redis is loading the dataset in memory",
    "MASTERDOWN Link with MASTER is down",
    "READONLY You can't write against a read only replica.",
    "TRYAGAIN Multiple keys request during rehashing of slot",
];

#[tokio::test(start_paused = true)]
async fn what_is_temporary_goes_again_and_is_counted_once() {
    for line in TEMPORARY {
        let rig = Rig::new(2, 0);
        let other = rig.fake.key(7001, 0);
        rig.fake.refuse(7000, "INCR", line, 5);
        let outcomes = rig.send(&["INCR k", &format!("INCR {other}")]).await;
        assert_eq!(outcomes, ["1", "1"]);
        assert_eq!(
            rig.fake.answered(&format!("-{line}")),
            5,
            "the fault took place"
        );
        assert_eq!(rig.fake.ran("INCR"), 2);
        assert_eq!(rig.fake.log().len(), 7, "the neighbour went once");
    }
}

#[tokio::test(start_paused = true)]
async fn what_stays_temporary_surfaces_by_the_deadline_with_its_own_code() {
    for line in TEMPORARY {
        let rig = Rig::new(2, 0);
        rig.fake.refuse(7000, "INCR", line, usize::MAX);
        let began = Instant::now();
        let outcomes = rig.send(&["INCR k", "PING"]).await;
        assert_eq!(outcomes, [format!("-{line}"), "PONG".to_owned()]);
        let took = began.elapsed();
        // Timers count in milliseconds.
        assert!(
            took <= PATIENCE + Duration::from_millis(1),
            "{line}: {took:?}"
        );
        assert!(
            took >= PATIENCE - Duration::from_millis(200),
            "{line}: {took:?}"
        );
        let asked = rig.fake.answered(&format!("-{line}"));
        assert!((10..500).contains(&asked), "{line}: {asked} times");
    }
}

#[tokio::test(start_paused = true)]
async fn a_slot_without_an_owner_is_waited_for_until_the_deadline() {
    let rig = Rig::new(2, 0);
    rig.fake.take_slot("k");
    let began = Instant::now();
    let outcomes = rig.send(&["INCR k"]).await;
    assert_eq!(outcomes, ["-CLUSTERDOWN Hash slot not served"]);
    assert!(began.elapsed() <= PATIENCE + Duration::from_millis(1));
}

#[tokio::test(start_paused = true)]
async fn a_replica_that_cannot_serve_yields_to_the_primary() {
    for line in [
        "LOADING Redis is loading",
        "MASTERDOWN Link with MASTER is down",
    ] {
        let rig = Rig::new(2, 1).read_from(ReadFrom::PreferReplica);
        rig.fake.put("k", "v");
        rig.fake.refuse(7100, "GET", line, usize::MAX);
        assert_eq!(rig.send(&["GET k"]).await, ["v"]);
        assert_eq!(rig.fake.lines(), ["7100r GET k", "7000 GET k"]);
    }
}

#[tokio::test(start_paused = true)]
async fn with_replicas_only_another_replica_is_tried() {
    let rig = Rig::new(1, 2).read_from(ReadFrom::ReplicaOnly);
    rig.fake.put("k", "v");
    rig.fake
        .refuse(7100, "GET", "LOADING Redis is loading", usize::MAX);
    for _ in 0..4 {
        assert_eq!(rig.send(&["GET k"]).await, ["v"]);
    }
    assert!(rig.fake.answered("-LOADING") > 0, "the fault took place");
    assert!(
        rig.fake
            .lines()
            .iter()
            .all(|line| !line.starts_with("7000"))
    );
}
