//! What the suites share: servers to run against.
#![forbid(unsafe_code)]

use std::time::Duration;

use slotline_testkit::{LocalCluster, LocalServer, ServerBinary};

/// How long a test waits for a condition before it gives up.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// The server that `cargo xtask integration` chose, or one that is on PATH.
pub fn binary() -> ServerBinary {
    match ServerBinary::find() {
        Ok(binary) => binary,
        Err(error) => panic!("{error}"),
    }
}

/// A cluster of three primaries and a replica for each.
pub async fn cluster() -> LocalCluster {
    match LocalCluster::builder(&binary()).start().await {
        Ok(cluster) => cluster,
        Err(error) => panic!("the cluster did not start: {error}"),
    }
}

/// A server that is in no cluster.
pub async fn server() -> LocalServer {
    match LocalServer::start(&binary()).await {
        Ok(server) => server,
        Err(error) => panic!("the server did not start: {error}"),
    }
}
