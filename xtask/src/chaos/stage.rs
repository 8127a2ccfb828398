//! Two clusters, their clients, and who is who.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use slotline::{Client, Credentials, ReadFrom, Slot, Value};
use slotline_testkit::{LocalCluster, Node, ServerBinary};
use tokio::runtime::Handle;

use super::confirm::Confirmer;
use super::generator::Generator;
use super::history::{Final, Found, Key, Sort};
use super::keyspace::{CONTROL, Keyspace, Named, SHARDS};
use super::process::Workplace;
use super::reader::Reader;
use super::record::Record;
use crate::outages::{Observer, PATIENCE, Samples, slots_of};

/// What the client's connections are called, so that no other is killed.
pub(super) const CLIENT_NAME: &str = "slotline-chaos";
/// What a pipeline may take in all: less than some outages last.
pub(super) const TIMEOUT: Duration = Duration::from_secs(3);
/// Long enough that a machine with few cores does not take its servers for dead.
const NODE_TIMEOUT_MS: &str = "2500";
const USER: &str = "chaos";
/// The password, which must be seen nowhere.
pub(super) const SENTINEL: &str = "sentinel-7f3a9c";
/// How long a probe of recovery waits before it asks again.
const PROBE: Duration = Duration::from_millis(250);
/// Counters of each shard.
const COUNTERS: usize = 4;
/// Pairs of counters that transactions increase.
const TWINS: usize = 4;
/// Commands in one pipeline that loads.
const LOADING: usize = 250;

pub(super) struct Stage {
    pub(super) cluster: LocalCluster,
    /// Nothing is done to it.
    pub(super) control: LocalCluster,
    pub(super) client: Client,
    pub(super) control_client: Client,
    pub(super) reader: Reader,
    pub(super) record: Arc<Record>,
    pub(super) keyspace: Arc<Keyspace>,
    pub(super) samples: Samples,
    pub(super) observer: Observer,
    pub(super) confirmer: Arc<Confirmer>,
    pub(super) runtime: Handle,
    /// The nodes of each shard, whoever is the primary.
    shards: Vec<Vec<Node>>,
    generators: Mutex<Vec<Arc<Generator>>>,
}

impl Stage {
    pub(super) async fn set(
        binary: &ServerBinary,
        runtime: &Handle,
        network: &Handle,
        record: &Arc<Record>,
    ) -> Result<Self> {
        let user = format!("{USER} on >{SENTINEL} ~* &* +@all");
        let builder = |primaries, replicas| {
            LocalCluster::builder(binary)
                .primaries(primaries)
                .replicas(replicas)
                .option("cluster-node-timeout", NODE_TIMEOUT_MS)
                .option("repl-backlog-size", "64mb")
                // Else all slots are refused while one shard has no primary, and the
                // healthy ones could not be told from the others.
                .option("cluster-require-full-coverage", "no")
                .option("user", &user)
        };
        // Proxies live where they were started.
        let cluster = builder(SHARDS, 1).partitionable().start();
        let cluster = network.spawn(cluster).await??;
        let control = builder(1, 0).proxied().start();
        let control = network.spawn(control).await??;
        let client = connect(&cluster, ReadFrom::Primary, runtime).await?;
        let control_client = connect(&control, ReadFrom::Primary, runtime).await?;
        let reader = Reader {
            client: connect(&cluster, ReadFrom::PreferReplica, runtime).await?,
            record: Arc::clone(record),
        };
        let mut shards = Vec::new();
        let mut slots = Vec::new();
        for primary in cluster.primaries().await? {
            slots.push(slots_of(&primary).await?);
            shards.push(vec![cluster.replica_of(&primary).await?, primary]);
        }
        let keyspace = Arc::new(Keyspace::new(&slots));
        let credentials = Credentials::new(Some(USER), SENTINEL);
        let own = (client.clone(), Arc::clone(record), Arc::clone(&keyspace));
        let stage = Self {
            observer: Observer {
                client: client.clone(),
                runtime: runtime.clone(),
                witness: Arc::clone(record) as _,
                patience: Some(PROBE),
            },
            confirmer: Arc::new(Confirmer::new(own.0, credentials, own.1, own.2)),
            record: Arc::clone(record),
            samples: Samples::new(),
            runtime: runtime.clone(),
            generators: Mutex::default(),
            cluster,
            control,
            client,
            control_client,
            reader,
            keyspace,
            shards,
        };
        stage.load().await?;
        Ok(stage)
    }

    /// A key in each slot, for the probes of recovery.
    async fn load(&self) -> Result<()> {
        for keys in self.samples.all().chunks(LOADING) {
            let mut pipe = self.client.pipeline();
            for key in keys {
                pipe.set(key, key);
            }
            let replies = self.runtime.spawn(pipe.send()).await??;
            for reply in replies {
                reply.decode::<Value>().context("loading")?;
            }
        }
        Ok(self.cluster.wait_replicas_synced(PATIENCE).await?)
    }

    /// The primary of a shard as the nodes see it now.
    pub(super) async fn primary(&self, shard: usize) -> Result<Node> {
        let nodes = self.shards.get(shard).context("there is no such shard")?;
        let primaries = self.cluster.primaries().await?;
        let mut own = primaries.into_iter().filter(|node| nodes.contains(node));
        let primary = own.next().context("the shard has no primary")?;
        ensure!(own.next().is_none(), "the shard has two primaries");
        Ok(primary)
    }

