//! Writes of which WAIT says that the replica has them too. A facade's connections
//! are shared, and WAIT speaks of its own connection's writes: so they go over a
//! lease of a pool, write and WAIT in one call.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use slotline::{Client, Slot, slot_of};
use slotline_pool::{Address, Credentials, Pool};
use slotline_resp::CommandBuffer;
use slotline_topology::Endpoint;
use tokio::time::{Instant, sleep};

use super::history::Confirmed;
use super::keyspace::{Keyspace, SHARDS};
use super::record::Record;

/// The pause between two writes to a shard.
const EVERY: Duration = Duration::from_millis(40);
/// How long the replica may take, in milliseconds, and all of it.
const WAIT_MS: u32 = 500;
const WITHIN: Duration = Duration::from_millis(900);

pub(super) struct Confirmer {
    pub(super) client: Client,
    pub(super) credentials: Credentials,
    pub(super) record: Arc<Record>,
    pub(super) keyspace: Arc<Keyspace>,
    pools: Mutex<HashMap<Endpoint, Pool>>,
}

impl Confirmer {
    pub(super) fn new(
        client: Client,
        credentials: Credentials,
        record: Arc<Record>,
        keyspace: Arc<Keyspace>,
    ) -> Self {
        Self {
            client,
            credentials,
            record,
            keyspace,
            pools: Mutex::default(),
        }
    }

    /// Writes to each shard in turn until `stop`; returns what was confirmed.
    pub(super) async fn run(
        self: Arc<Self>,
        episode: usize,
        stop: Arc<AtomicBool>,
    ) -> Vec<Confirmed> {
        let mut tasks = tokio::task::JoinSet::new();
        for shard in 0..SHARDS {
            let (own, stop) = (Arc::clone(&self), Arc::clone(&stop));
            tasks.spawn(async move { own.shard(shard, episode, &stop).await });
        }
        tasks.join_all().await.concat()
    }

    async fn shard(&self, shard: usize, episode: usize, stop: &AtomicBool) -> Vec<Confirmed> {
        let mut confirmed = Vec::new();
        for n in 0_u32.. {
            if stop.load(Ordering::Relaxed) {
                break;
            }
            let names = (0..).map(|salt: u32| format!("w:{episode}:{n}:{salt}"));
            let key = self.keyspace.first_in(shard, names);
            if self.write(&key).await == Some(true) {
                confirmed.push(Confirmed {
                    key,
                    shard,
                    at: self.record.now(),
                    is_there: false,
                });
            }
            sleep(EVERY).await;
        }
        confirmed
    }

    /// Whether one replica at least has it; `None` if it is not known that the
    /// primary has.
    async fn write(&self, key: &str) -> Option<bool> {
        let pool = self.pool_of(slot_of(key))?;
        let deadline = Instant::now() + WITHIN;
        let mut lease = pool.lease(deadline).await.ok()?;
        let mut buffer = CommandBuffer::new();
        buffer.begin_named("SET").key(key).arg(key);
        buffer
            .begin_named("WAIT")
            .arg("1")
            .arg(&WAIT_MS.to_string());
        let answer = lease.call(buffer.freeze(), deadline).await;
        let written: String = answer.replies.decode(0)?.ok()?;
        let replicas: u32 = answer.replies.decode(1)?.ok()?;
        Some(written == "OK" && replicas >= 1)
    }

    fn pool_of(&self, slot: Slot) -> Option<Pool> {
        let topology = self.client.topology();
        let endpoint = topology.endpoint(topology.primary_of(slot)?)?.clone();
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        let pool = pools.entry(endpoint).or_insert_with_key(|endpoint| {
            let address = Address::new(endpoint.host(), endpoint.port());
            let builder = Pool::builder(address).credentials(self.credentials.clone());
            builder.build()
        });
        Some(pool.clone())
    }
}
