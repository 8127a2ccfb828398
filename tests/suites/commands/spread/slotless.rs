//! Primaries that have no slots, and their replicas.

use std::time::Duration;

use slotline::{Client, Endpoint, FunctionLibrary, ReadFrom};
use slotline_testkit::{LocalCluster, Node};
use slotline_tests::{calls, join, keys_of_slot, on_own_cluster, reset_counters, until};

use super::say;

const SLOT: u16 = 500;

const LIBRARY: &str =
    "#!lua name=everywhere\nredis.register_function('n', function() return 1 end)";

fn endpoint(node: &Node) -> Endpoint {
    Endpoint::new(node.address().ip().to_string(), node.port())
}

/// The client hears of a change by its next refresh, which a MOVED brings about.
async fn meets_a_moved(client: &Client, cluster: &LocalCluster, slot: u16) {
    let owner = cluster.owner_of(slot).await.expect("an owner");
    let primaries = cluster.primaries().await.expect("primaries");
    // Those without slots come last.
    let other = primaries.iter().find(|node| **node != owner);
    let other = other.expect("another primary");
    let moved = cluster.migrate_slots(slot..=slot, &owner, other);
    moved.await.expect("a migration");
    let key = keys_of_slot("moved", slot, 1).remove(0);
    client.get::<Option<String>>(key).await.expect("GET");
}

async fn libraries(node: &Node) -> String {
    let listed: slotline_testkit::Value = node.ask(&["FUNCTION", "LIST"]).await.expect("LIST");
    format!("{listed:?}")
}

async fn setting(node: &Node) -> String {
    let told: Vec<String> = node
        .ask(&["CONFIG", "GET", "slowlog-max-len"])
        .await
        .expect("CONFIG GET");
    told[1].clone()
}

/// Fails when the map has the nodes of CLUSTER SLOTS only.
#[test]
fn a_primary_without_slots_is_asked_what_all_are_asked_and_nothing_else() {
    on_own_cluster(async |cluster| {
        let client = Client::builder()
            .nodes([cluster.url()])
            .read_from(ReadFrom::PreferReplica)
            .timeout(Duration::from_secs(5))
            .connect()
            .await
            .expect("connecting");
        client.set("a", 1).await.expect("SET");
        let [primary, replica] = join(cluster).await;
        let id: String = primary.ask(&["CLUSTER", "MYID"]).await.expect("an id");
        let copy = ["CLUSTER", "REPLICATE", &id];
        replica.call(&copy).await.expect("REPLICATE");
        let newcomers = [primary.node(), replica.node()];
        until("every node knows whom it copies", async || {
            let mut knowing = 0;
            for node in cluster.nodes() {
                let view: String = node.ask(&["CLUSTER", "NODES"]).await.expect("a view");
                knowing += usize::from(view.contains(&format!("slave {id}")));
            }
            knowing == cluster.nodes().len()
        })
        .await;
        meets_a_moved(&client, cluster, SLOT).await;
        until("the client knows them", async || {
            let topology = client.topology();
            topology.slotless().count() == 2
        })
        .await;
        for node in newcomers {
            reset_counters(std::slice::from_ref(node)).await;
        }

        // Everything that is routed goes past them.
        for n in 0..200 {
            client.ping().await.expect("PING");
            client.set(format!("k:{n}"), n).await.expect("SET");
            let seen: Option<i64> = client.get(format!("k:{n}")).await.expect("GET");
            assert!(seen.is_none_or(|seen| seen == n));
        }
        assert_eq!(
            say::<usize>(&client, &["DBSIZE"]).await.expect("DBSIZE"),
            201
        );
        for node in newcomers {
            for command in ["ping", "set", "get", "dbsize"] {
                assert_eq!(calls(node, command).await, 0, "{command}");
            }
        }

        let library = FunctionLibrary::new(LIBRARY);
        client.load_library(&library).await.expect("loading");
        for node in cluster
            .primaries()
            .await
            .expect("primaries")
            .iter()
            .chain([primary.node()])
        {
            assert!(
                libraries(node).await.contains("everywhere"),
                "{}",
                node.address()
            );
        }
        until("the replica has it from its primary", async || {
            libraries(replica.node()).await.contains("everywhere")
        })
        .await;
        let set = ["CONFIG", "SET", "slowlog-max-len", "77"];
        assert_eq!(say::<String>(&client, &set).await.expect("SET"), "OK");
        for node in cluster.nodes().iter().chain(newcomers) {
            assert_eq!(setting(node).await, "77", "{}", node.address());
        }
        let flushed: String = say(&client, &["FLUSHALL"]).await.expect("FLUSHALL");
        assert_eq!(flushed, "OK");
        assert_eq!(calls(primary.node(), "flushall").await, 1);
        let pongs = client.for_each_node(|node| async move { node.ping().await });
        assert_eq!(pongs.await.expect("pongs").len(), 8);
        let pongs = client.for_each_primary(|node| async move { node.ping().await });
        assert_eq!(pongs.await.expect("pongs").len(), 4);

        // One that has died is named until the cluster has seen it, and others are served.
        let gone = endpoint(primary.node());
        primary.node().kill().expect("killing it");
        let error = say::<String>(&client, &["FLUSHALL"]).await;
        let error = error.expect_err("one has not flushed");
        assert_eq!(error.node(), Some(&gone), "{error}");
        assert!(error.is_partly_done(), "{error}");
        assert_eq!(say::<usize>(&client, &["DBSIZE"]).await.expect("DBSIZE"), 0);
        for node in cluster.nodes() {
            let forget = ["CLUSTER", "FORGET", &id];
            // A replica that cannot reach its primary goes to another.
            until("it is forgotten", async || {
                let _ = node.call(&forget).await;
                let view: String = node.ask(&["CLUSTER", "NODES"]).await.expect("a view");
                !view.lines().any(|line| line.starts_with(&id))
            })
            .await;
        }
        meets_a_moved(&client, cluster, SLOT).await;
        until("its pools are closed", async || {
            let pools = client.statistics();
            client.topology().find(&gone).is_none() && pools.iter().all(|(node, ..)| *node != gone)
        })
        .await;
        let flushed: String = say(&client, &["FLUSHALL"]).await.expect("FLUSHALL");
        assert_eq!(flushed, "OK");
    });
}
