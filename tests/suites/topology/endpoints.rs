//! D1: every form that a node's endpoint has.

use std::time::Duration;

use slotline::{Client, Endpoint};
use slotline_testkit::{LocalCluster, LocalClusterBuilder, Node};
use slotline_tests::{binary, in_time, keys_of_slot, skipped};

/// A client finds every node, and follows a MOVED to one that owns a slot which it
/// looks for elsewhere. `moved` is the host that the server names in it.
async fn check(builder: LocalClusterBuilder, moved: &str) {
    let cluster = builder.replicas(0).start().await.unwrap();
    let client = Client::builder().nodes([cluster.url()]);
    let client = client
        .timeout(Duration::from_secs(20))
        .connect()
        .await
        .unwrap();
    for n in 0..100 {
        assert_eq!(
            in_time(client.incr(format!("spread:{n}"))).await.unwrap(),
            1
        );
    }
    // So the map is known; behind its back a slot moves on.
    let (from, to) = (&cluster.nodes()[0], &cluster.nodes()[1]);
    cluster.migrate_slots(42..=45, from, to).await.unwrap();
    let key = keys_of_slot("form", 42, 1).concat();
    let told = from.call(&["GET", &key]).await.unwrap_err().to_string();
    let expected = format!("MOVED 42 {moved}:{}", to.port());
    assert!(told.contains(&expected), "{told}");
    let before = client.redirects_followed();
    assert_eq!(in_time(client.incr(&key)).await.unwrap(), 1);
    let owner = client.topology();
    let owner = owner
        .primary_of(slotline::slot_of(&key))
        .and_then(|node| owner.endpoint(node).cloned());
    assert_eq!(owner, Some(endpoint(to)));
    if moved != "?" {
        assert!(client.redirects_followed() > before, "it was followed");
    }
    // Nobody was looked for where the words of the reply would lead.
    for (node, ..) in client.statistics() {
        assert!(
            cluster.nodes().iter().any(|known| node == endpoint(known)),
            "{node}"
        );
    }
}

fn endpoint(node: &Node) -> Endpoint {
    Endpoint::new(node.address().ip().to_string(), node.port())
}

fn cluster() -> LocalClusterBuilder {
    LocalCluster::builder(&binary())
}

/// Fails when `?` is taken for the name of a host (`told` in `endpoint.rs`,
/// `reachable_host` in `view/raw.rs`): the client dials it until its deadline.
#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_not_known_is_looked_for_and_not_dialled() {
    let builder = cluster().option("cluster-preferred-endpoint-type", "hostname");
    check(builder, "?").await;
}

/// Fails when an empty host is not the one that was asked (`told` in `endpoint.rs`):
/// there is no map.
#[tokio::test(flavor = "multi_thread")]
async fn no_host_is_the_one_that_was_asked() {
    let builder = cluster().option("cluster-preferred-endpoint-type", "unknown-endpoint");
    check(builder, "").await;
}

/// Fails when an endpoint is split at its first colon (`split_any_port`).
#[tokio::test(flavor = "multi_thread")]
async fn addresses_with_colons_are_understood() {
    if std::net::TcpListener::bind("[::1]:0").is_err() {
        return skipped("this machine has no IPv6");
    }
    check(cluster().ip(std::net::Ipv6Addr::LOCALHOST.into()), "::1").await;
}
