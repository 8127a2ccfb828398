//! Another server behind a node's address.

use std::time::Duration;

use slotline::{Client, slot_of};
use slotline_testkit::LocalCluster;
use slotline_tests::{binary, errors, reset_counters, until};

/// A proxy sends those who come to one node to another, which answers with the
/// address that they have come to.
///
/// Fails when such a MOVED is followed without a pause, or the connection kept (the
/// right server is then never reached again).
#[tokio::test]
async fn a_node_that_is_another_for_a_while_is_reached_anew() {
    let cluster = LocalCluster::builder(&binary()).proxied().start().await;
    let cluster = cluster.expect("a cluster");
    let own = cluster
        .owner_of(slot_of("n").get())
        .await
        .expect("an owner");
    let primaries = cluster.primaries().await.expect("primaries");
    let other = primaries.into_iter().find(|node| *node != own);
    let other = other.expect("another primary");
    let proxy = cluster.proxy(&own).expect("a proxy");
    let client = Client::connect(cluster.url()).await.expect("connecting");
    assert_eq!(client.incr("n").await.expect("INCR"), 1);
    reset_counters(std::slice::from_ref(&other)).await;

    proxy.swap_backend(other.address());
    for connection in proxy.open() {
        connection.cut(slotline_testkit::Cut::Close);
    }
    let task = tokio::spawn({
        let client = client.clone();
        async move { client.incr("n").await }
    });
    let met = async || errors(&other, "MOVED").await > 2;
    until("it was sent to where it came from", met).await;
    proxy.swap_backend(own.address());
    let counted = task.await.expect("a task").expect("INCR");
    let moved = errors(&other, "MOVED").await;
    println!("{moved} MOVED to the node's own address");
    assert_eq!(counted, 2);
    assert!(moved < 50, "{moved}: it waits between");
    assert_eq!(client.incr("n").await.expect("INCR"), 3);
    tokio::time::timeout(Duration::from_secs(5), client.ping())
        .await
        .expect("in time")
        .expect("PING");
}
