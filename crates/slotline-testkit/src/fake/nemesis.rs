//! Faults that a seed decides, from their beginning to their end.

mod lines;
mod owners;

use super::FakeCluster;
use super::dice::Dice;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum FaultKind {
    /// A slot moves to another primary, key by key; some nodes hear of it late.
    Migration,
    /// A replica takes over by command. Nothing is lost; some nodes hear late.
    Failover,
    /// A primary dies, a replica takes over with what it has; the dead one
    /// returns.
    Crash,
    /// A replica takes over while its primary goes on taking writes, not knowing.
    Partition,
    /// A node stands still for a while.
    Pause,
    /// All connections of a node end.
    Cut,
    /// They end in the middle of commands.
    CutCommands,
    /// They end in the middle of replies.
    CutReplies,
    /// No reply comes over them any more; after a while they end.
    Swallow,
    /// A node takes no connections for a while, and ends those that it has.
    Refusal,
    /// A node is slow for a while.
    Slowness,
    /// A node says for a while that it is loading, that it has lost its primary or
    /// that the cluster is down.
    Condition,
    /// A node redirects a command to nowhere, to itself, to a stranger, or in
    /// words that make no sense.
    OddRedirect,
    /// A node sends a reply that nobody has asked for.
    Unsolicited,
    /// A node sends bytes that are no reply.
    Damage,
    /// Replicas fall behind for a while.
    Lag,
}

impl FaultKind {
    /// All there are.
    pub const ALL: [FaultKind; 16] = [
        FaultKind::Migration,
        FaultKind::Failover,
        FaultKind::Crash,
        FaultKind::Partition,
        FaultKind::Pause,
        FaultKind::Cut,
        FaultKind::CutCommands,
        FaultKind::CutReplies,
        FaultKind::Swallow,
        FaultKind::Refusal,
        FaultKind::Slowness,
        FaultKind::Condition,
        FaultKind::OddRedirect,
        FaultKind::Unsolicited,
        FaultKind::Damage,
        FaultKind::Lag,
    ];
}

/// A fault; where it happens and how long it takes is decided by its seed.
///
/// ```
/// use slotline_testkit::{FakeCluster, FakeFault, FaultKind};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let cluster = FakeCluster::builder().build();
/// let before = cluster.owner_of(0);
/// let kinds = [FaultKind::Failover; 6];
/// for (seed, kind) in (0..).zip(kinds) {
///     cluster.suffer(FakeFault { kind, seed }).await;
/// }
/// assert_eq!(cluster.counts()["failover"], 6);
/// # let _ = before;
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FakeFault {
    /// What goes wrong.
    pub kind: FaultKind,
    /// What decides the rest.
    pub seed: u64,
}

impl FakeCluster {
    /// Suffers a fault, from its beginning until it is over. Several may be
    /// suffered at once; of those that change who owns what one waits for the
    /// other.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the fault as far as it has come.
    pub async fn suffer(&self, fault: FakeFault) {
        let mut dice = Dice::new(fault.seed);
        let dice = &mut dice;
        match fault.kind {
            FaultKind::Migration => self.migration(dice).await,
            FaultKind::Failover => self.failover(dice).await,
            FaultKind::Crash => self.crash(dice).await,
            FaultKind::Partition => self.partition(dice).await,
            FaultKind::Pause => self.stand_still(dice).await,
            FaultKind::Cut => {
                self.cut(self.any_node(dice));
            }
            FaultKind::CutCommands => self.cut_commands(dice).await,
            FaultKind::CutReplies => self.cut_replies(dice).await,
            FaultKind::Swallow => self.swallow(dice).await,
            FaultKind::Refusal => self.refusal(dice).await,
            FaultKind::Slowness => self.slowness(dice).await,
            FaultKind::Condition => self.condition(dice).await,
            FaultKind::OddRedirect => self.odd_redirect(dice).await,
            FaultKind::Unsolicited => self.inject(self.any_node(dice), b"+UNASKED\r\n"),
            FaultKind::Damage => self.damage_reply(self.any_node(dice)),
            FaultKind::Lag => self.fall_behind(dice).await,
        }
    }

    fn any_node(&self, dice: &mut Dice) -> u16 {
        let ports: Vec<u16> = self.state().world.truth().ports().collect();
        dice.pick(&ports).copied().unwrap_or_default()
    }

    fn any_primary(&self, dice: &mut Dice) -> u16 {
        dice.pick(&self.primaries()).copied().unwrap_or_default()
    }
}
