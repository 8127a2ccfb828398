//! The course of events: what is done to the cluster, in which order and when.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use slotline_testkit::{LocalCluster, Node};
use tokio::time::{Instant, sleep_until};

use super::injuries;
use super::screen::Screen;
use super::tally::Tally;
use super::workload::Workload;
use crate::outages::{self, Before, Observer, Recovery, Samples};

/// Slots that are migrated.
const SLOTS: usize = 300;

/// The parts of a run, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Calm,
    Kills,
    Migration,
    Failover,
    Sigkill,
    Recovered,
}

impl Phase {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Calm => "calm",
            Self::Kills => "kills",
            Self::Migration => "migration",
            Self::Failover => "failover",
            Self::Sigkill => "sigkill",
            Self::Recovered => "recovered",
        }
    }

    /// When it begins at the earliest, as a share of the run.
    fn share(self) -> f64 {
        match self {
            Self::Calm => 0.0,
            Self::Kills => 0.15,
            Self::Migration => 0.35,
            Self::Failover => 0.55,
            Self::Sigkill => 0.65,
            Self::Recovered => 0.0,
        }
    }
}

/// What happened. Times are since the start of the run.
pub(super) struct Course {
    /// Each phase with its begin.
    pub(super) phases: Vec<(Phase, Duration)>,
    pub(super) end: Duration,
    /// What happened in an instant, for the timeline.
    pub(super) marks: Vec<(Duration, String)>,
    pub(super) kills: u64,
    pub(super) slots_moved: usize,
    pub(super) keys_moved: usize,
    pub(super) killed_at: Duration,
    pub(super) recovery: Recovery,
    /// Roles changed that nobody had asked to change.
    pub(super) unplanned: Option<String>,
}

/// Who takes part.
pub(super) struct Stage<'a> {
    pub(super) cluster: &'a LocalCluster,
    pub(super) workload: &'a Workload,
    pub(super) tally: &'a Arc<Tally>,
    pub(super) samples: &'a Samples,
    pub(super) screen: &'a Screen,
}

/// What is known so far.
#[derive(Default)]
struct Record {
    phases: Vec<(Phase, Duration)>,
    marks: Vec<(Duration, String)>,
}

