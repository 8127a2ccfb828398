//! What the suites share: servers to run against, and ways to see what arrived
//! at them.
#![forbid(unsafe_code)]

mod connections;
mod counters;
mod joined;
mod keys;
mod monitor;
mod peer;
mod shared;
mod skipped;
mod tally;
mod wait;

pub use connections::{Connection, connections, connections_of, kill};
pub use counters::{calls, errors, errors_at_all, reset_counters};
pub use joined::join;
pub use keys::{keys_of_slot, tag_of};
pub use monitor::{Entry, Monitor};
pub use peer::{Peer, heard};
pub use shared::{on_own_cluster, on_shared_cluster};
pub use skipped::{skipped, skipped_without_tls};
pub use tally::{Counters, Tally};
pub use wait::{PATIENCE, in_time, until};

use slotline_testkit::{LocalCluster, LocalServer, Node, ServerBinary};

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

/// The owner of a slot, and another primary.
///
/// # Panics
/// The cluster has no such nodes.
pub async fn two_primaries(cluster: &LocalCluster, slot: u16) -> (Node, Node) {
    let found = async {
        let owner = cluster.owner_of(slot).await.ok()?;
        let primaries = cluster.primaries().await.ok()?;
        let other = primaries.into_iter().find(|node| *node != owner)?;
        Some((owner, other))
    };
    match found.await {
        Some(nodes) => nodes,
        None => panic!("slot {slot} has no owner, or nobody else is a primary"),
    }
}
