//! Clients that are made before their servers can be used (D9).

use std::time::Duration;

use slotline::{Client, ClientBuilder, Delivery, Discovery, Explain};
use slotline_testkit::{LocalCluster, LocalServer};
use slotline_tests::{PATIENCE, binary, in_time, server, until};
use tokio::net::TcpListener;
use tokio::time::Instant;

const SHORT: Duration = Duration::from_millis(600);

fn lazy(urls: impl IntoIterator<Item = String>) -> ClientBuilder {
    Client::builder().nodes(urls).lazy()
}

/// An address at which nobody listens.
async fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("redis://{}", listener.local_addr().unwrap())
}

/// Fails when `connect` looks for a node itself, and when requests that wait have no
/// deadline of their own (in `gate.rs`, wait without one).
#[tokio::test(flavor = "multi_thread")]
async fn without_a_node_a_lazy_client_is_there_and_commands_fail_by_their_deadline() {
    let urls = [nobody().await, nobody().await];
    let client = lazy(urls.clone()).timeout(SHORT).connect().await.unwrap();
    assert_eq!(client.topology().nodes().len(), 0);
    for _ in 0..2 {
        let began = Instant::now();
        let mut pipe = client.pipeline();
        pipe.incr("n");
        pipe.get("k");
        let replies = in_time(pipe.send()).await.unwrap();
        for reply in replies {
            assert_eq!(reply.delivery(), Some(Delivery::NotSent));
        }
        let transaction = client.transaction(|t| {
            t.incr("n");
        });
        let error = in_time(transaction).await.unwrap_err();
        assert_eq!(error.delivery(), Delivery::NotSent);
        assert!(error.is_network(), "{error:?}");
        assert_eq!(error.step(), Some("connect"), "{error:?}");
        for url in &urls {
            let node = url.trim_start_matches("redis://");
            assert!(error.to_string().contains(node), "{error}");
        }
        let took = began.elapsed();
        assert!(
            took >= 2 * SHORT && took < 2 * SHORT + Duration::from_secs(5),
            "{took:?}"
        );
    }
    // Nobody is found, so nobody is asked.
    let asked = client.for_each_node(|node| async move { node.ping().await });
    assert_eq!(in_time(asked).await.unwrap().len(), 0);
    drop(client);
    // What makes no sense is said at once all the same.
    let error = lazy(["redis://h:x".to_owned()])
        .connect()
        .await
        .err()
        .unwrap();
    assert!(error.is_config(), "{error}");
}

/// Fails when the search ends with its first round (in `search`, return).
#[tokio::test(flavor = "multi_thread")]
async fn a_lazy_client_finds_its_cluster_when_that_comes() {
    let cluster = LocalCluster::builder(&binary()).start().await.unwrap();
    for node in cluster.nodes() {
        node.kill().unwrap();
    }
    let client = lazy([cluster.url()]).connect().await.unwrap();
    let task = client.clone();
    let explain = Explain::new();
    let record = explain.clone();
    let waiting = tokio::spawn(async move {
        let mut pipe = task.pipeline().explain(&record);
        for n in 0..30 {
            pipe.incr(format!("n:{n}"));
        }
        pipe.send().await?.decode_all::<Vec<i64>>()
    });
    tokio::time::sleep(SHORT).await;
    assert!(!waiting.is_finished(), "it waits");
    assert_eq!(explain.steps(), [], "and has gone nowhere");
    for node in cluster.nodes() {
        node.restart().await.unwrap();
    }
    let counted = in_time(waiting).await.unwrap().unwrap();
    assert_eq!(counted, [1; 30]);
    until("it knows all of the cluster", async || {
        client.topology().nodes().len() == 6
    })
    .await;
    // From here on it is as any other: what it learns, it keeps.
    cluster.wait_until_agreed(PATIENCE).await.unwrap();
    let from = cluster.owner_of(400).await.unwrap();
    let to = cluster.primaries().await.unwrap();
    let to = to.iter().find(|node| **node != from).unwrap();
    cluster.migrate_slots([400], &from, to).await.unwrap();
    let key = &slotline_tests::keys_of_slot("lazy", 400, 1)[0];
    assert_eq!(client.incr(key).await.unwrap(), 1);
    // By a redirect, unless a refresh came before.
    until("it knows the new owner", async || {
        let topology = client.topology();
        let owner = topology.primary_of(slotline::Slot::new(400).unwrap());
        let owner = owner.and_then(|owner| topology.endpoint(owner));
        owner.map(slotline::Endpoint::port) == Some(to.port())
    })
    .await;
    let pings = client.for_each_node(|node| async move { node.ping().await });
    assert_eq!(pings.await.unwrap().len(), 6);
}

