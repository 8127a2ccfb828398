//! A process of the history: one pipeline after the other.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::RngExt;
use slotline::{Client, Pipeline, Reply};

use super::history::{Event, Found, Key, Outcome, Sort, What, Why};
use super::keyspace::{Keyspace, Named};
use super::record::Record;
use crate::outages::Witness;

/// One step in so many is a transaction.
const TRANSACTIONS: u32 = 4;

/// What a shard's processes share.
pub(super) struct Workplace {
    pub(super) client: Client,
    pub(super) record: Arc<Record>,
    pub(super) keyspace: Arc<Keyspace>,
    pub(super) shard: usize,
    pub(super) counters: Vec<Named>,
    pub(super) twins: Vec<Named>,
    pub(super) made: Mutex<Vec<Named>>,
    /// Callers that left before they were answered.
    pub(super) left: AtomicU64,
}

/// One pipeline: when it was sent and answered, and whether all of it was as it
/// should be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    pub(super) shard: usize,
    pub(super) ended: Duration,
    pub(super) is_ok: bool,
}

pub(super) struct Process {
    number: u32,
    register: Named,
    written: u32,
    list: Named,
    appended: u32,
}

impl Workplace {
    pub(super) fn process(&self, number: u32) -> Process {
        Process {
            number,
            register: self.make(Sort::Register),
            written: 0,
            list: self.make(Sort::List),
            appended: 0,
        }
    }

    fn make(&self, sort: Sort) -> Named {
        let named = self.keyspace.make(sort, self.shard);
        self.made().push(named.clone());
        named
    }

    /// All keys that the processes had.
    pub(super) fn made(&self) -> MutexGuard<'_, Vec<Named>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Process {
    /// Sends a pipeline or a transaction and writes down what came of it. With
    /// `patience` the caller leaves when others have had so many turns.
    pub(super) async fn step(&mut self, place: &Workplace, patience: Option<u32>) {
        let is_transaction = rand::rng().random_ratio(1, TRANSACTIONS);
        match is_transaction {
            true => self.transaction(place, patience).await,
            false => self.pipeline(place, patience).await,
        }
    }

    async fn transaction(&self, place: &Workplace, patience: Option<u32>) {
        let random = rand::rng().random_range(0..place.twins.len());
        let twins = &place.twins[random];
        let keys = twins.key.parts(&twins.name);
        let transaction = place.client.transaction(|transaction| {
            for key in &keys {
                let _ = transaction.command("INCR").key(key);
            }
            for key in &keys {
                let _ = transaction.command("GET").key(key);
            }
        });
        let pipeline = place.record.next_pipeline();
        let invoked = place.record.now();
        let answer = until_left(transaction, patience).await;
        let ended = place.record.now();
        let all = answer.map(|results| results?.decode_all::<Vec<Option<i64>>>());
        let outcome = match all {
            Some(Ok(numbers)) => Outcome::Ok(Found::of_twins(&numbers)),
            Some(Err(error)) if error.is_decode() => Outcome::Ok(Found::Foreign),
            Some(Err(error)) => {
                place.record.count_error(&error);
                Outcome::of_failure(error.delivery())
            }
            None => {
                place.left.fetch_add(1, Ordering::Relaxed);
                Outcome::Info(Why::Cancelled)
            }
        };
        let event = Event {
            pipeline,
            process: self.number,
            key: twins.key,
            what: What::Increment,
            invoked,
            ended,
            outcome,
        };
        let sample = Sample {
            shard: place.shard,
            ended,
            is_ok: outcome.is_ok(),
        };
        place.record.add(&[event], sample);
    }

