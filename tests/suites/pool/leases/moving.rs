//! Commands that block, while what they wait for goes to another node (F2).

use slotline_pool::Pool;
use slotline_testkit::{LocalCluster, Node};
use slotline_tests::{PATIENCE, in_time, keys_of_slot, on_shared_cluster, until};

use super::setting::{ask, ask_shared, blocked, lease};
use crate::setting::{BOTH, builder, late, texts, words};

/// Pools of a node, one for each version of the protocol.
fn pools(node: &Node) -> [Pool; 2] {
    BOTH.map(|protocol| builder(node, "moving").protocol(protocol).build())
}

/// What BLPOP of a key comes to when something happens while it waits, and whether
/// its lease can go on. Others are served meanwhile.
async fn blocked_while(
    pool: &Pool,
    node: &Node,
    key: &str,
    happens: impl Future<Output = ()>,
) -> (String, bool) {
    let mut lease = lease(pool).await;
    let blpop = format!("BLPOP {key} 0");
    let call = lease.call(words(&[blpop]), late());
    let happens = async {
        until("it is blocked", async || blocked(node).await == 1).await;
        happens.await;
    };
    let (answer, ()) = in_time(async { tokio::join!(call, happens) }).await;
    let said = texts(&answer).remove(0);
    // An end of the connection is seen at the next use at the latest.
    let next = lease.call(words(&["PING"]), late());
    let goes_on = in_time(next).await.failure.is_none();
    assert_eq!(ask_shared(pool, &["PING"]).await, ["PONG"]);
    (said, goes_on)
}

/// The slot goes to another node. The error is the reply, and the lease goes on.
///
/// Fails when an error ends a lease (in `Connection::sort`, lose the connection on one).
#[test]
fn who_is_blocked_while_the_slot_moves_is_told_where_it_went() {
    on_shared_cluster(async |cluster: &LocalCluster| {
        for (turn, slot) in [700, 701].into_iter().enumerate() {
            let from = cluster.owner_of(slot).await.expect("an owner");
            let primaries = cluster.primaries().await.expect("primaries");
            let mut others = primaries.into_iter().filter(|node| *node != from);
            let to = others.next().expect("another primary");
            let key = keys_of_slot("blocked", slot, 1).remove(0);
            let pool = &pools(&from)[turn];
            let moves = async {
                let moved = cluster.migrate_slots([slot], &from, &to).await;
                moved.expect("the slot moves");
            };
            let (said, goes_on) = blocked_while(pool, &from, &key, moves).await;
            assert_eq!((&said[..], goes_on), ("-MOVED", true));
            assert_eq!(pool.statistics().leases.lost, 0);
        }
    });
}

/// The node becomes a replica: it says so and closes the connection, which costs
/// nobody else anything.
///
/// Fails when the end of a stream is taken for nothing (in `Connection::read`): the
/// next use hangs.
#[test]
fn who_is_blocked_while_the_node_becomes_a_replica_is_unblocked() {
    on_shared_cluster(async |cluster: &LocalCluster| {
        for turn in [0, 1] {
            let from = cluster.owner_of(710).await.expect("an owner");
            let heir = cluster.replica_of(&from).await.expect("a replica");
            let synced = cluster.wait_replicas_synced(PATIENCE).await;
            synced.expect("in step");
            let key = keys_of_slot("blocked", 710, 1).remove(0);
            let pool = &pools(&from)[turn];
            let fails_over = async { cluster.failover(&heir).await.expect("a failover") };
            let (said, goes_on) = blocked_while(pool, &from, &key, fails_over).await;
            assert_eq!((&said[..], goes_on), ("-UNBLOCKED", false));
            assert_eq!(pool.statistics().leases.lost, 1);
            let mut next = lease(pool).await;
            assert_eq!(ask(&mut next, &["PING"]).await, ["PONG"]);
            let agreed = cluster.wait_until_agreed(PATIENCE).await;
            agreed.expect("the cluster is whole");
        }
    });
}
