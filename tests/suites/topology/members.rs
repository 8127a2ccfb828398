//! D7: nodes that join, leave, and come back.

use std::collections::BTreeSet;

use slotline::{Client, Endpoint, ReadFrom};
use slotline_testkit::{LocalCluster, Node, Value};
use slotline_tests::{
    PATIENCE, binary, calls, connections_of, in_time, keys_of_slot, reset_counters, until,
};

fn endpoint(node: &Node) -> Endpoint {
    Endpoint::new(node.address().ip().to_string(), node.port())
}

/// The connections of the client to a node, by the server's ids.
async fn sockets(node: &Node) -> BTreeSet<String> {
    let all = connections_of(node, "member").await;
    all.iter()
        .map(|connection| connection.field("id").to_owned())
        .collect()
}

fn pools(client: &Client) -> BTreeSet<Endpoint> {
    let all = client.statistics().into_iter();
    all.map(|(node, ..)| node).collect()
}

async fn use_all(client: &Client) {
    for n in 0..60 {
        in_time(client.incr(format!("spread:{n}"))).await.unwrap();
    }
}

/// The third primary gives its slots away and leaves.
///
/// Fails when pools are kept for ever (`known` in the facade's `nodes.rs`): the socket
/// to the node that has left stays open.
#[tokio::test(flavor = "multi_thread")]
async fn sockets_are_those_of_the_map_after_a_node_has_left() {
    let builder = LocalCluster::builder(&binary()).replicas(0);
    // It is not to become a replica of who takes its last slot.
    let builder = builder.option("cluster-allow-replica-migration", "no");
    let cluster = builder.start().await.unwrap();
    let nodes = cluster.nodes();
    let client = Client::builder()
        .nodes([cluster.url()])
        .client_name("member");
    let client = client.connect().await.unwrap();
    use_all(&client).await;
    let mut healthy = Vec::new();
    for node in &nodes[..2] {
        healthy.push(sockets(node).await);
    }
    let (stays, leaves) = (&nodes[1], &nodes[2]);
    assert!(!sockets(leaves).await.is_empty());

    move_slots(leaves, stays, nodes).await;
    for node in &nodes[..2] {
        let forget = async || node.call(&["CLUSTER", "FORGET", leaves.id()]).await.is_ok();
        until("it is forgotten", forget).await;
    }
    until("its sockets are closed", async || {
        use_all(&client).await;
        sockets(leaves).await.is_empty() && !pools(&client).contains(&endpoint(leaves))
    })
    .await;
    assert_eq!(client.topology().nodes().len(), 2);

    for (node, before) in nodes.iter().zip(&healthy) {
        assert_eq!(sockets(node).await, *before, "connections that were well");
    }
}

/// Gives all slots of a node to another, and what is in them away.
async fn move_slots(from: &Node, to: &Node, nodes: &[Node]) {
    // So that what the one still says of its slots does not outweigh the other's word.
    to.call(&["CLUSTER", "BUMPEPOCH"]).await.unwrap();
    for slot in 10_922..=16_383 {
        let slot = u16::to_string(&slot);
        let moved = ["CLUSTER", "SETSLOT", &slot, "NODE", to.id()];
        to.call(&moved).await.unwrap();
        // A node with keys of a slot does not give it away.
        until("it has given the slot away", async || {
            from.call(&moved).await.is_ok() || from.call(&["FLUSHALL"]).await.is_err()
        })
        .await;
        for node in nodes {
            node.call(&moved).await.unwrap();
        }
    }
}

/// Fails when a node that two dials did not reach is given up (`keep` in the pool's
/// `keeper.rs`): no read comes to it.
#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_was_restarted_is_read_from_again() {
    let cluster = LocalCluster::builder(&binary()).start().await.unwrap();
    let replica = &cluster.nodes()[3];
    let client = Client::builder()
        .nodes([cluster.url()])
        .client_name("member")
        .read_from(ReadFrom::PreferReplica);
    let client = client.connect().await.unwrap();
    let key = keys_of_slot("again", 100, 1).concat();
    client.set(&key, "v").await.unwrap();
    cluster.wait_replicas_synced(PATIENCE).await.unwrap();
    assert_eq!(client.get::<String>(&key).await.unwrap(), "v");
    assert_eq!(calls(replica, "get").await, 1);

    replica.kill().unwrap();
    until("the cluster leaves it out of its answers", async || {
        let gone = replica.port().to_string();
        let mut has = false;
        for node in cluster.nodes().iter().filter(|node| *node != replica) {
            let slots: Value = node.ask(&["CLUSTER", "SLOTS"]).await.unwrap();
            has |= format!("{slots:?}").contains(&gone);
        }
        !has
    })
    .await;
    assert_eq!(in_time(client.get::<String>(&key)).await.unwrap(), "v");
    cluster.wait_until_agreed(PATIENCE).await.unwrap();
    replica.restart().await.unwrap();
    cluster.wait_until_agreed(PATIENCE).await.unwrap();
    reset_counters(cluster.nodes()).await;
    until("it is read from again", async || {
        assert_eq!(in_time(client.get::<String>(&key)).await.unwrap(), "v");
        calls(replica, "get").await > 0
    })
    .await;
    assert!(!sockets(replica).await.is_empty());
}
