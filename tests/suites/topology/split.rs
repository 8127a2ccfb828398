//! D4: a cluster that is split in two, and a client that reaches both sides.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use slotline::{Client, Endpoint, slot_of};
use slotline_testkit::{Cut, LocalCluster, Node, OnConnect};
use slotline_tests::{
    PATIENCE, binary, calls, errors, in_time, keys_of_slot, reset_counters, until,
};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

/// A slot of the node that is to be alone.
const SLOT: u16 = 42;

/// The owners of the slot by a client's map, in the order in which it named them.
struct Owners {
    seen: Arc<Mutex<Vec<Endpoint>>>,
    watching: JoinHandle<()>,
}

impl Owners {
    fn watch(client: &Client, key: &str) -> Owners {
        let seen: Arc<Mutex<Vec<Endpoint>>> = Arc::default();
        let (into, client, slot) = (Arc::clone(&seen), client.clone(), slot_of(key));
        let look = move || {
            let topology = client.topology();
            let owner = topology.primary_of(slot);
            let owner = owner.and_then(|owner| topology.endpoint(owner));
            let mut seen = into.lock().unwrap();
            if owner != seen.last() {
                seen.extend(owner.cloned());
            }
        };
        let watching = tokio::spawn(async move {
            loop {
                look();
                sleep(Duration::from_millis(1)).await;
            }
        });
        Owners { seen, watching }
    }

    fn seen(&self) -> Vec<Endpoint> {
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for Owners {
    fn drop(&mut self) {
        self.watching.abort();
    }
}

async fn connect(node: &Node, cluster: &LocalCluster) -> Client {
    let seed = cluster.proxy(node).unwrap().url();
    let client = Client::builder().nodes([seed]);
    in_time(client.connect()).await.unwrap()
}

/// What the node itself says of its cluster: whether it is in order, and whether it
/// owns the slots.
async fn believes(node: &Node) -> (bool, bool) {
    let info: String = node.ask(&["CLUSTER", "INFO"]).await.unwrap();
    let nodes: String = node.ask(&["CLUSTER", "NODES"]).await.unwrap();
    let own = nodes.lines().find(|line| line.contains("myself"));
    let owns = own.is_some_and(|own| own.contains("master") && own.ends_with("0-5460"));
    (info.contains("cluster_state:ok"), owns)
}

/// No client reaches the node any more; other nodes do.
fn close_to_clients(cluster: &LocalCluster, node: &Node) {
    let proxy = cluster.proxy(node).unwrap();
    proxy.on_connect(OnConnect::Refuse(Cut::Reset));
    let is_client = |ip| ip == Ipv4Addr::LOCALHOST;
    for connection in proxy.open() {
        if is_client(connection.client().ip()) {
            connection.cut(Cut::Reset);
        }
    }
}

/// A primary is alone on its side, without its replica. It takes writes until it
/// notices, and goes on saying that its slots are its own; the others elect its
/// replica. Later a client reaches none but the one that is wrong.
///
/// Fails when one node's word undoes what is known under a higher epoch (`decide` in
/// `merge.rs`): the first client's map goes back to the old owner.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_reaches_both_sides_of_a_split_follows_the_majority() {
    let builder = LocalCluster::builder(&binary()).partitionable();
    let builder = builder.option("cluster-node-timeout", "1000");
    let cluster = builder.start().await.unwrap();
    let nodes = cluster.nodes();
    let (old, new) = (&nodes[0], &nodes[3]);
    let at = |node: &Node| Endpoint::new("127.0.0.1", cluster.proxy(node).unwrap().port());
    let client = connect(old, &cluster).await;
    let keys = keys_of_slot("split", SLOT, 2);
    let (key, counter) = (&keys[0], &keys[1]);
    client.set(key, "of all").await.unwrap();
    cluster.wait_replicas_synced(PATIENCE).await.unwrap();
    let owners = Owners::watch(&client, key);

    cluster.isolate(std::slice::from_ref(old)).unwrap();
    client.set(key, "of the few").await.unwrap();
    let word: String = old.ask(&["GET", key]).await.unwrap();
    assert_eq!(word, "of the few");
    until("the map knows", async || {
        in_time(client.incr(counter)).await.unwrap();
        owners.seen().last() == Some(&at(new))
    })
    .await;
    cluster.wait_until_agreed(PATIENCE).await.unwrap();
    assert_eq!(cluster.owner_of(SLOT).await.unwrap(), *new);
    assert_eq!(believes(old).await, (false, true));
    // What only the few had was lost, as it may be.
    assert_eq!(client.get::<String>(key).await.unwrap(), "of all");

    // Somebody begins with the view of the few.
    reset_counters(nodes).await;
    let newcomer = connect(old, &cluster).await;
    let owners_of_newcomer = Owners::watch(&newcomer, key);
    assert!(calls(old, "cluster|slots").await > 0);
    in_time(newcomer.incr(counter)).await.unwrap();
    until("the newcomer's map knows", async || {
        owners_of_newcomer.seen().last() == Some(&at(new))
    })
    .await;

    // And the first client hears of nobody else for a while.
    reset_counters(nodes).await;
    for node in &nodes[1..] {
        close_to_clients(&cluster, node);
    }
    until("the few have been asked again and again", async || {
        // It has to want something.
        let _ = timeout(Duration::from_millis(50), client.incr(counter)).await;
        calls(old, "cluster|slots").await >= 6
    })
    .await;
    assert_eq!(believes(old).await, (false, true));
    assert_eq!(errors(old, "CLUSTERDOWN").await, 0, "it was sent a command");
    for node in &nodes[1..] {
        cluster.proxy(node).unwrap().on_connect(OnConnect::Forward);
    }
    in_time(client.incr(counter)).await.unwrap();

    cluster.rejoin();
    until("all are one cluster again", async || {
        in_time(client.incr(counter)).await.unwrap();
        in_time(newcomer.incr(counter)).await.unwrap();
        cluster
            .wait_until_agreed(Duration::from_millis(1))
            .await
            .is_ok()
    })
    .await;
    assert_eq!(cluster.replica_of(new).await.unwrap(), *old);
    assert_eq!(owners.seen(), [at(old), at(new)]);
    assert!(owners_of_newcomer.seen().ends_with(&[at(new)]));
    assert!(owners_of_newcomer.seen().len() <= 2);
}
