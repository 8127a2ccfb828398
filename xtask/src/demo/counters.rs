//! Compares every counter with what callers were told of it.

use std::sync::Arc;

use anyhow::{Context, Result};
use slotline::slot_of;

use super::keys::{self, COUNT, COUNTERS};
use super::workload::Workload;

/// Counters out of their bounds that are shown.
const EXAMPLES: usize = 8;

/// What the counters say.
#[derive(Default)]
pub(super) struct Audit {
    /// Increments that were reported as done, and as perhaps done.
    pub(super) ok: u64,
    pub(super) ambiguous: u64,
    /// What the counters hold together.
    pub(super) applied: u64,
    /// Acknowledged increments that the killed shard lost.
    pub(super) lost: u64,
    /// Counters outside their bounds, and the first few of them.
    pub(super) outside: u64,
    pub(super) examples: Vec<String>,
}

/// Reads all counters from their primaries: ok ≤ final ≤ ok + ambiguous, without
/// the lower bound where a primary was killed.
pub(super) async fn audit(workload: Arc<Workload>) -> Result<Audit> {
    let mut pipe = workload.primaries.pipeline();
    for index in 0..COUNTERS {
        pipe.command("HGET").key(keys::counter(index)).arg(COUNT);
    }
    let mut audit = Audit::default();
    for (index, reply) in pipe.send().await?.into_iter().enumerate() {
        let value: Option<i64> = reply.decode().context("reading the counters")?;
        let found = value.and_then(|value| keys::increments(index, value));
        let may_lose = workload.lossy.has(slot_of(keys::counter(index)));
        audit.add(index, found, workload.tally.increments(index), may_lose);
    }
    Ok(audit)
}

impl Audit {
    fn add(&mut self, index: usize, found: Option<u64>, told: (u64, u64), may_lose: bool) {
        let (ok, ambiguous) = told;
        self.ok += ok;
        self.ambiguous += ambiguous;
        let applied = found.unwrap_or(0);
        self.applied += applied;
        let lost = ok.saturating_sub(applied);
        if may_lose {
            self.lost += lost;
        }
        let too_low = found.is_none() || (lost > 0 && !may_lose);
        if too_low || applied > ok + ambiguous {
            self.outside += 1;
            if self.examples.len() < EXAMPLES {
                self.examples.push(format!(
                    "{} was increased {applied} times; {ok} were reported done and {ambiguous} \
                     perhaps done",
                    keys::counter(index)
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds() {
        let outside = |found, told, may_lose| {
            let mut audit = Audit::default();
            audit.add(1, found, told, may_lose);
            (audit.outside, audit.lost)
        };
        assert_eq!(outside(Some(5), (5, 0), false), (0, 0));
        assert_eq!(outside(Some(6), (5, 1), false), (0, 0));
        assert_eq!(outside(Some(7), (5, 1), false), (1, 0));
        assert_eq!(outside(Some(4), (5, 1), false), (1, 0));
        assert_eq!(outside(Some(3), (5, 1), true), (0, 2));
        assert_eq!(outside(Some(7), (5, 1), true), (1, 0));
        assert_eq!(outside(None, (0, 0), true), (1, 0));
    }
}
