//! The 64 tasks: what they ask, and what they make of each answer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use slotline::{Client, Reply, Slot, slot_of};
use tokio::runtime::Handle;
use tokio::task::JoinSet;

use super::keys::{self, COUNT, COUNTERS, HASHES};
use super::tally::{Sample, Tally};
use super::windows::Windows;

/// Tasks that only read, from replicas.
const READERS: usize = 48;
/// Tasks that increase counters and read.
const MIXERS: usize = 16;
/// All of them.
pub(super) const TASKS: usize = READERS + MIXERS;
/// HGETALLs in a reader's pipeline.
const READS: usize = 100;
/// In a mixer's pipeline: counters, each increased and then read, and hashes.
const INCREMENTS: usize = 25;
const READS_BESIDE: usize = 50;

/// What all tasks share.
pub(super) struct Workload {
    pub(super) client: Client,
    /// Reads from primaries, to look again for what a replica does not have.
    pub(super) primaries: Client,
    pub(super) tally: Arc<Tally>,
    pub(super) windows: Arc<Windows>,
    /// From when on the owner of a slot that lost writes may have lost them.
    pub(super) lossy: Arc<Lossy>,
    pub(super) stop: AtomicBool,
    /// Where the clients live.
    pub(super) runtime: Handle,
}

/// The slots whose primary is killed: replication may have lost the last writes
/// that it acknowledged, so a read behind a write may miss it.
pub(super) struct Lossy(Vec<AtomicBool>);

impl Lossy {
    pub(super) fn new() -> Self {
        Self(Slot::all().map(|_| AtomicBool::new(false)).collect())
    }

    pub(super) fn mark(&self, slot: u16) {
        if let Some(flag) = self.0.get(usize::from(slot)) {
            flag.store(true, Ordering::Release);
        }
    }

    pub(super) fn has(&self, slot: Slot) -> bool {
        let flag = self.0.get(slot.index());
        flag.is_some_and(|flag| flag.load(Ordering::Acquire))
    }
}

/// When a pipeline was on its way.
#[derive(Clone, Copy)]
struct Span {
    began: Duration,
    ended: Duration,
}

impl Workload {
    /// Starts the tasks. Each returns its samples once `stop` is set and its last
    /// pipeline has been answered.
    pub(super) fn start(self: &Arc<Self>) -> JoinSet<Vec<Sample>> {
        let mut tasks = JoinSet::new();
        for task in 0..TASKS {
            let shared = Arc::clone(self);
            tasks.spawn_on(
                async move { shared.work(task >= READERS).await },
                &self.runtime,
            );
        }
        tasks
    }

    async fn work(&self, mixes: bool) -> Vec<Sample> {
        let mut random = StdRng::from_rng(&mut rand::rng());
        let mut samples = Vec::new();
        while !self.stop.load(Ordering::Relaxed) {
            let sample = if mixes {
                self.mix(&mut random).await
            } else {
                self.read(&mut random).await
            };
            samples.push(sample);
        }
        samples
    }

    /// One pipeline of HGETALL over the whole keyspace.
    async fn read(&self, random: &mut StdRng) -> Sample {
        let hashes: Vec<usize> = (0..READS).map(|_| random.random_range(0..HASHES)).collect();
        let mut pipe = self.client.pipeline();
        for index in &hashes {
            pipe.hgetall(keys::hash(*index));
        }
        let (replies, span) = self.send(pipe).await;
        let none = BTreeSet::new();
        let operations = self.check_hashes(&hashes, &replies, &none, span).await;
        self.sample(span, operations)
    }

    /// One pipeline that increases counters, reads each back, and reads hashes.
    async fn mix(&self, random: &mut StdRng) -> Sample {
        let mut pick = |count, below| -> Vec<usize> {
            (0..count).map(|_| random.random_range(0..below)).collect()
        };
        let counters = pick(INCREMENTS, COUNTERS);
        let hashes = pick(READS_BESIDE, HASHES);
        let mut pipe = self.client.pipeline();
        let mut written = BTreeSet::new();
        for index in &counters {
            let key = keys::counter(*index);
            pipe.command("HINCRBY").key(&key).arg(COUNT).arg(1);
            pipe.command("HGET").key(&key).arg(COUNT);
            written.insert(slot_of(&key));
        }
        for index in &hashes {
            pipe.hgetall(keys::hash(*index));
        }
        let (replies, span) = self.send(pipe).await;
        let (pairs, rest) = replies.split_at((2 * counters.len()).min(replies.len()));
        let mut operations = 0;
        for (index, pair) in counters.iter().zip(pairs.chunks_exact(2)) {
            operations += self.check_counter(*index, pair);
        }
        operations += self.check_hashes(&hashes, rest, &written, span).await;
        self.sample(span, operations)
    }