/// One node of six is there, and serves what it has; of the other slots it knows
/// no owner who lives.
#[tokio::test(flavor = "multi_thread")]
async fn a_lazy_client_of_a_cluster_that_is_down_says_so_in_time() {
    let cluster = LocalCluster::builder(&binary()).start().await.unwrap();
    for node in &cluster.nodes()[1..] {
        node.kill().unwrap();
    }
    let left = &cluster.nodes()[0];
    until("the one that is left has noticed", async || {
        let told = left.call(&["GET", "{b}"]).await;
        told.is_err_and(|error| error.code() == Some("CLUSTERDOWN"))
    })
    .await;
    let urls = cluster.nodes().iter().rev().map(|node| node.url());
    let client = lazy(urls.collect::<Vec<_>>()).timeout(Duration::from_secs(2));
    let client = client.connect().await.unwrap();
    let mut codes = Vec::new();
    for key in ["a", "b", "c", "d"] {
        let error = in_time(client.incr(key)).await.unwrap_err();
        assert_ne!(error.delivery(), Delivery::Ambiguous, "{error}");
        assert!(
            error.code() == Some("CLUSTERDOWN") || error.is_network() || error.is_timeout(),
            "{error:?}"
        );
        codes.extend(error.code().map(str::to_owned));
    }
    assert!(codes.contains(&"CLUSTERDOWN".to_owned()), "{codes:?}");
    for node in &cluster.nodes()[1..] {
        node.restart().await.unwrap();
    }
    until("it is served again", async || {
        client.incr("a").await.is_ok()
    })
    .await;
}

/// Fails when what is found is not made the map (in `search`, leave out
/// `set_topology`): of a lone server nothing else tells.
#[tokio::test(flavor = "multi_thread")]
async fn a_lazy_client_of_a_lone_server_is_what_was_asked_for() {
    let server = server().await;
    let url = || [server.node().url()];
    for discovery in [Discovery::Auto, Discovery::SingleNode] {
        let client = lazy(url()).discovery(discovery).connect().await.unwrap();
        let (n, none): (i64, Option<String>) = client
            .pipelined(|p| {
                p.incr("one");
                p.get("another");
            })
            .await
            .unwrap();
        assert!(n > 0 && none.is_none());
        assert!(client.topology().is_single_node());
    }
    // No cluster, where one was asked for.
    let client = lazy(url()).discovery(Discovery::Cluster).timeout(SHORT);
    let client = client.connect().await.unwrap();
    let error = in_time(client.incr("one")).await.unwrap_err();
    assert_eq!(error.delivery(), Delivery::NotSent);
    assert!(error.to_string().contains("not in cluster mode"), "{error}");
}

/// Fails when the search goes on after its client has gone.
#[tokio::test(flavor = "multi_thread")]
async fn a_lazy_client_that_is_dropped_looks_no_longer() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://{}", listener.local_addr().unwrap());
    let client = lazy([url]).connect().await.unwrap();
    // It is hung up on, and comes again.
    for _ in 0..3 {
        drop(in_time(listener.accept()).await.unwrap());
    }
    drop(client);
    let quiet = Duration::from_secs(2);
    let mut late = 0;
    while let Ok(accepted) = tokio::time::timeout(quiet, listener.accept()).await {
        drop(accepted);
        late += 1;
    }
    assert!(late <= 2, "{late} dials after the end");
}

/// Fails when the layers of the user's own are left out of a lazy client.
#[tokio::test(flavor = "multi_thread")]
async fn a_lazy_client_has_its_layers() {
    use tower::timeout::TimeoutLayer;
    let server = LocalServer::builder(&binary()).start().await.unwrap();
    let client = lazy([server.url()]).layer(TimeoutLayer::new(SHORT));
    let client = client.connect().await.unwrap();
    assert_eq!(client.incr("n").await.unwrap(), 1);
    let blocked = client.command("DEBUG").arg("SLEEP").arg("1.5").await;
    assert_eq!(blocked.unwrap_err().delivery(), Delivery::Ambiguous);
}
