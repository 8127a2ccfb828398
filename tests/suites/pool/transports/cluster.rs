//! A cluster that speaks TLS: nodes that nobody named by hand.

use slotline::{Client, ReadFrom, Tls};
use slotline_testkit::{Authority, LocalCluster};
use slotline_tests::{binary, connections_of, in_time, skipped_without_tls};

/// E10: the seed is named, the others come by their IP addresses, and no
/// certificate is for those.
///
/// Fails when a node that the cluster tells of is spoken to in plain text (then it
/// is seen at its other port), or verified by another name than the one given.
#[tokio::test]
async fn every_node_of_a_cluster_is_spoken_to_in_tls() {
    let authority = Authority::new("of these tests").expect("an authority");
    let identity = authority.issue(&["localhost"]).expect("a certificate");
    let cluster = LocalCluster::builder(&binary()).tls(&identity, &authority);
    let cluster = match cluster.start().await {
        Ok(cluster) => cluster,
        Err(error) => return skipped_without_tls(&error),
    };
    let seed = cluster.nodes()[0].tls_address().expect("a port for TLS");
    let builder = Client::builder()
        .nodes([format!("rediss://localhost:{}", seed.port())])
        .client_name("encrypted")
        .read_from(ReadFrom::PreferReplica);
    let trusting = Tls::builder().root_pem(authority.certificate());

    let tls = trusting.server_name("localhost").build().expect("settings");
    let client = in_time(builder.clone().tls(tls).connect()).await;
    let client = client.expect("connecting");
    for n in 0..200 {
        client.set(format!("k:{n}"), n).await.expect("SET");
        let got: Option<u64> = client.get(format!("k:{n}")).await.expect("GET");
        assert!(got.is_none_or(|got| got == n));
    }
    let pongs = client.for_each_node(|node| async move { node.ping().await });
    assert_eq!(in_time(pongs).await.expect("PING").len(), 6);
    for node in cluster.nodes() {
        let there = node.tls_address().expect("a port for TLS").to_string();
        let seen = connections_of(node, "encrypted").await;
        assert!(!seen.is_empty(), "nobody is at {there}");
        for connection in seen {
            assert_eq!(connection.field("laddr"), there);
        }
    }
    drop(client);

    // Without the name the seed is as good as before, and only the seed.
    let tls = Tls::builder().root_pem(authority.certificate());
    let tls = tls.build().expect("settings");
    let client = in_time(builder.tls(tls).connect()).await.expect("the seed");
    let pongs = client.for_each_primary(|node| async move { node.ping().await });
    let error = in_time(pongs)
        .await
        .expect_err("names that nobody vouches for");
    assert_eq!(error.step(), Some("TLS"), "{error}");
    let text = error.to_string();
    assert!(
        text.contains("localhost") && text.contains("server_name"),
        "{text}"
    );
}
