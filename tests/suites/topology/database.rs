//! D12: a database in a cluster that has only one.

use slotline::{Client, Discovery};
use slotline_tests::{binary, calls, cluster, in_time, reset_counters};

/// Fails when the database is left out of what a connection needs (`pool` in
/// `builder.rs`): a client that asked for database 1 would write to database 0.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_there_is_not_is_said_at_once() {
    let binary = binary();
    assert!(
        !binary.version().is_at_least(9, 0),
        "this one has databases in a cluster"
    );
    let cluster = cluster().await;
    reset_counters(cluster.nodes()).await;
    for discovery in [Discovery::Auto, Discovery::Cluster, Discovery::SingleNode] {
        let url = format!("{}/1", cluster.url());
        let client = Client::builder().nodes([url]).discovery(discovery);
        let error = in_time(client.connect()).await.unwrap_err();
        assert_eq!(error.step(), Some("SELECT"), "{error}");
        assert!(error.is_config(), "{error}");
        let text = error.to_string();
        assert!(
            text.contains("database") || text.contains("SELECT"),
            "{text}"
        );
    }
    let mut selects = 0;
    for node in cluster.nodes() {
        selects += calls(node, "select").await;
    }
    assert!((1..=3).contains(&selects), "{selects} attempts");
    // The one that there is.
    let client = Client::connect(format!("{}/0", cluster.url()))
        .await
        .unwrap();
    client.set("k", "v").await.unwrap();
}
