//! Making one cluster of separate nodes.

use slotline_resp::Value;
use std::time::Duration;

use super::{GOSSIP, LocalCluster, view_of};
use crate::error::Result;
use crate::node::Node;
use crate::wait::until;

const SLOTS: usize = 16_384;

/// The first `primaries` nodes share the slots, the others replicate them in
/// turn. Every step that needs no other comes before the nodes meet, so that
/// the servers' own delays run side by side.
pub(super) async fn form(
    cluster: &LocalCluster,
    primaries: usize,
    deadline: Duration,
) -> Result<()> {
    let nodes = cluster.nodes();
    for (index, node) in nodes.iter().enumerate() {
        node.set_id(node.ask(&["CLUSTER", "MYID"]).await?);
        let epoch = (index + 1).to_string();
        node.call(&["CLUSTER", "SET-CONFIG-EPOCH", &epoch]).await?;
        if index < primaries {
            let (from, to) = share(index, primaries);
            node.call(&[
                "CLUSTER",
                "ADDSLOTSRANGE",
                &from.to_string(),
                &to.to_string(),
            ])
            .await?;
        }
    }
    // Each meets each: waiting for gossip to spread the news takes seconds.
    for (index, node) in nodes.iter().enumerate() {
        for other in nodes.iter().skip(index + 1) {
            meet(node, other).await?;
        }
    }
    for (node, primary) in nodes
        .iter()
        .skip(primaries)
        .zip(nodes.iter().take(primaries).cycle())
    {
        replicate(node, primary).await?;
    }
    cluster.wait_until_agreed(deadline).await
}

/// The slots of one of `count` primaries, both ends included.
fn share(index: usize, count: usize) -> (usize, usize) {
    (index * SLOTS / count, (index + 1) * SLOTS / count - 1)
}

async fn meet(node: &Node, other: &Node) -> Result<Value> {
    let address = other.address();
    let (ip, port) = (address.ip().to_string(), address.port().to_string());
    let launch = other.launch();
    let own = || launch.bus_port.unwrap_or_default().to_string();
    // Where the others are to find it from the first word on.
    let bus = launch.option("cluster-announce-bus-port");
    let bus = bus.map_or_else(own, str::to_owned);
    node.call(&["CLUSTER", "MEET", &ip, &port, &bus]).await
}

/// As soon as the node knows the primary by its id.
async fn replicate(node: &Node, primary: &Node) -> Result<()> {
    let done = until(GOSSIP, "CLUSTER REPLICATE", || async {
        let view = view_of(node).await.map_err(|error| error.to_string())?;
        if !view
            .member(primary.id())
            .is_some_and(|member| member.is_settled())
        {
            return Err(format!("it has not met {}", primary.address()));
        }
        node.call(&["CLUSTER", "REPLICATE", primary.id()])
            .await
            .map(drop)
            .map_err(|error| error.to_string())
    });
    done.await.map_err(|error| error.at(node.address()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_cover_all_slots_without_overlap() {
        for count in [1, 2, 3, 7, 100] {
            let mut next = 0;
            for index in 0..count {
                let (from, to) = share(index, count);
                assert_eq!(from, next);
                assert!(to >= from);
                next = to + 1;
            }
            assert_eq!(next, SLOTS);
        }
    }
}
