use slotline_testkit::{LocalCluster, LocalServer};

use crate::{binary, until};

/// Nodes that join the cluster, known to all of its nodes: primaries without slots.
///
/// # Panics
/// A server does not start, or some do not hear of it.
pub async fn join<const COUNT: usize>(cluster: &LocalCluster) -> [LocalServer; COUNT] {
    let mut newcomers = Vec::new();
    let mut ids = Vec::new();
    for _ in 0..COUNT {
        let newcomer = LocalServer::builder(&binary())
            .option("cluster-enabled", "yes")
            .option("cluster-config-file", "nodes.conf")
            .option("cluster-node-timeout", "2000")
            .option("cluster-port", "0")
            .start()
            .await
            .expect("a server");
        let port = newcomer.port().to_string();
        let meet = ["CLUSTER", "MEET", "127.0.0.1", &port];
        cluster.nodes()[0].call(&meet).await.expect("MEET");
        let id: String = newcomer.ask(&["CLUSTER", "MYID"]).await.expect("an id");
        ids.push(id);
        newcomers.push(newcomer);
    }
    let count = cluster.nodes().len() + COUNT;
    until("all nodes know the newcomers", async || {
        let mut knowing = 0;
        for node in cluster
            .nodes()
            .iter()
            .chain(newcomers.iter().map(|it| it.node()))
        {
            let view: String = node.ask(&["CLUSTER", "NODES"]).await.expect("a view");
            let settled = ids.iter().all(|id| {
                let line = view.lines().find(|line| line.starts_with(id));
                line.is_some_and(|line| line.contains(" connected") && !line.contains("handshake"))
            });
            let whole = view.lines().count() == count;
            let info: String = node.ask(&["CLUSTER", "INFO"]).await.expect("its state");
            knowing += usize::from(settled && whole && info.contains("cluster_state:ok"));
        }
        knowing == count
    })
    .await;
    match newcomers.try_into() {
        Ok(newcomers) => newcomers,
        Err(_) => unreachable!("as many as were started"),
    }
}
