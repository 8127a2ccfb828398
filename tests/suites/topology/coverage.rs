//! D6: slots that nobody serves.

use std::time::Duration;

use slotline::{Client, Delivery};
use slotline_testkit::LocalCluster;
use slotline_tests::{binary, in_time, keys_of_slot, until};
use tokio::time::Instant;

/// Fails when a view that lacks a slot is refused as a whole (`install` of the
/// refresh): the map never loses the slot.
#[tokio::test(flavor = "multi_thread")]
async fn a_missing_slot_disables_its_own_commands_alone() {
    let builder = LocalCluster::builder(&binary()).replicas(0);
    let cluster = builder
        .option("cluster-require-full-coverage", "no")
        .start()
        .await
        .unwrap();
    let timeout = Duration::from_secs(3);
    let client = Client::builder().nodes([cluster.url()]).timeout(timeout);
    let client = client.connect().await.unwrap();
    let missing = keys_of_slot("missing", 42, 1).concat();
    assert_eq!(client.incr(&missing).await.unwrap(), 1);
    for node in cluster.nodes() {
        node.call(&["CLUSTER", "DELSLOTS", "42"]).await.unwrap();
    }
    let told = cluster.nodes()[0]
        .call(&["GET", &missing])
        .await
        .unwrap_err();
    assert_eq!(told.code(), Some("CLUSTERDOWN"));

    let waits = tokio::spawn({
        let (client, missing) = (client.clone(), missing.clone());
        async move {
            let began = Instant::now();
            (client.incr(&missing).await, began.elapsed())
        }
    });
    let unmapped = async || {
        for n in 0..50 {
            // Slot 42 aside, whose neighbours are served.
            in_time(client.incr(format!("spread:{n}"))).await.unwrap();
        }
        client.topology().covered() == 16_383
    };
    until("the map has lost the slot", unmapped).await;
    let (outcome, took) = in_time(waits).await.unwrap();
    let error = outcome.unwrap_err();
    assert!(error.is_cluster() || error.is_timeout(), "{error}");
    assert_ne!(error.delivery(), Delivery::Ambiguous, "{error}");
    assert!(
        took < timeout + Duration::from_secs(2),
        "it ends by its deadline"
    );
    // Now that nobody serves it for all that is known, it is said with the slot.
    let error = in_time(client.incr(&missing)).await.unwrap_err();
    assert!(
        error.is_cluster() && error.delivery() == Delivery::NotSent,
        "{error}"
    );
    // In a pipeline it takes no other along.
    let mut pipe = client.pipeline();
    pipe.incr("spread:1");
    pipe.incr(&missing);
    pipe.incr("spread:2");
    let results = in_time(pipe.send()).await.unwrap();
    let ok: Vec<bool> = results
        .into_iter()
        .map(|reply| reply.decode::<i64>().is_ok())
        .collect();
    assert_eq!(ok, [true, false, true]);

    cluster.nodes()[0]
        .call(&["CLUSTER", "ADDSLOTS", "42"])
        .await
        .unwrap();
    until("it is served again", async || {
        client.incr(&missing).await.is_ok()
    })
    .await;
}
