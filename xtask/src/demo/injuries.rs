//! What is done to the cluster. Each makes sure that it took place.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use slotline_testkit::{LocalCluster, Node};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use super::screen::Screen;
use super::tally::Tally;
use super::windows::{Closer, Windows};
use crate::outages::{PATIENCE, connection_of, slots_of};

/// What the client's connections are called, so that no other is killed.
pub(super) const CLIENT_NAME: &str = "slotline-demo";
/// How often a replica's client connections are killed.
const KILL_EVERY: Duration = Duration::from_millis(50);
/// Keys of a slot that are moved before the pause: about half of them.
const HALF: usize = 4;

/// Kills the client's own data connections to `replica` until `until`: those in
/// read-only mode that bear its name. Returns how many.
pub(super) async fn kill_connections(replica: &Node, until: Instant) -> Result<u64> {
    let mut kills = 0;
    let mut ticks = interval(KILL_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while Instant::now() < until {
        ticks.tick().await;
        let list: String = replica.ask(&["CLIENT", "LIST"]).await?;
        for id in list
            .lines()
            .filter_map(|line| connection_of(line, CLIENT_NAME, Some('r')))
        {
            let killed: u64 = replica.ask(&["CLIENT", "KILL", "ID", id]).await?;
            kills += killed;
        }
    }
    if kills == 0 {
        bail!(
            "no connection was there to be killed: {}",
            replica.address()
        );
    }
    Ok(kills)
}

/// What a migration came to.
pub(super) struct Moved {
    pub(super) slots: usize,
    pub(super) keys: usize,
}

/// Moves the first `count` slots of `from` to `to` while they are in use, key by
/// key, spread over the time until `until`; back when all servers have the news.
pub(super) async fn migrate(
    cluster: &LocalCluster,
    from: &Node,
    to: &Node,
    (count, until): (usize, Instant),
    windows: &Windows,
    (tally, screen): (&Arc<Tally>, &Screen),
) -> Result<Moved> {
    let mut closer = Closer::new(cluster, from, to).await?;
    let slots: Vec<u16> = slots_of(from).await?.into_iter().take(count).collect();
    let mut moved = Moved { slots: 0, keys: 0 };
    for slot in slots {
        windows.open(slot, tally.now());
        let migration = cluster.begin_migration(slot, from, to).await?;
        moved.keys += migration.move_keys(HALF).await?;
        let left = (count - moved.slots) as u32;
        let pause = until.saturating_duration_since(Instant::now()) / left.max(1);
        // Half moved is when a slot is hardest to serve: let it be seen so.
        sleep(pause).await;
        moved.keys += migration.finish().await?;
        moved.slots += 1;
        closer.finished(slot);
        if moved.slots.is_multiple_of(20) {
            screen.progress(format!("{} of {count} slots moved", moved.slots));
            closer.close(windows, || tally.now()).await?;
        }
    }
    let deadline = Instant::now() + PATIENCE;
    while !closer.is_done() {
        if Instant::now() >= deadline {
            bail!("the replicas did not learn of the migration within {PATIENCE:?}");
        }
        sleep(Duration::from_millis(25)).await;
        closer.close(windows, || tally.now()).await?;
    }
    screen.progress(String::new());
    let there = slots_of(to).await?;
    if moved.slots == 0 || moved.keys == 0 || there.len() < moved.slots {
        bail!("nothing was migrated");
    }
    Ok(moved)
}

/// Makes the replica of `primary` the primary, by command; returns it.
pub(super) async fn fail_over(cluster: &LocalCluster, primary: &Node) -> Result<Node> {
    let replica = cluster.replica_of(primary).await?;
    cluster.failover(&replica).await?;
    cluster.wait_until_agreed(PATIENCE).await?;
    if !cluster.primaries().await?.contains(&replica) {
        bail!("{} did not become a primary", replica.address());
    }
    Ok(replica)
}
