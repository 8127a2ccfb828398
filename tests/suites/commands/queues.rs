//! Lists of numbers: a producer pushes each number once, and consumers pop them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use slotline::Client;
use slotline_tests::in_time;
use tokio::task::{JoinHandle, JoinSet};

use crate::blocking::blpop;

/// It ends a consumer.
const LAST: u64 = u64::MAX;
/// How long the consumers of each list block.
const SECONDS: [f64; 3] = [0.3, 1.0, 60.0];

pub async fn push(client: &Client, key: &str, number: u64) {
    let push = client.command("RPUSH").key(key).arg(number);
    push.await.expect("RPUSH");
}

/// Three consumers of each list, and one producer.
pub struct Queues {
    client: Client,
    keys: Vec<String>,
    over: Arc<AtomicBool>,
    pushed: Arc<AtomicU64>,
    producer: JoinHandle<()>,
    consumers: JoinSet<Vec<u64>>,
}

impl Queues {
    pub fn start(client: &Client, keys: Vec<String>) -> Queues {
        let over = Arc::new(AtomicBool::new(false));
        let pushed = Arc::new(AtomicU64::new(0));
        let mut consumers = JoinSet::new();
        for key in &keys {
            for seconds in SECONDS {
                consumers.spawn(consume(client.clone(), key.clone(), seconds));
            }
        }
        let producer = tokio::spawn({
            let (client, keys) = (client.clone(), keys.clone());
            let (over, pushed) = (Arc::clone(&over), Arc::clone(&pushed));
            async move {
                for n in 0_u64.. {
                    if over.load(Relaxed) {
                        break;
                    }
                    push(&client, &keys[n as usize % keys.len()], n).await;
                    pushed.fetch_add(1, Relaxed);
                    tokio::time::sleep(Duration::from_micros(n % 7 * 300)).await;
                }
            }
        });
        Queues {
            client: client.clone(),
            keys,
            over,
            pushed,
            producer,
            consumers,
        }
    }

    /// How many numbers have been pushed.
    pub fn pushed(&self) -> u64 {
        self.pushed.load(Relaxed)
    }

    /// Ends the producer, and then the consumers. Returns how many numbers there were.
    ///
    /// # Panics
    /// One was lost, or popped twice, or a command failed.
    pub async fn end(self) -> u64 {
        self.over.store(true, Relaxed);
        in_time(self.producer).await.expect("a producer");
        for key in &self.keys {
            for _ in SECONDS {
                push(&self.client, key, LAST).await;
            }
        }
        let mut times = BTreeMap::new();
        for number in in_time(self.consumers.join_all()).await.concat() {
            *times.entry(number).or_insert(0) += 1;
        }
        let pushed = self.pushed.load(Relaxed);
        let wrong: Vec<_> = (0..pushed)
            .filter(|number| times.get(number) != Some(&1))
            .map(|number| (number, times.get(&number).copied().unwrap_or(0)))
            .collect();
        assert_eq!(wrong, [], "lost or doubled");
        assert_eq!(times.len() as u64, pushed);
        pushed
    }
}

async fn consume(client: Client, key: String, seconds: f64) -> Vec<u64> {
    let mut got = Vec::new();
    loop {
        match blpop(&client, &key, seconds).await.expect("BLPOP") {
            Some(LAST) => return got,
            Some(number) => got.push(number),
            None => {}
        }
    }
}
