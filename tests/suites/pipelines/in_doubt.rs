//! A server that stands still, and what was sent to it.

use std::time::Duration;

use slotline::{Client, Delivery};
use slotline_tests::{calls, reset_counters, server, until};

/// Fails when a write that may have run is sent again: the counter is then 2.
#[tokio::test]
async fn an_increment_that_a_stopped_server_had_received_counts_once() {
    let server = server().await;
    let patient = Client::connect(server.url()).await.expect("connecting");
    let hasty = Client::builder()
        .nodes([server.url()])
        .response_timeout(Duration::from_millis(200));
    let hasty = hasty.connect().await.expect("connecting");
    hasty.ping().await.expect("PING");
    reset_counters(&[server.node().clone()]).await;

    server.node().pause().expect("stopping");
    // The connection is given up, and there is time left for another attempt.
    let going_on = async {
        until("it is given up", async || {
            let mut all = hasty.statistics().into_iter();
            all.any(|(_, _, statistics)| statistics.connections_lost > 0)
        })
        .await;
        server.node().resume().expect("going on");
    };
    let (written, read, ()) = tokio::join!(hasty.incr("n"), hasty.get::<i64>("n"), going_on);
    let error = written.expect_err("nobody answers");
    assert!(error.is_timeout() || error.is_network(), "{error}");
    assert_eq!(error.delivery(), Delivery::Ambiguous);
    assert_eq!(read.expect("a read goes again"), 1);
    let counted: i64 = patient.get("n").await.expect("GET");
    assert_eq!(counted, 1);
    let again = hasty.incr("n").await.expect("INCR");
    assert_eq!(again, 2);
    assert_eq!(calls(server.node(), "incr").await, 2);
}
