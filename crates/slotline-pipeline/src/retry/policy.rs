//! Who decides whether a failed command goes again.

use std::fmt::Debug;
use std::time::Duration;

use slotline_resp::{CommandInfo, Delivery};

use crate::backoff::full_jitter;
use crate::error::Error;
use crate::random::Random;

/// A command that has no reply.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Failed<'a> {
    /// The static facts about the command.
    pub info: &'static CommandInfo,
    /// Why it has no reply, and what became of it.
    pub error: &'a Error,
    /// How often it was sent again already.
    pub attempt: u32,
}

/// Decides whether a failed command goes again, and after what wait. It is asked
/// only while the deadline has not passed, and what it allows may still be
/// forbidden by the order of the pipeline (O1).
pub trait RetryPolicy: Debug + Send + Sync + 'static {
    /// How long to wait before the command goes again; `None` if it does not.
    fn retry(&self, failed: &Failed<'_>) -> Option<Duration>;
}

/// Sends again what was not sent, and what only reads (D2). A command that may
/// have run and is not flagged `readonly` never goes again.
#[derive(Debug, Clone)]
#[must_use]
pub struct StandardPolicy {
    attempts: u32,
    first_wait: Duration,
    most_wait: Duration,
    random: Random,
}

impl StandardPolicy {
    /// At most 16 times, with full jitter up to 10 ms at first, 500 ms later.
    pub fn new() -> StandardPolicy {
        StandardPolicy {
            attempts: 16,
            first_wait: Duration::from_millis(10),
            most_wait: Duration::from_millis(500),
            random: Random::default(),
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
}

impl Default for StandardPolicy {
    fn default() -> StandardPolicy {
        StandardPolicy::new()
    }
}

impl RetryPolicy for StandardPolicy {
    fn retry(&self, failed: &Failed<'_>) -> Option<Duration> {
        let Failed {
            info,
            error,
            attempt,
        } = failed;
        let temporary = error.is_displaced()
            || error.is_unreachable()
            || error.is_no_owner()
            || error.is_network()
            || error.is_timeout();
        let harmless = match error.delivery() {
            Delivery::NotSent => true,
            Delivery::Ambiguous => info.is_readonly(),
            _ => false,
        };
        if !temporary || !harmless || *attempt >= self.attempts {
            return None;
        }
        // Displaced: its slot has another owner, who can be asked at once.
        if error.is_displaced() && *attempt == 0 {
            return Some(Duration::ZERO);
        }
        Some(full_jitter(
            &self.random,
            self.first_wait,
            self.most_wait,
            *attempt,
        ))
    }
}
