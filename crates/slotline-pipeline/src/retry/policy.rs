//! Who decides whether a failed command goes again.

use std::fmt::Debug;
use std::time::Duration;

use slotline_resp::{CommandInfo, Delivery};
use tokio::time::Instant;

use super::budget::RetryBudget;
use crate::backoff::full_jitter;
use crate::error::Error;
use crate::random::Random;

/// A command that has no reply.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Failed<'a> {
    /// The static facts about the command, its flags among them.
    pub info: &'static CommandInfo,
    /// Whether it leaves the same and answers the same if it runs twice in a row; see
    /// [`CommandRef::is_idempotent`](slotline_resp::CommandRef::is_idempotent).
    pub is_idempotent: bool,
    /// Why it has no reply, and what became of it.
    pub error: &'a Error,
    /// How often it was sent again already.
    pub attempt: u32,
    /// How often it was lost after it had been written, this time included.
    pub lost: u32,
    /// When it must have its outcome. A wait that would last until then is no
    /// retry, and the failure surfaces.
    pub deadline: Instant,
}

/// Decides whether a failed command goes again, and after what wait. It is asked
/// only while the deadline has not passed, and what it allows may still be
/// forbidden by the order of the pipeline (O1).
pub trait RetryPolicy: Debug + Send + Sync + 'static {
    /// How long to wait before the command goes again; `None` if it does not.
    fn retry(&self, failed: &Failed<'_>) -> Option<Duration>;

    /// So many commands are sent for the first time. For a policy that keeps
    /// account; it is on the way of every request.
    fn sent(&self, commands: usize) {
        let _ = commands;
    }
}

/// Sends again what was not sent, and what only reads (D2). A command that may
/// have run and is not flagged `readonly` never goes again, unless
/// [`repeat_idempotent_writes`](StandardPolicy::repeat_idempotent_writes) allows it.
///
/// A read that was lost after it was written goes again a few times only: it may
/// be what the server closes its connections for, such as a request or a reply
/// that is too large (see `client-query-buffer-limit`, `client-output-buffer-limit`
/// and `maxmemory-clients` in the server's configuration). These retries are paid
/// from a [`RetryBudget`]; what was not sent costs no server anything.
#[derive(Debug, Clone)]
#[must_use]
pub struct StandardPolicy {
    attempts: u32,
    lost_reads: u32,
    repeats_writes: bool,
    first_wait: Duration,
    most_wait: Duration,
    random: Random,
    budget: RetryBudget,
}

impl StandardPolicy {
    /// At most 16 times, a read that was lost after it was written at most 4
    /// times, with full jitter up to 10 ms at first, 500 ms later.
    pub fn new() -> StandardPolicy {
        StandardPolicy {
            attempts: 16,
            lost_reads: 4,
            repeats_writes: false,
            first_wait: Duration::from_millis(10),
            most_wait: Duration::from_millis(500),
            random: Random::default(),
            budget: RetryBudget::default(),
        }
    }

    /// How often one command may go again.
    pub fn attempts(mut self, attempts: u32) -> StandardPolicy {
        self.attempts = attempts;
        self
    }

    /// Makes the waits repeatable, for tests under a paused clock.
    pub fn seed(mut self, seed: u64) -> StandardPolicy {
        self.random = Random::seeded(seed);
        self
    }

    /// How often a read may go again that was lost after it had been written.
    pub fn lost_reads(mut self, attempts: u32) -> StandardPolicy {
        self.lost_reads = attempts;
        self
    }

    /// Whether writes that may have run go again too, as often as reads, if they say what
    /// there is to be and so may run twice, as SET without a condition does. What somebody
    /// else has written in between is then overwritten once more; off by default.
    pub fn repeat_idempotent_writes(mut self, repeats: bool) -> StandardPolicy {
        self.repeats_writes = repeats;
        self
    }

    /// The ceiling of the first wait; it doubles with each attempt.
    pub fn first_wait(mut self, wait: Duration) -> StandardPolicy {
        self.first_wait = wait;
        self
    }

    /// The ceiling of every wait.
    pub fn most_wait(mut self, wait: Duration) -> StandardPolicy {
        self.most_wait = wait;
        self
    }

    /// What retries of reads that were lost are paid from. Clients that load the
    /// same servers can share one.
    pub fn budget(mut self, budget: RetryBudget) -> StandardPolicy {
        self.budget = budget;
        self
    }
}

impl Default for StandardPolicy {
    fn default() -> StandardPolicy {
        StandardPolicy::new()
    }
}

impl RetryPolicy for StandardPolicy {
    fn retry(&self, failed: &Failed<'_>) -> Option<Duration> {
        let error = failed.error;
        let temporary = error.is_displaced()
            || error.is_unreachable()
            || error.is_no_owner()
            || error.is_network()
            || error.is_timeout();
        if !temporary || failed.attempt >= self.attempts {
            return None;
        }
        match error.delivery() {
            Delivery::NotSent => {}
            Delivery::Ambiguous
                if failed.info.is_readonly() || (self.repeats_writes && failed.is_idempotent) =>
            {
                if failed.lost > self.lost_reads || !self.budget.withdraw() {
                    return None;
                }
            }
            _ => return None,
        }
        // Displaced: its slot has another owner, who can be asked at once.
        if error.is_displaced() && failed.attempt == 0 {
            return Some(Duration::ZERO);
        }
        Some(full_jitter(
            &self.random,
            self.first_wait,
            self.most_wait,
            failed.attempt,
        ))
    }

    fn sent(&self, commands: usize) {
        self.budget.deposit(commands);
    }
}
