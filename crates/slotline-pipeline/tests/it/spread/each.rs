//! Commands that every shard, or every node, answers for itself (O4, C12).

use slotline_pipeline::ReadFrom;
use slotline_topology::Topology;

use crate::fake::endpoint;
use crate::rig::{Rig, call, outcomes};

async fn filled(primaries: u16, replicas: u16) -> Rig {
    let rig = Rig::new(primaries, replicas);
    rig.send_spread(&["MSET a 1 b 2 c 3 d 4"]).await;
    rig.fake.forget_log();
    rig
}

/// The ports that were asked, sorted.
fn asked(rig: &Rig) -> Vec<u16> {
    let mut ports: Vec<u16> = rig.fake.log().iter().map(|entry| entry.port).collect();
    ports.sort_unstable();
    ports
}

#[tokio::test(start_paused = true)]
async fn every_shard_is_asked_once_and_the_answers_are_one() {
    for (line, expected) in [
        ("DBSIZE", "4"),
        ("KEYS *", "*4 $1 b $1 c $1 a $1 d"),
        ("FLUSHALL", "OK"),
        ("SCRIPT EXISTS x y", "*2 :0 :0"),
        (
            "INFO",
            "%3 $9 node:7000 $9 port:7000 $9 node:7001 $9 port:7001 $9 node:7002 $9 port:7002",
        ),
    ] {
        let rig = filled(3, 1).await;
        assert_eq!(rig.send_spread(&[line]).await, [expected], "{line}");
        assert_eq!(asked(&rig), [7000, 7001, 7002], "{line}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_every_node_keeps_for_itself_is_asked_of_replicas_too() {
    let rig = filled(2, 1).await;
    let lines = ["CONFIG SET maxmemory 0", "SCRIPT LOAD x", "SCRIPT EXISTS x"];
    let outcomes = rig.send_spread(&lines).await;
    assert_eq!(outcomes, ["OK", "its sha", "*1 :1"]);
    let of = |command: &str| -> Vec<String> {
        let mut all = rig.fake.lines();
        all.retain(|line| line.contains(command));
        all.sort_unstable();
        all
    };
    for line in &lines[..2] {
        let expected = ["7000", "7001", "7100r", "7101r"].map(|at| format!("{at} {line}"));
        assert_eq!(of(line), expected);
    }
    assert_eq!(of("EXISTS").len(), 2, "primaries answer for their replicas");
}

/// Fails when one node's error stands for all: most have no script to end.
#[tokio::test(start_paused = true)]
async fn of_what_one_node_can_do_one_success_is_enough() {
    let rig = filled(3, 0).await;
    let none = "-NOTBUSY No scripts in execution right now.";
    assert_eq!(rig.send_spread(&["SCRIPT KILL"]).await, [none]);
    let busy = "UNKILLABLE it has written";
    rig.fake.refuse(7001, "SCRIPT KILL", busy, 1);
    assert_eq!(
        rig.send_spread(&["SCRIPT KILL"]).await,
        [format!("-{busy}")]
    );
    rig.fake.answer_with(7002, "SCRIPT KILL", "+OK\r\n", 1);
    assert_eq!(rig.send_spread(&["SCRIPT KILL"]).await, ["OK"]);
}

#[tokio::test(start_paused = true)]
async fn any_key_is_one_of_any_node_that_has_keys() {
    let rig = Rig::new(3, 0);
    assert_eq!(rig.send_spread(&["RANDOMKEY"]).await, ["nil"]);
    rig.send_spread(&["SET a 1"]).await;
    assert_eq!(rig.send_spread(&["RANDOMKEY"]).await, ["a"]);
    // Whoever has none, or is away, does not matter while another has some.
    rig.fake.refuse(7000, "RANDOMKEY", "ERR no", 1);
    assert_eq!(rig.send_spread(&["RANDOMKEY"]).await, ["a"]);
}

/// Fails when a part is tied to the node that its shard had when it was made.
#[tokio::test(start_paused = true)]
async fn a_failover_in_between_is_followed_and_nobody_is_asked_twice() {
    let rig = filled(3, 1).await;
    // Only the topology that the parts were made of still has 7001 for a primary.
    rig.fake.set_away(7001, true);
    let sending = tokio::spawn({
        let (spread, request) = (rig.spread(), rig.request(&["DBSIZE", "INFO"]));
        async move { outcomes(&call(spread, request).await.unwrap()) }
    });
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    rig.fake.put_at(7101, "c", "3");
    rig.fake.fail_over(7101);
    rig.cluster.set_topology(rig.fake.topology());
    slotline_pipeline::Nodes::give_back(&rig.fake, &endpoint(7001));
    let outcomes = sending.await.unwrap();
    assert_eq!(outcomes[0], "4");
    assert!(
        outcomes[1].contains("node:7101 $9 port:7101"),
        "{outcomes:?}"
    );
    assert!(!outcomes[1].contains("node:7001"), "{outcomes:?}");
    assert_eq!(rig.fake.ran("DBSIZE"), 3);
}

/// Fails when a part goes by a slot of its shard alone: both would go to 7000.
#[tokio::test(start_paused = true)]
async fn a_shard_is_not_lost_with_the_slot_that_it_was_known_by() {
    let rig = filled(2, 0).await;
    rig.fake.refuse(7001, "DBSIZE", "LOADING for a moment", 1);
    let sending = tokio::spawn({
        let (spread, request) = (rig.spread(), rig.request(&["DBSIZE"]));
        async move { outcomes(&call(spread, request).await.unwrap()) }
    });
    tokio::task::yield_now().await;
    let first = slotline_topology::Slot::new(8192).unwrap();
    assert_eq!(
        rig.cluster.snapshot().topology().primary_of(first),
        rig.cluster.snapshot().topology().find(&endpoint(7001))
    );
    rig.cluster.moved(first, &endpoint(7000));
    assert_eq!(sending.await.unwrap(), ["4"]);
    assert_eq!(rig.fake.ran("DBSIZE"), 2);
    assert_eq!(asked(&rig), [7000, 7001, 7001]);
}

#[tokio::test(start_paused = true)]
async fn what_only_reads_may_be_asked_of_replicas() {
    let rig = filled(2, 1).await.read_from(ReadFrom::PreferReplica);
    rig.send_spread(&["DBSIZE"]).await;
    assert_eq!(asked(&rig), [7100, 7101]);
    rig.fake.forget_log();
    // What is written in the same go may be what is counted.
    assert_eq!(rig.send_spread(&["SET a 1", "DBSIZE"]).await, ["OK", "4"]);
    assert!(asked(&rig).iter().all(|port| *port < 7100));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_no_cluster_is_asked_as_it_is() {
    let rig = Rig::new(1, 0);
    rig.cluster.set_topology(Topology::single(endpoint(7000)));
    let lines = [
        "MSET a 1 b 2",
        "DBSIZE",
        "INFO",
        "MGET b a",
        "SCRIPT LOAD x",
    ];
    let outcomes = rig.send_spread(&lines).await;
    assert_eq!(
        outcomes,
        ["OK", "2", "port:7000", "*2 $1 2 $1 1", "its sha"]
    );
    let sent = rig.fake.lines();
    assert_eq!(sent, lines.map(|line| format!("7000 {line}")));
}
