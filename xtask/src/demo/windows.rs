//! Which slots were migrating when.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Result;
use slotline::Slot;
use slotline_testkit::{LocalCluster, Node, ServerVersion};
use slotline_topology::parse_nodes;

/// The time of each slot's migration: from before its first step until the
/// replicas of both sides have the news and the keys.
pub(super) struct Windows {
    slots: Vec<Window>,
    excused: bool,
}

/// In microseconds since the start of the run; 0 stands for not yet.
#[derive(Default)]
struct Window {
    from: AtomicU64,
    to: AtomicU64,
}

impl Windows {
    /// `excused` says whether an empty reply within a window is the server's doing.
    pub(super) fn new(excused: bool) -> Self {
        Self {
            slots: Slot::all().map(|_| Window::default()).collect(),
            excused,
        }
    }

    /// Whether an empty reply to a replica read of `slot`, asked and answered at
    /// these times, is excused: its slot was migrating and the server's replicas
    /// do not know what that means (T6).
    pub(super) fn excuse(&self, slot: Slot, began: Duration, ended: Duration) -> bool {
        let Some(window) = self.slots.get(slot.index()).filter(|_| self.excused) else {
            return false;
        };
        let from = window.from.load(Ordering::Acquire);
        let to = window.to.load(Ordering::Acquire);
        from != 0 && micros(ended) >= from && (to == 0 || micros(began) <= to)
    }

    pub(super) fn open(&self, slot: u16, now: Duration) {
        if let Some(window) = self.slots.get(usize::from(slot)) {
            window.from.store(micros(now), Ordering::Release);
        }
    }

    fn close(&self, slot: u16, now: Duration) {
        if let Some(window) = self.slots.get(usize::from(slot)) {
            window.to.store(micros(now), Ordering::Release);
        }
    }
}

fn micros(time: Duration) -> u64 {
    (time.as_micros() as u64).max(1)
}

/// From version 8 on Valkey tells its replicas of a migration, and they answer
/// ASK; all others answer as if the key had never been.
pub(super) fn replicas_know_migrations(version: &ServerVersion) -> bool {
    version.name == "valkey" && version.is_at_least(8, 0)
}

/// Closes the windows of slots whose last step is done.
pub(super) struct Closer {
    from_replica: Node,
    to: Node,
    to_replica: Node,
    /// Finished slots, and how far the target's log was when they had been.
    finished: Vec<(u16, Option<u64>)>,
}

impl Closer {
    pub(super) async fn new(cluster: &LocalCluster, from: &Node, to: &Node) -> Result<Self> {
        Ok(Self {
            from_replica: cluster.replica_of(from).await?,
            to: to.clone(),
            to_replica: cluster.replica_of(to).await?,
            finished: Vec::new(),
        })
    }

    pub(super) fn finished(&mut self, slot: u16) {
        self.finished.push((slot, None));
    }

    pub(super) fn is_done(&self) -> bool {
        self.finished.is_empty()
    }

    /// Asks the replicas how they see it. `now` is read after they have answered.
    pub(super) async fn close(
        &mut self,
        windows: &Windows,
        now: impl Fn() -> Duration,
    ) -> Result<()> {
        if self.finished.is_empty() {
            return Ok(());
        }
        let written = offset(&self.to, "master_repl_offset").await?;
        let applied = offset(&self.to_replica, "slave_repl_offset").await?;
        let one = self.slots_of_target(&self.from_replica).await?;
        let other = self.slots_of_target(&self.to_replica).await?;
        let now = now();
        let is_known = |known: &[bool], slot: u16| known.get(usize::from(slot)) == Some(&true);
        self.finished.retain_mut(|(slot, wanted)| {
            let wanted = *wanted.get_or_insert(written);
            let over = applied >= wanted && is_known(&one, *slot) && is_known(&other, *slot);
            if over {
                windows.close(*slot, now);
            }
            !over
        });
        Ok(())
    }

    /// For each slot whether `witness` believes that the target serves it.
    async fn slots_of_target(&self, witness: &Node) -> Result<Vec<bool>> {
        let mut serves = vec![false; usize::from(Slot::COUNT)];
        let text: String = witness.ask(&["CLUSTER", "NODES"]).await?;
        let lines = parse_nodes(&text);
        for line in lines.iter().filter(|line| line.id == self.to.id()) {
            for slot in line.slots.iter().cloned().flatten() {
                if let Some(serves) = serves.get_mut(usize::from(slot)) {
                    *serves = true;
                }
            }
        }
        Ok(serves)
    }
}

async fn offset(node: &Node, field: &str) -> Result<u64> {
    let text = node.info("replication", field).await?;
    Ok(text.and_then(|text| text.parse().ok()).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_reads_that_touch_the_window_are_excused_and_only_by_old_servers() {
        let windows = Windows::new(true);
        let slot = Slot::new(5).unwrap();
        let at = Duration::from_millis;
        assert!(!windows.excuse(slot, at(1), at(100)));
        windows.open(5, at(10));
        assert!(windows.excuse(slot, at(1), at(10)));
        assert!(!windows.excuse(slot, at(1), at(9)));
        windows.close(5, at(20));
        assert!(windows.excuse(slot, at(20), at(30)));
        assert!(!windows.excuse(slot, at(21), at(30)));
        assert!(!windows.excuse(Slot::new(6).unwrap(), at(1), at(100)));
        let newer = Windows::new(false);
        newer.open(5, at(10));
        assert!(!newer.excuse(slot, at(10), at(20)));
    }
}
