//! A server that stands still, and what was sent to it.

use std::time::Duration;

use slotline::{Client, Delivery};
use slotline_tests::{calls, reset_counters, server};

/// Fails when a write that may have run is sent again: the counter is then 2.
#[tokio::test]
async fn an_increment_that_a_stopped_server_had_received_counts_once() {
    let server = server().await;
    let patient = Client::connect(server.url()).await.expect("connecting");
    let hasty = Client::builder()
        .nodes([server.url()])
        .timeout(Duration::from_millis(200));
    let hasty = hasty.connect().await.expect("connecting");
    hasty.ping().await.expect("PING");
    reset_counters(&[server.node().clone()]).await;

    server.node().pause().expect("stopping");
    let error = hasty.incr("n").await.expect_err("nobody answers");
    assert!(error.is_timeout(), "{error}");
    assert_eq!(error.delivery(), Delivery::Ambiguous);
    // A read is asked for again, but not beyond its deadline.
    let read = hasty.get::<Option<i64>>("n").await;
    assert!(read.expect_err("nobody answers").is_timeout());
    server.node().resume().expect("going on");

    let counted: i64 = patient.get("n").await.expect("GET");
    assert_eq!(counted, 1);
    let again = hasty.incr("n").await.expect("INCR");
    assert_eq!(again, 2);
    assert_eq!(calls(server.node(), "incr").await, 2);
}
