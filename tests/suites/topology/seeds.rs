//! D8 and D9: seeds that are dead, and clusters that are down.

use std::time::Duration;

use slotline::{Client, ClientBuilder, Delivery, Discovery, Endpoint};
use slotline_testkit::{FaultProxy, LocalCluster, Node};
use slotline_tests::{PATIENCE, binary, in_time, keys_of_slot, server, until};
use tokio::time::Instant;

fn endpoint(node: &Node) -> Endpoint {
    Endpoint::new(node.address().ip().to_string(), node.port())
}

/// A key of each of three shards.
fn keys(prefix: &str) -> [String; 3] {
    [100, 6_000, 16_000].map(|slot| keys_of_slot(prefix, slot, 1).concat())
}

/// Fails when a refresh asks the seeds alone (`sample` in `choose.rs`): the map has the
/// new owners by their MOVED, and the old replicas.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_goes_on_without_its_only_seed() {
    let cluster = LocalCluster::builder(&binary()).start().await.unwrap();
    let nodes = cluster.nodes();
    let client = Client::connect(cluster.url()).await.unwrap();
    for key in keys("seed") {
        client.incr(&key).await.unwrap();
    }
    // The seed is the primary of the first shard, and never comes back.
    nodes[0].kill().unwrap();
    cluster.wait_until_agreed(PATIENCE).await.unwrap();
    cluster.failover(&nodes[4]).await.unwrap();
    cluster.wait_until_agreed(PATIENCE).await.unwrap();
    for key in keys("seed") {
        in_time(client.incr(&key)).await.unwrap();
    }
    // The map has the new owners, and the old one for a replica.
    let expected = [(100, &nodes[3]), (6_000, &nodes[4]), (16_000, &nodes[2])];
    until("the map is that of the cluster", async || {
        let topology = client.topology();
        expected.iter().all(|(slot, node)| {
            let owner = topology.primary_of(slotline::Slot::new(*slot).unwrap());
            owner == topology.find(&endpoint(node))
        }) && topology.find(&endpoint(&nodes[0])).is_none()
            && topology.replicas().count() == 2
    })
    .await;
}

/// Another cluster takes the place of the one before, behind the same addresses: new
/// processes, ports, ids, and epochs that begin anew.
///
/// Fails when no view is believed that has lower epochs than the map, however many
/// there are (`decide` in `merge.rs`): the old ids stay.
#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_was_replaced_behind_its_addresses_is_found() {
    let first = LocalCluster::builder(&binary())
        .replicas(0)
        .proxied()
        .start()
        .await
        .unwrap();
    // To numbers that the other cluster will not come to. Who has the greatest already
    // gets no greater one.
    until("its epochs are great", async || {
        let mut least = u64::MAX;
        for node in first.nodes() {
            node.call(&["CLUSTER", "BUMPEPOCH"]).await.unwrap();
            let text: String = node.ask(&["CLUSTER", "NODES"]).await.unwrap();
            let lines = slotline_topology::parse_nodes(&text);
            least = lines.iter().map(|line| line.epoch).fold(least, u64::min);
        }
        least > 10
    })
    .await;
    let proxies: Vec<&FaultProxy> = first
        .nodes()
        .iter()
        .filter_map(|node| first.proxy(node))
        .collect();
    let client = Client::connect(first.url()).await.unwrap();
    for key in keys("old") {
        assert_eq!(client.incr(&key).await.unwrap(), 1);
    }
    let mut second = LocalCluster::builder(&binary()).replicas(0);
    for (index, proxy) in proxies.iter().enumerate() {
        second = second.node_option(index, "cluster-announce-port", proxy.port().to_string());
    }
    let second = second.start().await.unwrap();
    // Another division of the slots than before.
    let (from, to) = (&second.nodes()[0], &second.nodes()[1]);
    second.migrate_slots(90..=110, from, to).await.unwrap();
    for (proxy, node) in proxies.iter().zip(second.nodes()) {
        proxy.swap_backend(node.address());
    }
    for node in first.nodes() {
        node.kill().unwrap();
    }
    // Here nothing was ever counted.
    for key in keys("new") {
        assert_eq!(in_time(client.incr(&key)).await.unwrap(), 1);
    }
    until("the map is the new cluster's", async || {
        let topology = client.topology();
        let owner = topology.primary_of(slotline::Slot::new(100).unwrap());
        let owner = owner.and_then(|owner| topology.node(owner));
        owner.is_some_and(|owner| owner.id() == Some(to.id()))
    })
    .await;
}

async fn error_of(builder: ClientBuilder) -> (slotline::Error, Duration) {
    let began = Instant::now();
    let error = in_time(builder.connect()).await.unwrap_err();
    (error, began.elapsed())
}

/// Fails when a server that is in no cluster is taken for one (`connect` in
/// `discover.rs`).
#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_is_down_is_told_in_time_and_with_the_reason() {
    let patience = Duration::from_secs(2);
    let builder = || {
        Client::builder()
            .connect_timeout(patience)
            .timeout(patience)
    };

    // Nobody there.
    let cluster = LocalCluster::builder(&binary()).start().await.unwrap();
    let nodes = cluster.nodes();
    let urls: Vec<String> = nodes.iter().map(Node::url).collect();
    for node in &nodes[1..] {
        node.kill().unwrap();
    }
    let (error, took) = error_of(builder().nodes(&urls[1..3])).await;
    assert!(error.is_network(), "{error}");
    assert!(
        error.to_string().contains(&nodes[2].address().to_string()),
        "{error}"
    );
    assert!(took < 2 * patience + Duration::from_secs(1), "{took:?}");

    // One of six, by the last of the names.
    let urls = urls.iter().rev();
    let client = in_time(builder().nodes(urls).connect()).await.unwrap();
    let down = async || {
        let told = nodes[0].call(&["GET", "{b}"]).await;
        told.is_err_and(|error| error.code() == Some("CLUSTERDOWN"))
    };
    until("the one that is left has noticed", down).await;
    for (key, own) in keys("down").iter().zip([true, false, false]) {
        let began = Instant::now();
        let error = in_time(client.incr(key)).await.unwrap_err();
        let what = format!("{error}, {:?}", error.delivery());
        if own {
            assert_eq!(error.code(), Some("CLUSTERDOWN"), "{what}");
        } else {
            assert!(error.is_network() || error.is_timeout(), "{what}");
        }
        assert_ne!(error.delivery(), Delivery::Ambiguous, "{what}");
        assert!(
            began.elapsed() < patience + Duration::from_secs(1),
            "{what}"
        );
    }

    // A node that has no slots and knows of none.
    let alone = LocalCluster::builder(&binary())
        .primaries(1)
        .replicas(0)
        .start()
        .await
        .unwrap();
    alone.nodes()[0].call(&["FLUSHALL"]).await.unwrap();
    alone.nodes()[0]
        .call(&["CLUSTER", "FLUSHSLOTS"])
        .await
        .unwrap();
    let (error, _) = error_of(builder().nodes([alone.url()])).await;
    assert!(error.to_string().contains("no node was told of"), "{error}");

    // A server that is in no cluster.
    let server = server().await;
    let only = builder()
        .nodes([server.url()])
        .discovery(Discovery::Cluster);
    let (error, _) = error_of(only).await;
    assert!(
        error.is_cluster() && error.to_string().contains("not in cluster mode"),
        "{error}"
    );
}
