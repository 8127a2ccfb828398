//! What a client leaves behind, and servers that know no HELLO.

use std::collections::HashMap;

use slotline::{Batch, Client, ReadFrom};
use slotline_testkit::{LocalCluster, LocalServer, Node};
use slotline_tests::{
    PATIENCE, binary, connections, connections_of, errors_at_all, kill, on_shared_cluster,
    reset_counters, until,
};
use tokio::task::JoinSet;

async fn open(nodes: &[Node], name: &str) -> usize {
    let mut open = 0;
    for node in nodes {
        open += connections_of(node, name).await.len();
    }
    open
}

/// Fails when the last handle does not close its pools, and when the task that
/// refreshes the map outlives it (it has handles of its own).
#[test]
fn the_last_handle_closes_every_connection() {
    on_shared_cluster(async |cluster| {
        let client = Client::builder()
            .nodes([cluster.url()])
            .client_name("leaving")
            .read_from(ReadFrom::PreferReplica);
        let client = client.connect().await.expect("connecting");
        let every = client.for_each_node(|node| async move { node.ping().await });
        assert_eq!(every.await.expect("PING").len(), 6);
        for n in 0..200 {
            client.set(format!("left:{n}"), n).await.expect("SET");
            client
                .get::<Option<u64>>(format!("left:{n}"))
                .await
                .expect("GET");
        }
        assert!(open(cluster.nodes(), "leaving").await >= 6);
        let clone = client.clone();
        let node_of_it =
            client.for_each_primary(|node| async move { node.ping().await.map(|_| node) });
        let mut handles = node_of_it.await.expect("PING");
        drop(client);
        clone.ping().await.expect("a clone goes on");
        assert!(open(cluster.nodes(), "leaving").await >= 6);

        // In the middle of its work, and with replies still to come.
        let mut tasks = JoinSet::new();
        for task in 0..50 {
            let client = clone.clone();
            tasks.spawn(async move {
                let mut pipe = client.pipeline();
                for n in 0..200 {
                    pipe.get(format!("left:{}", (n + task) % 200));
                }
                pipe.send().await.map(|results| results.len())
            });
        }
        tokio::task::yield_now().await;
        tasks.shutdown().await;
        drop(clone);
        while let Some(node) = handles.pop() {
            node.ping().await.expect("one node's handle is a handle");
        }
        let closed = async || open(cluster.nodes(), "leaving").await == 0;
        until("every connection is closed", closed).await;
    });
}

/// A client that is dropped while its connections are being made.
///
/// Fails when the last handle does not close its pools.
#[test]
fn a_client_that_leaves_while_it_dials_leaves_nothing() {
    on_shared_cluster(async |cluster| {
        for round in 0..30 {
            let client = Client::builder()
                .nodes([cluster.url()])
                .client_name("brief");
            let client = client.connect().await.expect("connecting");
            let mut tasks = JoinSet::new();
            for n in 0..20 {
                let client = client.clone();
                tasks.spawn(async move { client.incr(format!("brief:{n}")).await });
            }
            for _ in 0..round {
                tokio::task::yield_now().await;
            }
            tasks.shutdown().await;
            drop(client);
        }
        let closed = async || open(cluster.nodes(), "brief").await == 0;
        until("every connection is closed", closed).await;
    });
}

/// Works with the client, whose connections speak RESP2.
async fn works_in_resp2(client: &Client, nodes: &[Node], name: &str) {
    for n in 0..100 {
        client.set(format!("two:{n}"), n).await.expect("SET");
        client
            .hset(format!("hash:{n}"), [("n", n)])
            .await
            .expect("HSET");
    }
    let fill = |p: &mut Batch| {
        for n in 0..100 {
            p.get(format!("two:{n}"));
        }
    };
    let values: Vec<u32> = client.pipelined(fill).await.expect("reading");
    assert_eq!(values, (0..100).collect::<Vec<_>>());
    let hash: HashMap<String, u32> = client.hgetall("hash:7").await.expect("HGETALL");
    assert_eq!(hash, HashMap::from([("n".to_owned(), 7)]));
    let none: Option<String> = client.get("two:none").await.expect("GET");
    assert_eq!(none, None);
    let mut seen = 0;
    for node in nodes {
        for connection in connections_of(node, name).await {
            assert_eq!(connection.field("resp"), "2", "{connection:?}");
            seen += 1;
        }
    }
    assert!(seen > 0);
}

/// Fails when a server that refuses HELLO is given up.
#[tokio::test]
async fn a_server_whose_hello_was_renamed_is_spoken_to_in_resp2() {
    let server = LocalServer::builder(&binary()).option("rename-command", "HELLO OLD-HELLO");
    let server = server.start().await.expect("a server");
    let gone = server
        .call(&["HELLO", "3"])
        .await
        .expect_err("HELLO is gone");
    assert_eq!(gone.code(), Some("ERR"));
    let client = Client::builder()
        .nodes([server.url()])
        .client_name("old")
        .connect()
        .await;
    works_in_resp2(
        &client.expect("connecting"),
        &[server.node().clone()],
        "old",
    )
    .await;

    // With a password, and a wrong one.
    let require = ["CONFIG", "SET", "requirepass", "the right one"];
    server.call(&require).await.expect("requirepass");
    let right = Client::builder()
        .nodes([server.url()])
        .client_name("let-in");
    let right = right.credentials(None, "the right one").connect().await;
    works_in_resp2(
        &right.expect("connecting"),
        &[server.node().clone()],
        "let-in",
    )
    .await;
    let wrong = Client::builder()
        .nodes([server.url()])
        .client_name("not-let-in");
    let error = wrong.credentials(None, "hunter2").connect().await;
    let error = error.expect_err("a wrong password");
    assert_eq!(
        (error.step(), error.code()),
        (Some("AUTH"), Some("WRONGPASS")),
        "{error}"
    );
    assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
}

/// Fails when the recipe leaves out READONLY (MOVED is counted at the replicas).
#[tokio::test(flavor = "multi_thread")]
async fn replicas_of_a_cluster_without_hello_are_read_from_in_resp2() {
    let cluster = LocalCluster::builder(&binary()).primaries(3).replicas(1);
    let cluster = cluster
        .option("rename-command", "HELLO OLD-HELLO")
        .start()
        .await;
    let cluster = cluster.expect("a cluster");
    let client = Client::builder()
        .nodes([cluster.url()])
        .client_name("old")
        .read_from(ReadFrom::ReplicaOnly);
    let client = client.connect().await.expect("connecting");
    for n in 0..100 {
        client.set(format!("two:{n}"), n).await.expect("SET");
    }
    for n in 0..100 {
        client
            .hset(format!("hash:{n}"), [("n", n)])
            .await
            .expect("HSET");
    }
    cluster
        .wait_replicas_synced(PATIENCE)
        .await
        .expect("in step");
    let replicas = cluster.replicas().await.expect("replicas");
    reset_counters(&replicas).await;
    works_in_resp2(&client, cluster.nodes(), "old").await;
    let mut killed = 0;
    for _ in 0..5 {
        for replica in &replicas {
            killed += kill(replica, &connections_of(replica, "old").await).await;
        }
        for n in 0..100 {
            assert_eq!(client.get::<u32>(format!("two:{n}")).await.expect("GET"), n);
        }
    }
    println!("{killed} connections killed");
    assert!(killed >= 5);
    assert_eq!(errors_at_all(&replicas, "MOVED").await, 0);
    drop(client);
    until("every connection is closed", async || {
        let all = connections(&replicas[0]).await;
        all.iter()
            .all(|connection| connection.field("name") != "old")
    })
    .await;
}
