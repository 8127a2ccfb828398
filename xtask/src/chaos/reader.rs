//! Reads from replicas. What they answer may be old, and is still that of its key.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rand::seq::IndexedRandom;
use slotline::{Client, Pipeline, Reply};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::generator::Generator;
use super::history::{Found, Key, Sort};
use super::keyspace::Named;
use super::record::Record;
use crate::outages::Witness;

/// Pipelines on their way at the same time, and the pause behind each.
const TASKS: usize = 4;
const PAUSE: Duration = Duration::from_millis(10);
/// Keys of each shard in one pipeline, and counters beside them.
const KEYS: usize = 4;

/// Reads keys of all shards from replicas.
#[derive(Clone)]
pub(super) struct Reader {
    pub(super) client: Client,
    pub(super) record: Arc<Record>,
}

impl Reader {
    /// Reads the keys of these generators until `stop`.
    pub(super) async fn run(self, generators: Vec<Arc<Generator>>, stop: Arc<AtomicBool>) {
        let mut tasks = JoinSet::new();
        for _ in 0..TASKS {
            let (own, stop) = (self.clone(), Arc::clone(&stop));
            let generators = generators.clone();
            tasks.spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    own.step(&generators).await;
                    sleep(PAUSE).await;
                }
            });
        }
        while tasks.join_next().await.is_some() {}
    }

    async fn step(&self, generators: &[Arc<Generator>]) {
        let keys: Vec<Named> = generators.iter().flat_map(|it| some_keys(it)).collect();
        let mut pipe = self.client.pipeline();
        for named in &keys {
            queue(&mut pipe, named);
        }
        let invoked = self.record.now();
        match pipe.send().await {
            Ok(replies) => {
                for (named, reply) in keys.iter().zip(replies) {
                    self.judge(named, &reply, invoked);
                }
            }
            Err(error) => self.record.add_failed_read(invoked, &error),
        }
    }

    fn judge(&self, named: &Named, reply: &Reply, invoked: Duration) {
        let key = named.key;
        let found = match key.sort {
            Sort::Counter | Sort::Twins => reply.decode::<Option<i64>>().map(Found::of_number),
            Sort::Register | Sort::List => reply.decode::<Option<&str>>().map(Found::of_text),
        };
        match found {
            Ok(found) if can_hold(key, found) => self.record.count_operations(1),
            Ok(found) => {
                let name = &named.name;
                let what = format!("a replica was asked for {name} and {found:?} came");
                self.record.count_wrong(what);
            }
            // One that cannot be decoded is counted as wrong there.
            Err(error) => self.record.add_failed_read(invoked, &error),
        }
    }
}

fn some_keys(generator: &Generator) -> Vec<Named> {
    let place = &generator.place;
    let mut random = rand::rng();
    let made = place.made();
    let mut keys: Vec<Named> = made.sample(&mut random, KEYS).cloned().collect();
    keys.extend(place.counters.choose(&mut random).cloned());
    keys
}

fn queue(pipe: &mut Pipeline, named: &Named) {
    let name = &named.name;
    match named.key.sort {
        Sort::Register | Sort::Counter | Sort::Twins => drop(pipe.command("GET").key(name)),
        Sort::List => drop(pipe.command("LINDEX").key(name).arg("-1")),
    }
}

/// Whether a key may be found so. A replica may not have it yet.
fn can_hold(key: Key, found: Found) -> bool {
    match (key.sort, found) {
        (_, Found::Nothing) => true,
        (Sort::Register | Sort::List, Found::Value { key: of, .. }) => of == key.number,
        (Sort::Counter | Sort::Twins, Found::Number(value)) => key.increments(value).is_some(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_another_keys_is_no_answer_however_old_it_may_be() {
        let check = |sort, found, expected| {
            let key = Key {
                number: 7,
                sort,
                shard: 0,
                slot: 1,
            };
            assert_eq!(can_hold(key, found), expected, "{sort:?} {found:?}");
            key
        };
        let value = |key| Found::Value { key, n: 1 };
        for sort in [Sort::Register, Sort::List] {
            check(sort, value(7), true);
            check(sort, value(8), false);
            check(sort, Found::Number(1), false);
            check(sort, Found::Foreign, false);
        }
        let base = check(Sort::Counter, Found::Nothing, true).base();
        check(Sort::Counter, Found::Number(base + 3), true);
        check(Sort::Counter, Found::Number(3), false);
        check(Sort::Counter, value(7), false);
    }
}