    async fn pipeline(&mut self, place: &Workplace, patience: Option<u32>) {
        let random = rand::rng().random_range(0..place.counters.len());
        let counter = &place.counters[random];
        let plan = [
            (&self.register, What::Write(self.written + 1)),
            (counter, What::Increment),
            (&self.list, What::Append(self.appended + 1)),
            (&self.register, What::Read),
            (&self.list, What::Append(self.appended + 2)),
            (counter, What::Read),
        ];
        let mut pipe = place.client.pipeline();
        for (named, what) in plan {
            queue(&mut pipe, named, what);
        }
        let pipeline = place.record.next_pipeline();
        let invoked = place.record.now();
        let answer = until_left(pipe.send(), patience).await;
        let ended = place.record.now();
        let replies: Vec<Reply> = match answer {
            Some(Ok(results)) => results.into_iter().collect(),
            Some(Err(error)) => {
                place.record.count_error(&error);
                Vec::new()
            }
            None => Vec::new(),
        };
        let is_cancelled = patience.is_some() && replies.is_empty();
        if is_cancelled {
            place.left.fetch_add(1, Ordering::Relaxed);
        }
        let mut events = Vec::with_capacity(plan.len());
        for (index, (named, what)) in plan.into_iter().enumerate() {
            let outcome = match replies.get(index) {
                Some(reply) => outcome(named.key, what, reply, &place.record),
                None if is_cancelled => Outcome::Info(Why::Cancelled),
                None => Outcome::Info(Why::Error),
            };
            events.push(Event {
                pipeline,
                process: self.number,
                key: named.key,
                what,
                invoked,
                ended,
                outcome,
            });
        }
        let sample = Sample {
            shard: place.shard,
            ended,
            is_ok: events.iter().all(|event| event.outcome.is_ok()),
        };
        place.record.add(&events, sample);
        self.written += 1;
        self.appended += 2;
        self.leave_what_is_in_doubt(&events, place);
    }

    /// What is not known may still come: whoever goes on with that key could not
    /// say any more what it should hold.
    fn leave_what_is_in_doubt(&mut self, events: &[Event], place: &Workplace) {
        let in_doubt = |key: Key| {
            let mut own = events.iter().filter(|event| event.key == key);
            own.any(|event| matches!(event.outcome, Outcome::Info(_)))
        };
        if in_doubt(self.register.key) {
            self.register = place.make(Sort::Register);
            self.written = 0;
        }
        if in_doubt(self.list.key) {
            self.list = place.make(Sort::List);
            self.appended = 0;
        }
    }
}

/// What comes of it, unless the caller leaves before.
async fn until_left<F: Future>(sending: F, patience: Option<u32>) -> Option<F::Output> {
    match patience {
        Some(turns) => tokio::select! {
            biased;
            answer = sending => Some(answer),
            () = others(turns) => None,
        },
        None => Some(sending.await),
    }
}

/// Lets others run so many times.
async fn others(turns: u32) {
    for _ in 0..turns {
        tokio::task::yield_now().await;
    }
}

fn queue(pipe: &mut Pipeline, named: &Named, what: What) {
    let name = &named.name;
    let value = |n| named.key.value(n);
    match (named.key.sort, what) {
        (_, What::Write(n)) => drop(pipe.command("SET").key(name).arg(value(n)).arg("GET")),
        (_, What::Append(n)) => drop(pipe.command("RPUSH").key(name).arg(value(n))),
        (_, What::Increment) => drop(pipe.command("INCR").key(name)),
        (_, What::Read) => drop(pipe.command("GET").key(name)),
    }
}

fn outcome(key: Key, what: What, reply: &Reply, record: &Record) -> Outcome {
    let is_number = key.sort == Sort::Counter || matches!(what, What::Append(_));
    let found = if is_number {
        reply.decode::<Option<i64>>().map(Found::of_number)
    } else {
        reply.decode::<Option<&str>>().map(Found::of_text)
    };
    match found {
        Ok(found) => Outcome::Ok(found),
        Err(error) if error.is_decode() => Outcome::Ok(Found::Foreign),
        Err(error) => {
            record.count_error(&error);
            Outcome::of_failure(error.delivery())
        }
    }
}