    async fn send(&self, pipe: slotline::Pipeline) -> (Vec<Reply>, Span) {
        let began = self.tally.now();
        let expected = pipe.len();
        let outcome = pipe.send().await;
        let ended = self.tally.now();
        let replies: Vec<Reply> = match outcome {
            Ok(results) => results.into_iter().collect(),
            Err(error) => {
                self.tally.count_error(&error);
                Vec::new()
            }
        };
        if replies.len() != expected {
            let found = replies.len();
            self.tally
                .count_wrong(|| format!("{found} replies to a pipeline of {expected} commands"));
        }
        (replies, Span { began, ended })
    }

    /// Checks an increment and the read behind it; returns how many were answered
    /// as they should be.
    fn check_counter(&self, index: usize, pair: &[Reply]) -> u64 {
        let [increment, read] = pair else {
            return 0;
        };
        let mut operations = 0;
        let increased = increment.decode::<i64>();
        self.tally
            .count_increment(index, increased.as_ref().map(|_| ()));
        let increased = match increased {
            Ok(value) => self.check_value(index, value, "HINCRBY"),
            Err(error) => {
                self.tally.count_error(&error);
                None
            }
        };
        operations += u64::from(increased.is_some());
        match read.decode::<Option<i64>>() {
            Ok(Some(value)) => {
                let found = self.check_value(index, value, "HGET");
                // Within a pipeline a read sees the write before it (O1, O3).
                let stale = found.zip(increased).filter(|(found, own)| found < own);
                match stale.filter(|_| !self.lossy.has(slot_of(keys::counter(index)))) {
                    Some((found, own)) => self.tally.count_wrong(|| {
                        let key = keys::counter(index);
                        format!("HGET {key} is {found} after the HINCRBY before it made it {own}")
                    }),
                    None => operations += u64::from(found.is_some()),
                }
            }
            Ok(None) => self
                .tally
                .count_wrong(|| format!("HGET {} found nothing", keys::counter(index))),
            Err(error) => self.tally.count_error(&error),
        }
        operations
    }

    /// How often the counter was increased, if the value is one of its own.
    fn check_value(&self, index: usize, value: i64, command: &str) -> Option<u64> {
        let increments = keys::increments(index, value);
        if increments.is_none() {
            self.tally.count_wrong(|| {
                let key = keys::counter(index);
                format!("{command} {key} brought {value}, which is no value of that counter")
            });
        }
        increments
    }

    /// Checks HGETALLs; returns how many were answered as they should be.
    /// `written` are slots that the pipeline wrote to: their reads go to the
    /// primary (O3), so nothing excuses an empty one.
    async fn check_hashes(
        &self,
        hashes: &[usize],
        replies: &[Reply],
        written: &BTreeSet<Slot>,
        span: Span,
    ) -> u64 {
        let mut operations = 0;
        let mut absent = Vec::new();
        for (index, reply) in hashes.iter().zip(replies) {
            let key = keys::hash(*index);
            match reply.decode::<BTreeMap<&str, &str>>() {
                Err(error) => self.tally.count_error(&error),
                Ok(found) if keys::is_hash(&key, &found) => operations += 1,
                Ok(found) => {
                    let slot = slot_of(&key);
                    let excused = found.is_empty()
                        && !written.contains(&slot)
                        && self.windows.excuse(slot, span.began, span.ended);
                    if excused {
                        absent.push(key);
                    } else {
                        self.tally.count_wrong(|| wrong_hash(&key, &found));
                    }
                }
            }
        }
        for key in absent {
            self.look_again(&key).await;
        }
        operations
    }

    /// What a replica did not have its primary must have.
    async fn look_again(&self, key: &str) {
        match self
            .primaries
            .hgetall::<BTreeMap<String, String>>(key)
            .await
        {
            Ok(found) => {
                let found: BTreeMap<&str, &str> = found
                    .iter()
                    .map(|(field, value)| (field.as_str(), value.as_str()))
                    .collect();
                if keys::is_hash(key, &found) {
                    self.tally.count_absent();
                } else {
                    self.tally
                        .count_wrong(|| format!("at its primary: {}", wrong_hash(key, &found)));
                }
            }
            Err(error) => self.tally.count_error(&error),
        }
    }

    fn sample(&self, span: Span, operations: u64) -> Sample {
        self.tally.count_operations(operations);
        Sample {
            began: span.began,
            ended: span.ended,
            operations: operations as u32,
        }
    }
}

fn wrong_hash(key: &str, found: &BTreeMap<&str, &str>) -> String {
    let slot = slot_of(key).get();
    match found.first_key_value() {
        None => format!("HGETALL {key} (slot {slot}) found nothing"),
        Some((field, value)) => format!(
            "HGETALL {key} (slot {slot}) brought {} fields, the first being {field} = {value}",
            found.len()
        ),
    }
}
