use std::sync::LazyLock;

use slotline_testkit::LocalCluster;
use tokio::runtime::Runtime;
use tokio::sync::{Mutex, OnceCell};

use crate::{PATIENCE, cluster};

/// It outlives each test, since the servers' handles belong to it.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| match Runtime::new() {
    Ok(runtime) => runtime,
    Err(error) => panic!("no runtime: {error}"),
});

static CLUSTER: OnceCell<Mutex<LocalCluster>> = OnceCell::const_new();

/// Runs a test on the one cluster that all tests of a suite share, one after
/// another. A test leaves it whole, if with other roles: see that every node
/// runs. The servers end with the process.
///
/// # Panics
/// With the test, or if the cluster is not whole.
pub fn on_shared_cluster(test: impl AsyncFnOnce(&LocalCluster)) {
    RUNTIME.block_on(async {
        let cluster = CLUSTER.get_or_init(async || Mutex::new(cluster().await));
        let cluster = cluster.await.lock().await;
        if let Err(error) = cluster.wait_until_agreed(PATIENCE).await {
            panic!("the test before left the cluster broken: {error}");
        }
        test(&cluster).await;
    });
}

/// One at a time: each is six servers.
static OWN: Mutex<()> = Mutex::const_new(());

/// Runs a test on a cluster of its own: one in which slots move while nodes fail over. On a
/// cluster that has had many failovers lately, redis 7.0 may count old votes, raise no
/// epoch, and leave a slot to nobody.
///
/// # Panics
/// With the test, or if the cluster does not start.
pub fn on_own_cluster(test: impl AsyncFnOnce(&LocalCluster)) {
    RUNTIME.block_on(async {
        let _one = OWN.lock().await;
        let cluster = cluster().await;
        test(&cluster).await;
    });
}
