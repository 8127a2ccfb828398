//! What a command, a connection and a fleet of clients cost as there are more of them.
//!
//! All of it is in the memory of one process and under a clock that stands still unless
//! everybody waits, so that each run takes the same course.
#![forbid(unsafe_code)]

pub mod cost;
pub mod fleet;
pub mod memory;

use std::sync::Arc;

use slotline::{Client, ClientBuilder};
use slotline_gate::{Layout, Scenario, Work, connector, keys};
use tokio::runtime::{Builder, Runtime};

/// How many different keys there are: of each of 1,000 nodes about ten.
const KEYS: usize = 10_000;

/// One thread, and tokio's clock paused.
fn runtime() -> Runtime {
    let mut builder = Builder::new_current_thread();
    let runtime = builder.enable_time().start_paused(true).build();
    runtime.expect("a runtime")
}

/// A client of such a cluster, to be.
fn builder(layout: &Arc<Layout>, seed: u64) -> ClientBuilder {
    let builder = Client::builder().connector(connector(Arc::clone(layout)));
    builder.nodes(["redis://10.0.0.1:7000"]).seed(seed)
}

/// A client of such a cluster.
async fn client(layout: &Arc<Layout>, seed: u64) -> Client {
    let client = builder(layout, seed).connect().await;
    client.expect("nodes that answer")
}

/// Has it send a command to every node.
async fn meet_all(client: &Client) {
    let all = Scenario {
        name: "one GET of each key",
        tasks: 1,
        work: Work::Gets(KEYS),
    };
    all.run(client, &keys(KEYS), 1).await;
}