impl Stage<'_> {
    /// Runs for `length`, or for as long as the injuries take.
    pub(super) async fn run(&self, length: Duration) -> Result<Course> {
        let start = Instant::now();
        let begin = |phase: Phase| start + length.mul_f64(phase.share());
        let mut record = Record::default();
        let [one, two, three] = self.primaries().await?;

        self.enter(&mut record, Phase::Calm);
        self.screen.say("calm: nothing happens yet");
        sleep_until(begin(Phase::Kills)).await;

        let replica = self.cluster.replica_of(&two).await?;
        self.enter(&mut record, Phase::Kills);
        self.screen.say(&format!(
            "CLIENT KILL of the client's read connections to replica {}, every 50 ms",
            replica.address()
        ));
        let kills = injuries::kill_connections(&replica, begin(Phase::Migration)).await?;
        self.screen.say(&format!("{kills} connections were killed"));

        self.enter(&mut record, Phase::Migration);
        self.screen.say(&format!(
            "live migration of {SLOTS} slots from {} to {}, key by key",
            one.address(),
            two.address()
        ));
        let both = (self.tally, self.screen);
        let windows = &self.workload.windows;
        // Until the servers have agreed on it all some time is needed, too.
        let until = begin(Phase::Failover) - length.mul_f64(0.05);
        let slots = (SLOTS, until);
        let moved = injuries::migrate(self.cluster, &one, &two, slots, windows, both).await?;
        self.screen.say(&format!(
            "{} slots with {} keys were moved",
            moved.slots, moved.keys
        ));
        sleep_until(begin(Phase::Failover)).await;

        self.enter(&mut record, Phase::Failover);
        self.screen
            .say(&format!("CLUSTER FAILOVER of {}", three.address()));
        let promoted = injuries::fail_over(self.cluster, &three).await?;
        self.mark(&mut record, "failover done");
        self.screen
            .say(&format!("{} is the primary now", promoted.address()));
        let settled = Instant::now() + length.mul_f64(0.05);
        sleep_until(settled.max(begin(Phase::Sigkill))).await;

        self.enter(&mut record, Phase::Sigkill);
        let unplanned = self.unplanned(&[&one, &two, &promoted]).await?;
        let (killed_at, recovery, heir) = self.sigkill(&mut record, &two).await?;

        self.enter(&mut record, Phase::Recovered);
        outages::bring_back(self.cluster, &two, &heir).await?;
        self.mark(&mut record, "back as a replica");
        self.screen.say(&format!(
            "{} was started again and is a replica in step",
            two.address()
        ));
        let least = Instant::now() + length.mul_f64(0.1);
        sleep_until(least.max(start + length)).await;
        let at_the_end = self.unplanned(&[&one, &heir, &promoted]).await?;
        Ok(Course {
            phases: record.phases,
            end: self.tally.now(),
            marks: record.marks,
            kills,
            slots_moved: moved.slots,
            keys_moved: moved.keys,
            killed_at,
            recovery,
            unplanned: unplanned.or(at_the_end),
        })
    }

    async fn sigkill(
        &self,
        record: &mut Record,
        victim: &Node,
    ) -> Result<(Duration, Recovery, Node)> {
        // Marked before, so that no loss is taken for a fault.
        for slot in outages::slots_of(victim).await? {
            self.workload.lossy.mark(slot);
        }
        let killed_at = self.tally.now();
        let (slots, heir) = outages::kill(self.cluster, victim).await?;
        self.mark(record, "killed");
        self.screen.say(&format!(
            "SIGKILL of primary {} with {} slots",
            victim.address(),
            slots.len()
        ));
        let observer = Observer {
            client: self.workload.client.clone(),
            runtime: self.workload.runtime.clone(),
            witness: Arc::clone(self.tally) as _,
            patience: None,
        };
        let recovery = outages::recovery(&observer, self.samples, &slots, &heir, Before::Gone)
            .await
            .context("after the SIGKILL")?;
        record
            .marks
            .push((recovery.accepted, "new primary takes writes".to_owned()));
        let last = recovery.accepted + recovery.time();
        record.marks.push((last, "all slots served".to_owned()));
        let outage = recovery.accepted.saturating_sub(killed_at);
        self.screen.say(&format!(
            "{} took its first write {:.2} s after the kill; {:.3} s later the client had \
             written to and read from each of the {} slots",
            heir.address(),
            outage.as_secs_f64(),
            recovery.time().as_secs_f64(),
            recovery.slots
        ));
        Ok((killed_at, recovery, heir))
    }

    async fn primaries(&self) -> Result<[Node; 3]> {
        let primaries = self.cluster.primaries().await?;
        let count = primaries.len();
        match primaries.try_into() {
            Ok(primaries) => Ok(primaries),
            Err(_) => bail!("there should be three primaries, and there are {count}"),
        }
    }

    /// Whether the primaries are others than these: then the servers took each
    /// other for dead, which says something of the machine and nothing of the
    /// client.
    async fn unplanned(&self, expected: &[&Node]) -> Result<Option<String>> {
        let primaries = self.cluster.primaries().await?;
        let same = primaries.len() == expected.len()
            && expected.iter().all(|node| primaries.contains(node));
        let addresses = |nodes: Vec<&Node>| {
            let each: Vec<_> = nodes
                .iter()
                .map(|node| node.address().to_string())
                .collect();
            each.join(", ")
        };
        Ok((!same).then(|| {
            format!(
                "the servers changed their roles by themselves: {} should be primaries, and {} \
                 are; the machine is too slow or too busy for this demo",
                addresses(expected.to_vec()),
                addresses(primaries.iter().collect())
            )
        }))
    }

    fn enter(&self, record: &mut Record, phase: Phase) {
        record.phases.push((phase, self.tally.now()));
    }

    fn mark(&self, record: &mut Record, what: &str) {
        record.marks.push((self.tally.now(), what.to_owned()));
    }
}
