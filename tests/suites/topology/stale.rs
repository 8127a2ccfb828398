//! D4: nodes that have not heard of a change.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use slotline::{Client, Endpoint, slot_of};
use slotline_testkit::{FaultProxy, LocalCluster, Node};
use slotline_tests::{PATIENCE, binary, errors, in_time, keys_of_slot, reset_counters, until};

use crate::raw;

fn owner(client: &Client, key: &str) -> Option<Endpoint> {
    let topology = client.topology();
    let owner = topology.primary_of(slot_of(key))?;
    topology.endpoint(owner).cloned()
}

/// What a node answers to the two questions of a refresh, in RESP3.
async fn view(node: &Node) -> [Vec<u8>; 2] {
    let mut stream = raw::open(node, "3").await;
    let slots = raw::ask(&mut stream, &["CLUSTER", "SLOTS"]).await;
    [slots, raw::ask(&mut stream, &["CLUSTER", "NODES"]).await]
}

/// From now on the proxy answers both with what was said then; how often it has.
fn go_on_saying(proxy: &FaultProxy, [slots, nodes]: [Vec<u8>; 2]) -> Arc<AtomicUsize> {
    let told = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&told);
    proxy.to_client().rewrite(move |frame| {
        let behind_length = frame
            .iter()
            .position(|byte| *byte == b'\n')
            .map_or(0, |end| end + 1);
        match (frame.first(), frame.get(behind_length)) {
            (Some(b'*'), Some(b'*')) => {
                count.fetch_add(1, Ordering::Relaxed);
                Some(slots.clone())
            }
            (Some(b'='), _) => Some(nodes.clone()),
            _ => None,
        }
    });
    told
}

/// Two primaries of three go on saying what they said before a failover, which is
/// what nodes do that have not heard of it: two views of three are old, with a
/// config epoch that is less.
///
/// Fails when the majority decides although epochs are known (`words.retain` in
/// `merge.rs`): the map goes back to the old owner, which answers MOVED.
#[tokio::test(flavor = "multi_thread")]
async fn a_stale_majority_does_not_turn_the_map_back() {
    let cluster = LocalCluster::builder(&binary())
        .proxied()
        .start()
        .await
        .unwrap();
    let nodes = cluster.nodes();
    let (old, new) = (&nodes[0], &nodes[3]);
    let at = |node: &Node| Endpoint::new("127.0.0.1", cluster.proxy(node).unwrap().port());
    let client = Client::connect(cluster.url()).await.unwrap();
    let key = keys_of_slot("stale", 42, 1).concat();
    assert_eq!(client.incr(&key).await.unwrap(), 1);
    let mut told = Vec::new();
    for deaf in &nodes[1..3] {
        told.push((deaf, view(deaf).await));
    }
    cluster.failover(new).await.unwrap();
    cluster.wait_until_agreed(PATIENCE).await.unwrap();
    until("the map knows", async || {
        in_time(client.incr(&key)).await.unwrap();
        owner(&client, &key) == Some(at(new))
    })
    .await;
    let told: Vec<Arc<AtomicUsize>> = told
        .into_iter()
        .map(|(deaf, view)| go_on_saying(cluster.proxy(deaf).unwrap(), view))
        .collect();

    reset_counters(nodes).await;
    // Something that a client wants a refresh for, again and again: by the old views
    // the slot has settled, and then it meets an ASK.
    let _half_way = cluster
        .begin_migration(6_100, &nodes[1], &nodes[2])
        .await
        .unwrap();
    let on_its_way = keys_of_slot("on its way", 6_100, 1).concat();
    until("the old views have come three times each", async || {
        assert_eq!(owner(&client, &key), Some(at(new)));
        in_time(client.incr(&key)).await.unwrap();
        in_time(client.incr(&on_its_way)).await.unwrap();
        told.iter().all(|told| told.load(Ordering::Relaxed) >= 3)
    })
    .await;
    // The old owner, a replica now, was never asked for the key.
    assert_eq!(errors(old, "MOVED").await, 0);
}
