//! A connection for reads that has lost its READONLY (S5).

use std::time::Duration;

use slotline_pipeline::{ChunkLayer, Cluster, ReadFrom, RedirectLayer, RouteLayer};
use tower::ServiceBuilder;

use crate::fake::Fake;
use crate::rig::{Rig, call, outcomes, request};

fn rig() -> Rig {
    let rig = Rig::new(1, 1).read_from(ReadFrom::ReplicaOnly);
    for key in ["a", "b", "c"] {
        rig.fake.put(key, "v");
    }
    rig
}

/// Fails when MOVED is always taken for a change of the map (the reads then go to
/// the primary), or when each command replaces the connection.
#[tokio::test(start_paused = true)]
async fn a_connection_that_lost_its_readonly_is_replaced_and_the_map_stays() {
    let rig = rig();
    let before = rig.fake.topology();
    rig.fake.forget_readonly(7100, 1);
    let outcomes = rig.send(&["GET a", "GET b", "GET c"]).await;
    assert_eq!(outcomes, ["v"; 3]);
    assert_eq!(rig.fake.answered("-MOVED"), 3, "the fault took place");
    assert_eq!(rig.fake.quarantined(7100), 1, "once for all three");
    assert_eq!(rig.cluster.statistics().sessions_lost, 1);
    assert_eq!(*rig.cluster.snapshot().topology(), before);
    let again = ["7100r GET a", "7100r GET b", "7100r GET c"];
    assert_eq!(rig.fake.lines()[3..], again);
}

/// Fails when a command may meet a lost session twice (it then goes in a circle).
#[tokio::test(start_paused = true)]
async fn the_second_time_in_a_row_it_is_an_ordinary_moved() {
    let rig = rig();
    rig.fake.forget_readonly(7100, 99);
    assert_eq!(rig.send(&["GET a"]).await, ["v"]);
    let lines = ["7100r GET a", "7100r GET a", "7000 GET a"];
    assert_eq!(rig.fake.lines(), lines);
    // However many reads there are, connections are not made without a pause.
    for _ in 0..20 {
        assert_eq!(rig.send(&["GET a"]).await, ["v"]);
    }
    assert_eq!(rig.fake.quarantined(7100), 1);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(rig.send(&["GET a"]).await, ["v"]);
    assert_eq!(rig.fake.quarantined(7100), 2);
    assert_eq!(rig.cluster.statistics().sessions_lost, 2);
}

#[tokio::test(start_paused = true)]
async fn a_slot_that_has_moved_is_no_lost_session() {
    let rig = Rig::new(2, 1).read_from(ReadFrom::PreferReplica);
    let key = rig.fake.key(7000, 0);
    rig.fake.put(&key, "v");
    rig.fake.move_slot(&key, 7001);
    assert_eq!(rig.send(&[&format!("GET {key}")]).await, ["v"]);
    assert_eq!(rig.fake.answered("-MOVED"), 1, "the fault took place");
    assert_eq!(rig.fake.quarantined(7100), 0);
}

#[tokio::test(start_paused = true)]
async fn without_nodes_to_tell_it_is_followed() {
    let fake = Fake::new(1, 1);
    fake.put("a", "v");
    fake.forget_readonly(7100, 99);
    let cluster = Cluster::new(fake.topology());
    let stack = ServiceBuilder::new()
        .layer(ChunkLayer::new())
        .layer(RedirectLayer::new(cluster.clone()))
        .layer(RouteLayer::new(cluster))
        .service(fake.clone());
    let read = request(&["GET a"]).read_from(ReadFrom::PreferReplica);
    assert_eq!(outcomes(&call(stack, read).await.unwrap()), ["v"]);
    assert_eq!(fake.lines(), ["7100r GET a", "7000 GET a"]);
}
