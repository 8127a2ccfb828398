//! How long the client takes to serve a shard again that has a new primary.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use slotline::Client;
use slotline_testkit::Node;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::samples::Samples;
use super::witness::Witness;

/// How often the servers are asked whether they take a write.
const EVERY: Duration = Duration::from_millis(20);
/// How long all of it may take before it is given up.
const PATIENCE: Duration = Duration::from_secs(60);
/// Slots of one pipeline.
const GROUP: usize = 100;
/// The wait before what failed is tried again.
const AGAIN: Duration = Duration::from_millis(5);

/// Times are since the start of the run.
pub(crate) struct Recovery {
    /// The new primary took its first write, on a connection that is no business
    /// of the client's.
    pub(crate) accepted: Duration,
    /// The last slot had been written to, and read from, through the client.
    pub(crate) written: Duration,
    pub(crate) read: Duration,
    /// How many slots there are.
    pub(crate) slots: usize,
}

impl Recovery {
    /// From the new primary's first write to the client's first success in the
    /// last slot.
    pub(crate) fn time(&self) -> Duration {
        self.written.max(self.read).saturating_sub(self.accepted)
    }
}

#[derive(Clone, Copy)]
enum Operation {
    Write,
    Read,
}

/// What has become of the slots' owner until now.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Before {
    /// It cannot answer any more.
    Gone,
    /// It answers until another one has its slots.
    There,
}

/// Who looks, where, and to whom it tells what it sees.
pub(crate) struct Observer {
    pub(crate) client: Client,
    /// Where the clients live.
    pub(crate) runtime: Handle,
    pub(crate) witness: Arc<dyn Witness>,
    /// How long one attempt may take. `None`: as long as the client lets it, from
    /// before the change of owner on; what waits for a node that stands still then
    /// waits for its deadline. Else attempts begin with the change of owner.
    pub(crate) patience: Option<Duration>,
}

/// One group of slots on its way back.
struct Group {
    client: Client,
    witness: Arc<dyn Witness>,
    before: Before,
    patience: Option<Duration>,
    keys: Vec<String>,
    operation: Operation,
    accepted: watch::Receiver<Option<Duration>>,
}

/// Tries all of `slots`, which `heir` will have from a primary that is its own until
/// now, until each has been written to and read from.
pub(crate) async fn recovery(
    observer: &Observer,
    samples: &Samples,
    slots: &[u16],
    heir: &Node,
    before: Before,
) -> Result<Recovery> {
    let Some(first) = slots.first() else {
        bail!("the primary had no slots");
    };
    let (accept, accepted) = watch::channel(None);
    let mut writers = JoinSet::new();
    let mut readers = JoinSet::new();
    for part in slots.chunks(GROUP) {
        let keys: Vec<String> = part
            .iter()
            .map(|slot| samples.of(*slot).to_owned())
            .collect();
        let group = |operation| Group {
            client: observer.client.clone(),
            witness: Arc::clone(&observer.witness),
            before,
            patience: observer.patience,
            keys: keys.clone(),
            operation,
            accepted: accepted.clone(),
        };
        let runtime = &observer.runtime;
        writers.spawn_on(group(Operation::Write).first_successes(), runtime);
        readers.spawn_on(group(Operation::Read).first_successes(), runtime);
    }
    let measured = timeout(PATIENCE, async {
        let accepted = first_write(heir, samples.of(*first), &*observer.witness).await;
        accept.send_replace(Some(accepted));
        Ok(Recovery {
            accepted,
            written: last(writers).await?,
            read: last(readers).await?,
            slots: slots.len(),
        })
    });
    let given_up = || format!("the shard was not served again within {PATIENCE:?}");
    measured.await.with_context(given_up)?
}

/// When `heir` takes a write.
async fn first_write(heir: &Node, key: &str, witness: &dyn Witness) -> Duration {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        // It writes what is there already.
        if heir.call(&["SET", key, key]).await.is_ok() {
            return witness.now();
        }
    }
}

async fn last(mut groups: JoinSet<Duration>) -> Result<Duration> {
    let mut last = Duration::ZERO;
    while let Some(done) = groups.join_next().await {
        last = last.max(done.context("a probing task ended early")?);
    }
    Ok(last)
}

impl Group {
    /// When the last of the group's slots had its first success.
    async fn first_successes(mut self) -> Duration {
        let mut missing = self.keys.clone();
        if self.patience.is_some() && self.accepted.wait_for(Option::is_some).await.is_err() {
            return self.witness.now();
        }
        loop {
            missing = match self.patience {
                None => self.attempt(missing).await,
                Some(patience) => {
                    let attempt = timeout(patience, self.attempt(missing.clone()));
                    attempt.await.unwrap_or(missing)
                }
            };
            let now = self.witness.now();
            let counts = match self.operation {
                // There is nobody else who could have taken them.
                Operation::Write if self.before == Before::Gone => true,
                // The old primary may have taken writes before; its replica may have
                // answered reads.
                _ => self
                    .accepted
                    .borrow()
                    .is_some_and(|accepted| accepted <= now),
            };
            if missing.is_empty() && counts {
                return now;
            }
            if !counts {
                missing = self.keys.clone();
                if self.accepted.wait_for(Option::is_some).await.is_err() {
                    return self.witness.now();
                }
            } else {
                tokio::time::sleep(AGAIN).await;
            }
        }
    }

    /// One pipeline; returns the keys that had no success.
    async fn attempt(&self, keys: Vec<String>) -> Vec<String> {
        let mut pipe = self.client.pipeline();
        for key in &keys {
            match self.operation {
                Operation::Write => drop(pipe.set(key, key)),
                Operation::Read => drop(pipe.get(key)),
            }
        }
        let replies = match pipe.send().await {
            Ok(replies) => replies,
            Err(error) => {
                self.witness.count_error(&error);
                return keys;
            }
        };
        let outcomes: Vec<_> = replies.into_iter().collect();
        let mut missing = Vec::new();
        for (key, reply) in keys.into_iter().zip(outcomes) {
            let expected = match self.operation {
                Operation::Write => "OK",
                Operation::Read => key.as_str(),
            };
            match reply.decode::<Option<&str>>() {
                Ok(Some(found)) if found == expected => self.witness.count_operations(1),
                Ok(found) => self.witness.count_wrong({
                    let found = found.unwrap_or("nothing");
                    format!("the probe of {key} expected {expected} and found {found}")
                }),
                Err(error) => {
                    self.witness.count_error(&error);
                    missing.push(key);
                }
            }
        }
        missing
    }
}