    /// New processes with new keys, on all shards and on the control.
    pub(super) async fn fresh_generators(&self) -> Result<Vec<Arc<Generator>>> {
        let mut fresh = Vec::new();
        for shard in 0..=CONTROL {
            let (node, client) = match shard {
                CONTROL => (self.control.nodes().first().cloned(), &self.control_client),
                _ => (Some(self.primary(shard).await?), &self.client),
            };
            let node = node.context("the control has no node")?;
            let mut counters = Vec::new();
            for _ in 0..COUNTERS {
                let counter = self.keyspace.make(Sort::Counter, shard);
                let base = counter.key.base().to_string();
                node.call(&["SET", &counter.name, &base]).await?;
                counters.push(counter);
            }
            let mut twins = Vec::new();
            for _ in 0..TWINS {
                let pair = self.keyspace.make(Sort::Twins, shard);
                let base = pair.key.base().to_string();
                for key in pair.key.parts(&pair.name) {
                    node.call(&["SET", &key, &base]).await?;
                }
                twins.push(pair);
            }
            fresh.push(Arc::new(Generator::new(Workplace {
                client: client.clone(),
                record: Arc::clone(&self.record),
                keyspace: Arc::clone(&self.keyspace),
                shard,
                counters,
                twins,
                made: Mutex::default(),
                left: AtomicU64::new(0),
            })));
        }
        self.cluster.wait_replicas_synced(PATIENCE).await?;
        *self.generators() = fresh.clone();
        Ok(fresh)
    }

    fn generators(&self) -> MutexGuard<'_, Vec<Arc<Generator>>> {
        self.generators
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Everybody's connections: none of them is to keep anything.
    pub(super) fn clients(&self) -> [&Client; 3] {
        [&self.client, &self.control_client, &self.reader.client]
    }

    /// The load on a shard.
    pub(super) fn generator(&self, shard: usize) -> Option<Arc<Generator>> {
        self.generators().get(shard).cloned()
    }

    /// Slots of the keys that a shard's processes have begun with.
    pub(super) fn slots_in_use(&self, shard: usize) -> Vec<u16> {
        let Some(generator) = self.generator(shard) else {
            return Vec::new();
        };
        let place = &generator.place;
        let made = place.made();
        let all = made.iter().chain(&place.counters).chain(&place.twins);
        let mut slots: Vec<u16> = all.map(|named| named.key.slot).collect();
        slots.sort_unstable();
        slots.dedup();
        slots
    }

    /// Who serves each slot.
    pub(super) async fn owners(&self) -> Result<Vec<Option<Node>>> {
        let mut owners = vec![None; usize::from(Slot::COUNT)];
        for primary in self.cluster.primaries().await? {
            for slot in slots_of(&primary).await? {
                if let Some(owner) = owners.get_mut(usize::from(slot)) {
                    *owner = Some(primary.clone());
                }
            }
        }
        Ok(owners)
    }

    /// What every key holds, asked of its owner on a connection of the testkit's.
    pub(super) async fn finals(&self, owners: &[Option<Node>]) -> Result<BTreeMap<Key, Final>> {
        let mut finals = BTreeMap::new();
        let generators = self.generators().clone();
        for generator in generators {
            let place = &generator.place;
            let mut all: Vec<Named> = place.made().clone();
            all.extend(place.counters.iter().chain(&place.twins).cloned());
            for Named { key, name } in all {
                let owner = match place.shard {
                    CONTROL => self.control.nodes().first(),
                    _ => owners.get(usize::from(key.slot)).and_then(Option::as_ref),
                };
                let owner = owner.with_context(|| format!("slot {} has no owner", key.slot))?;
                finals.insert(key, read(owner, key, &name).await?);
            }
        }
        Ok(finals)
    }
}

async fn read(node: &Node, key: Key, name: &str) -> Result<Final> {
    Ok(match key.sort {
        Sort::Register => {
            let text: Option<String> = node.ask(&["GET", name]).await?;
            Final::One(Found::of_text(text.as_deref()))
        }
        Sort::Counter => {
            let number: Option<i64> = node.ask(&["GET", name]).await?;
            Final::One(Found::of_number(number))
        }
        Sort::Twins => {
            let mut numbers = Vec::new();
            for key in key.parts(name) {
                numbers.push(node.ask(&["GET", &key]).await?);
            }
            Final::One(Found::of_twins(&numbers))
        }
        Sort::List => {
            let all: Vec<String> = node.ask(&["LRANGE", name, "0", "-1"]).await?;
            Final::List(all.iter().map(|text| Found::of_text(Some(text))).collect())
        }
    })
}

async fn connect(cluster: &LocalCluster, from: ReadFrom, runtime: &Handle) -> Result<Client> {
    let proxies = cluster
        .nodes()
        .iter()
        .filter_map(|node| cluster.proxy(node));
    let builder = Client::builder()
        .nodes(proxies.map(|proxy| proxy.url()))
        .credentials(Some(USER), SENTINEL)
        .client_name(CLIENT_NAME)
        .read_from(from)
        .timeout(TIMEOUT);
    Ok(runtime.spawn(builder.connect()).await??)
}
