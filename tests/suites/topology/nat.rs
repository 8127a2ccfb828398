//! D2: a cluster that is reached only through forwarded ports.

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use slotline::{Address, AddressMap, Client, ClientBuilder, Endpoint};
use slotline_testkit::{FaultProxy, LocalCluster, Node};
use slotline_tests::{
    binary, connections_of, errors_at_all, in_time, keys_of_slot, reset_counters,
};
use tokio::net::TcpStream;

/// A cluster, and a forwarded port before each node, of which the nodes know
/// nothing.
struct Behind {
    cluster: LocalCluster,
    forwarded: Vec<FaultProxy>,
    /// Dials to anything but a forwarded port. None of them gets through.
    astray: Arc<AtomicUsize>,
}

impl Behind {
    async fn start() -> Behind {
        let cluster = LocalCluster::builder(&binary())
            .replicas(0)
            .start()
            .await
            .unwrap();
        let mut forwarded = Vec::new();
        for node in cluster.nodes() {
            forwarded.push(FaultProxy::before(node.address()).await.unwrap());
        }
        let astray = Arc::default();
        Behind {
            cluster,
            forwarded,
            astray,
        }
    }

    fn builder(&self) -> ClientBuilder {
        let open: HashSet<u16> = self.forwarded.iter().map(FaultProxy::port).collect();
        let astray = Arc::clone(&self.astray);
        let connect = move |address: Address, _| {
            let port = address.port().filter(|port| open.contains(port));
            let astray = Arc::clone(&astray);
            async move {
                let Some(port) = port else {
                    astray.fetch_add(1, Ordering::Relaxed);
                    return Err(io::Error::from(io::ErrorKind::HostUnreachable));
                };
                TcpStream::connect(("127.0.0.1", port)).await
            }
        };
        Client::builder()
            .connector(connect)
            .client_name("outside")
            .timeout(Duration::from_secs(5))
    }

    fn map(&self) -> AddressMap {
        let inside = self.cluster.nodes().iter().map(Node::address);
        let pairs = inside.zip(&self.forwarded).map(|(inside, proxy)| {
            let inside = Endpoint::new(inside.ip().to_string(), inside.port());
            (inside, Endpoint::new("127.0.0.1", proxy.port()))
        });
        let pairs: HashMap<Endpoint, Endpoint> = pairs.collect();
        pairs.into_iter().collect()
    }
}

/// Fails when the map is not asked about one of them (`advice.rs` for redirects,
/// `discover.rs` for views and seeds): a dial goes astray.
#[tokio::test(flavor = "multi_thread")]
async fn one_map_is_for_seeds_slots_moved_and_ask() {
    let behind = Behind::start().await;
    let nodes = behind.cluster.nodes();
    // Named by what it is called inside.
    let client = behind
        .builder()
        .nodes([nodes[0].url()])
        .map_addresses(behind.map());
    let client = client.connect().await.unwrap();
    for n in 0..100 {
        assert_eq!(
            in_time(client.incr(format!("spread:{n}"))).await.unwrap(),
            1
        );
    }
    let shown = client.topology();
    for proxy in &behind.forwarded {
        let outside = Endpoint::new("127.0.0.1", proxy.port());
        assert!(shown.find(&outside).is_some(), "{shown:?}");
    }

    reset_counters(nodes).await;
    let (from, to) = (&nodes[0], &nodes[1]);
    behind.cluster.migrate_slots([42], from, to).await.unwrap();
    let moved = keys_of_slot("nat", 42, 1).concat();
    assert_eq!(in_time(client.incr(&moved)).await.unwrap(), 1);
    let _half_way = behind.cluster.begin_migration(43, from, to).await.unwrap();
    let asked = keys_of_slot("nat", 43, 1).concat();
    assert_eq!(in_time(client.incr(&asked)).await.unwrap(), 1);
    assert!(errors_at_all(nodes, "MOVED").await > 0 && errors_at_all(nodes, "ASK").await > 0);

    assert_eq!(behind.astray.load(Ordering::Relaxed), 0);
    for (node, proxy) in nodes.iter().zip(&behind.forwarded) {
        let open = proxy.open();
        let through: HashSet<String> = open
            .iter()
            .filter_map(|connection| connection.seen_by_server())
            .map(|address| address.to_string())
            .collect();
        let connections = connections_of(node, "outside").await;
        assert!(!connections.is_empty());
        for connection in connections {
            assert!(through.contains(connection.address()), "{connection:?}");
        }
    }
}

/// Without a map the same client finds only the node that was named.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_map_the_other_nodes_are_out_of_reach() {
    let behind = Behind::start().await;
    let client = behind.builder().nodes([behind.forwarded[0].url()]);
    let client = client
        .timeout(Duration::from_secs(1))
        .connect()
        .await
        .unwrap();
    let far = keys_of_slot("far", 16_000, 1).concat();
    let error = in_time(client.incr(&far)).await.unwrap_err();
    assert!(error.is_network() || error.is_timeout(), "{error}");
    assert!(behind.astray.load(Ordering::Relaxed) > 0);
}
