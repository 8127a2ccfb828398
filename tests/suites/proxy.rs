//! The fault proxy before real servers.

use std::time::Duration;

use slotline::{Client, ReadFrom};
use slotline_testkit::{Cut, FaultProxy, LocalCluster};
use slotline_tests::{PATIENCE, binary, connections, in_time, keys_of_slot, server, until};

/// A real server's whole handshake and work, in single bytes both ways.
#[tokio::test]
async fn a_client_works_through_single_bytes_and_a_delay() {
    let server = server().await;
    let proxy = FaultProxy::before(server.address()).await.expect("a proxy");
    proxy.to_client().pieces(1).delay(Duration::from_millis(1));
    proxy.to_server().pieces(1);
    let client = in_time(Client::connect(proxy.url())).await;
    let client = client.expect("connecting");
    let value: String = (0..500).map(|n| format!("{n},")).collect();
    client.set("key", &value).await.expect("SET");
    let got: String = in_time(client.get("key")).await.expect("GET");
    assert_eq!(got, value);
    let traffic = proxy.to_client().traffic();
    assert_eq!(traffic.pieces, traffic.passed);
    assert_eq!(traffic.delayed, traffic.passed);
    assert!(traffic.passed > value.len() as u64 && traffic.frames >= 5);

    // The server sees the proxy where the client is.
    let seen = proxy.open().iter().map(|it| it.seen_by_server()).next();
    let seen = seen.flatten().expect("it is open").to_string();
    let known = connections(&server).await;
    assert!(known.iter().any(|it| it.address() == seen), "{seen}");
    drop(client);
    proxy.until_left_alone(PATIENCE).await.expect("all closed");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_node_of_a_cluster_is_reached_through_its_proxy() {
    let cluster = LocalCluster::builder(&binary()).primaries(3).replicas(1);
    let cluster = cluster.proxied().start().await.expect("a cluster");
    let builder = Client::builder().nodes([cluster.url()]);
    let builder = builder
        .client_name("through")
        .read_from(ReadFrom::PreferReplica);
    let client = in_time(builder.connect()).await.expect("connecting");
    for slot in (0..16_384).step_by(500) {
        let key = &keys_of_slot("proxied", slot, 1)[0];
        client.set(key, slot).await.expect("SET");
    }
    cluster
        .wait_replicas_synced(PATIENCE)
        .await
        .expect("in step");
    for slot in (0..16_384).step_by(500) {
        let key = &keys_of_slot("proxied", slot, 1)[0];
        let got: u16 = client.get(key).await.expect("GET");
        assert_eq!(got, slot);
    }
    let every = client.for_each_node(|node| async move { node.ping().await });
    let every = every.await.expect("PING");
    assert_eq!(every.len(), 6);
    for node in cluster.nodes() {
        let proxy = cluster.proxy(node).expect("it has one");
        assert_ne!(proxy.address(), node.address());
        let through: Vec<String> = proxy
            .open()
            .iter()
            .filter_map(|it| it.seen_by_server())
            .map(|address| address.to_string())
            .collect();
        let mut own = connections(node).await;
        own.retain(|connection| connection.field("name") == "through");
        assert!(!own.is_empty(), "nobody is connected to {}", node.address());
        for connection in own {
            assert!(
                through.contains(&connection.address().to_owned()),
                "{connection:?}"
            );
        }
    }

    // So do replicas reach their primaries.
    for replica in cluster.replicas().await.expect("replicas") {
        let field = replica.info("replication", "master_port").await;
        let port = field.expect("INFO").expect("it is a replica");
        let mut primaries = cluster.nodes()[..3].iter();
        let known = |node| cluster.proxy(node).map(|proxy| proxy.port().to_string());
        assert!(
            primaries.any(|node| known(node).as_ref() == Some(&port)),
            "{port}"
        );
    }

    // A redirect names the proxy as well: a slot that moves is followed there.
    let (from, to) = (&cluster.nodes()[0], &cluster.nodes()[1]);
    let before = cluster.proxy(to).expect("it has one").to_server().traffic();
    cluster
        .migrate_slots([0], from, to)
        .await
        .expect("it moves");
    let key = &keys_of_slot("proxied", 0, 1)[0];
    client.set(key, 7).await.expect("SET");
    let after = cluster.proxy(to).expect("it has one").to_server().traffic();
    assert!(after.frames > before.frames);

    // And each is cut off by itself.
    for connection in cluster.proxy(to).expect("it has one").open() {
        connection.cut(Cut::Reset);
    }
    let back = async || client.get::<u16>(key).await.is_ok_and(|got| got == 7);
    until("the connections are made again", back).await;
    let folder = tempfile::tempdir().expect("a folder");
    let detached = cluster.detach(folder.path().join("state"));
    assert!(detached.expect_err("its proxies end here").is_setup());
}
