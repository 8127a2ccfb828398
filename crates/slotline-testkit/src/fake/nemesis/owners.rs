//! Faults that change who owns what.

use std::time::Duration;

use tokio::time::sleep;

use super::super::FakeCluster;
use super::super::dice::Dice;
use super::super::steer::Unreplicated;
use super::lines::millis;

const DOWN: &str = "CLUSTERDOWN The cluster is down";

impl FakeCluster {
    pub(super) async fn migration(&self, dice: &mut Dice) {
        let _alone = self.inner.changing.lock().await;
        // One that has keys, if there is such.
        let slots: Vec<u16> = {
            let state = self.state();
            state.world.slots_with_keys()
        };
        let slot = dice.pick(&slots).copied();
        let slot = slot.unwrap_or_else(|| u16::try_from(dice.below(16_384)).unwrap_or(0));
        let mut targets = self.primaries();
        targets.retain(|target| Some(*target) != self.owner_of(slot));
        let Some(to) = dice.pick(&targets).copied() else {
            return;
        };
        let Some(from) = self.begin_migration(slot, to) else {
            return;
        };
        sleep(millis(dice, 0, 40)).await;
        // Keys may be added meanwhile, at the target.
        while let Some(key) = {
            let keys = self.keys_in_slot(slot);
            dice.pick(&keys).cloned()
        } {
            self.move_key(&key);
            sleep(millis(dice, 0, 60)).await;
        }
        sleep(millis(dice, 0, 40)).await;
        self.unheard(dice, &[from, to], |cluster| {
            cluster.finish_migration(slot, to)
        })
        .await;
    }

    /// Changes something of which all but `told` hear later, one by one.
    async fn unheard(&self, dice: &mut Dice, told: &[u16], change: impl FnOnce(&FakeCluster)) {
        let mut others: Vec<u16> = self.state().world.truth().ports().collect();
        others.retain(|node| !told.contains(node) && !self.is_down(*node));
        for node in &others {
            self.isolate(*node);
        }
        change(self);
        while !others.is_empty() {
            sleep(millis(dice, 0, 120)).await;
            let at = usize::try_from(dice.below(others.len() as u64)).unwrap_or(0);
            self.tell(others.swap_remove(at));
        }
    }

    pub(super) async fn failover(&self, dice: &mut Dice) {
        let _alone = self.inner.changing.lock().await;
        let primary = self.any_primary(dice);
        let Some(replica) = dice.pick(&self.replicas_of(primary)).copied() else {
            return;
        };
        self.unheard(dice, &[primary, replica], |cluster| {
            cluster.fail_over(replica, Unreplicated::Kept);
        })
        .await;
    }

    pub(super) async fn crash(&self, dice: &mut Dice) {
        let _alone = self.inner.changing.lock().await;
        let primary = self.any_primary(dice);
        let Some(replica) = dice.pick(&self.replicas_of(primary)).copied() else {
            return;
        };
        self.kill(primary);
        sleep(millis(dice, 10, 600)).await;
        // For a while nobody serves anything.
        let survivors: Vec<u16> = self.state().world.truth().ports().collect();
        if dice.chance(1, 2) {
            for node in &survivors {
                self.refuse_keys(*node, Some(DOWN));
            }
            sleep(millis(dice, 10, 300)).await;
            for node in &survivors {
                self.refuse_keys(*node, None);
            }
        }
        self.unheard(dice, &[primary, replica], |cluster| {
            cluster.set_failed(primary, true);
            cluster.fail_over(replica, Unreplicated::Lost);
        })
        .await;
        sleep(millis(dice, 0, 600)).await;
        // It may serve by its old map for a moment.
        self.start(primary);
        sleep(millis(dice, 0, 30)).await;
        self.tell(primary);
    }

    pub(super) async fn partition(&self, dice: &mut Dice) {
        let _alone = self.inner.changing.lock().await;
        let primary = self.any_primary(dice);
        let Some(replica) = dice.pick(&self.replicas_of(primary)).copied() else {
            return;
        };
        self.isolate(primary);
        sleep(millis(dice, 0, 100)).await;
        self.unheard(dice, &[primary, replica], |cluster| {
            cluster.fail_over(replica, Unreplicated::Lost);
        })
        .await;
        sleep(Duration::from_millis(dice.below(400))).await;
        self.tell(primary);
    }
}
