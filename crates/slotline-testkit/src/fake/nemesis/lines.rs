//! Faults of single nodes and of their connections.

use std::time::Duration;

use tokio::time::sleep;

use super::super::FakeCluster;
use super::super::dice::Dice;

/// Any time from `least` to `most` milliseconds.
pub(super) fn millis(dice: &mut Dice, least: u64, most: u64) -> Duration {
    Duration::from_millis(least + dice.below(most - least + 1))
}

impl FakeCluster {
    pub(super) async fn stand_still(&self, dice: &mut Dice) {
        let node = self.any_node(dice);
        self.pause(node);
        sleep(millis(dice, 5, 1500)).await;
        self.resume(node);
    }

    /// Somewhere in what comes next: in the first bytes, or some commands later.
    fn place(dice: &mut Dice) -> usize {
        let most = if dice.chance(1, 2) { 40 } else { 600 };
        usize::try_from(dice.below(most)).unwrap_or(0)
    }

    pub(super) async fn cut_commands(&self, dice: &mut Dice) {
        for _ in 0..1 + dice.below(3) {
            self.cut_commands_after(self.any_primary(dice), Self::place(dice));
            sleep(millis(dice, 1, 20)).await;
        }
    }

    pub(super) async fn cut_replies(&self, dice: &mut Dice) {
        for _ in 0..1 + dice.below(3) {
            self.cut_replies_after(self.any_primary(dice), Self::place(dice));
            sleep(millis(dice, 1, 20)).await;
        }
    }

    pub(super) async fn swallow(&self, dice: &mut Dice) {
        let node = self.any_node(dice);
        self.swallow_replies(node);
        sleep(millis(dice, 50, 1500)).await;
        self.cut(node);
    }

    pub(super) async fn refusal(&self, dice: &mut Dice) {
        let node = self.any_node(dice);
        self.refuse_connections(node, true);
        self.cut(node);
        sleep(millis(dice, 5, 800)).await;
        self.refuse_connections(node, false);
    }

    pub(super) async fn slowness(&self, dice: &mut Dice) {
        let node = self.any_node(dice);
        let least = millis(dice, 1, 50);
        self.set_latency(node, Some(least..=least * 3));
        sleep(millis(dice, 20, 1000)).await;
        self.set_latency(node, None);
    }

    pub(super) async fn condition(&self, dice: &mut Dice) {
        const CONDITIONS: [&str; 4] = [
            "LOADING Redis is loading the dataset in memory",
            "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
            "CLUSTERDOWN The cluster is down",
            "READONLY You can't write against a read only replica.",
        ];
        let condition = dice.pick(&CONDITIONS).copied();
        let node = match condition {
            // Only a replica says so.
            Some(line) if line.starts_with("MASTERDOWN") => {
                let replicas = self.replicas_of(self.any_primary(dice));
                dice.pick(&replicas).copied()
            }
            _ => Some(self.any_node(dice)),
        };
        let Some(node) = node else {
            return;
        };
        self.refuse_keys(node, condition);
        sleep(millis(dice, 5, 800)).await;
        self.refuse_keys(node, None);
    }

    pub(super) async fn odd_redirect(&self, dice: &mut Dice) {
        let node = self.any_primary(dice);
        let slot = dice.below(16_384);
        let other = self.any_primary(dice);
        let lines = [
            "MOVED".to_owned(),
            "MOVED x y".to_owned(),
            format!("MOVED {slot}"),
            format!("MOVED 99999 127.0.0.1:{other}"),
            format!("MOVED {slot} 127.0.0.1:0"),
            format!("MOVED {slot} 127.0.0.1:{other}"),
            format!("MOVED {slot} ?:{other}"),
            format!("MOVED {slot} :{other}"),
            format!("ASK {slot} 127.0.0.1:9999"),
            "ASK -1 [::1:7000".to_owned(),
        ];
        let commands = ["GET", "INCR", "APPEND", "SET", "HGET", "MGET"];
        for _ in 0..1 + dice.below(3) {
            let line = dice.pick(&lines).cloned().unwrap_or_default();
            let command = dice.pick(&commands).copied().unwrap_or_default();
            self.state().world.count("odd redirect");
            self.refuse(node, command, &line, 1);
        }
        sleep(millis(dice, 20, 800)).await;
        self.answer_again(node);
    }

    pub(super) async fn fall_behind(&self, dice: &mut Dice) {
        self.hold_replication();
        for _ in 0..dice.below(30) {
            sleep(millis(dice, 1, 60)).await;
            let primary = self.any_primary(dice);
            for replica in self.replicas_of(primary) {
                let writes = usize::try_from(dice.below(20)).unwrap_or(0);
                self.replicate(replica, writes);
            }
        }
        self.release_replication();
    }
}
