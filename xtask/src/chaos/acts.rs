//! Carries out what a nemesis does. Each asserts that it took place.

use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rand::RngExt;
use rand::seq::SliceRandom;
use slotline_testkit::{Cut, FaultProxy, Node, OnConnect};
use tokio::time::{Instant, interval, sleep};

use super::history::Window;
use super::nemesis::Nemesis;
use super::stage::{CLIENT_NAME, Stage};
use crate::outages::{self, Before, PATIENCE, Recovery, connection_of, slots_of};

/// How long what has no end of its own lasts.
const WHILE: Duration = Duration::from_secs(2);
/// Less than the nodes wait before they take another for dead.
const BLINK: Duration = Duration::from_millis(1200);
/// How often connections are cut or killed.
const OFTEN: Duration = Duration::from_millis(100);
/// The delay of each direction.
const DELAY: Duration = Duration::from_millis(15);
/// Slots that move forward and back.
const SLOTS: usize = 12;

/// What was done, once it is over and the cluster is healed.
pub(super) struct Deed {
    pub(super) nemesis: Nemesis,
    pub(super) shard: usize,
    /// What shows that it took place.
    pub(super) proof: String,
    /// Where acknowledged writes may have been lost.
    pub(super) window: Option<Window>,
    /// While nobody was at home there, by what is certain.
    pub(super) away: Option<(Duration, Duration)>,
    pub(super) recovery: Option<Recovery>,
    pub(super) healed: Duration,
}

impl Stage {
    /// Does it, and takes it back.
    pub(super) async fn act(&self, nemesis: Nemesis, shard: usize) -> Result<Deed> {
        let deed = match nemesis {
            Nemesis::Kill => self.kill(shard).await,
            Nemesis::Stop => self.stop(shard).await,
            Nemesis::Blink => self.blink(shard).await,
            Nemesis::Failover => self.fail_over(shard, None).await,
            Nemesis::Force => self.fail_over(shard, Some("FORCE")).await,
            Nemesis::Takeover => self.fail_over(shard, Some("TAKEOVER")).await,
            Nemesis::BlackHole => self.black_hole(shard).await,
            Nemesis::Partition => self.partition(shard).await,
            Nemesis::Split => self.split(shard).await,
            Nemesis::Reshard => self.reshard(shard).await,
            Nemesis::ClientKill => self.client_kill(shard).await,
            Nemesis::Cuts => self.cuts(shard).await,
            Nemesis::Delay => self.delay(shard).await,
            Nemesis::Cancel => self.cancel(shard).await,
        };
        let mut deed = deed.with_context(|| format!("{} of shard {shard}", nemesis.name()))?;
        deed.nemesis = nemesis;
        deed.healed = self.record.now();
        Ok(deed)
    }

    fn deed(&self, shard: usize, proof: String) -> Deed {
        Deed {
            nemesis: Nemesis::Cancel,
            shard,
            proof,
            window: None,
            away: None,
            recovery: None,
            healed: self.record.now(),
        }
    }

    fn window(&self, shard: usize, from: Duration) -> Option<Window> {
        let to = self.record.now();
        Some(Window { shard, from, to })
    }

    async fn recovery(&self, slots: &[u16], heir: &Node, before: Before) -> Result<Recovery> {
        outages::recovery(&self.observer, &self.samples, slots, heir, before).await
    }

    async fn kill(&self, shard: usize) -> Result<Deed> {
        let primary = self.primary(shard).await?;
        let from = self.record.now();
        let (slots, heir) = outages::kill(&self.cluster, &primary).await?;
        let killed = self.record.now();
        let recovery = self.recovery(&slots, &heir, Before::Gone).await?;
        let accepted = recovery.accepted;
        outages::bring_back(&self.cluster, &primary, &heir).await?;
        let proof = format!("{} took over", heir.address());
        Ok(Deed {
            window: self.window(shard, from),
            away: Some((killed, accepted)),
            recovery: Some(recovery),
            ..self.deed(shard, proof)
        })
    }

    async fn stop(&self, shard: usize) -> Result<Deed> {
        let primary = self.primary(shard).await?;
        let heir = self.cluster.replica_of(&primary).await?;
        let slots = slots_of(&primary).await?;
        let from = self.record.now();
        primary.pause()?;
        let recovery = self.recovery(&slots, &heir, Before::Gone).await;
        primary.resume()?;
        let recovery = recovery?;
        self.cluster.wait_until_agreed(PATIENCE).await?;
        ensure!(
            self.primary(shard).await? == heir,
            "the replica did not take over"
        );
        let proof = format!("{} took over", heir.address());
        Ok(Deed {
            window: self.window(shard, from),
            away: Some((from, recovery.accepted)),
            recovery: Some(recovery),
            ..self.deed(shard, proof)
        })
    }

    async fn blink(&self, shard: usize) -> Result<Deed> {
        let primary = self.primary(shard).await?;
        let from = self.record.now();
        primary.pause()?;
        sleep(BLINK).await;
        let to = self.record.now();
        primary.resume()?;
        self.cluster.wait_until_agreed(PATIENCE).await?;
        Ok(Deed {
            away: Some((from, to)),
            ..self.deed(shard, format!("stopped for {BLINK:?}"))
        })
    }

    async fn fail_over(&self, shard: usize, how: Option<&str>) -> Result<Deed> {
        let primary = self.primary(shard).await?;
        let heir = self.cluster.replica_of(&primary).await?;
        let slots = slots_of(&primary).await?;
        let from = self.record.now();
        let ask = async {
            match how {
                None => self.cluster.failover(&heir).await?,
                Some(how) => drop(heir.call(&["CLUSTER", "FAILOVER", how]).await?),
            }
            anyhow::Ok(())
        };
        let both = tokio::join!(self.recovery(&slots, &heir, Before::There), ask);
        let recovery = both.0?;
        both.1?;
        self.cluster.wait_until_agreed(PATIENCE).await?;
        ensure!(
            self.primary(shard).await? == heir,
            "the replica did not become the primary"
        );
        Ok(Deed {
            // A plain one waits until the replica has everything.
            window: how.and_then(|_| self.window(shard, from)),
            recovery: Some(recovery),
            ..self.deed(shard, format!("{} is the primary", heir.address()))
        })
    }

    fn proxy(&self, node: &Node) -> Result<&FaultProxy> {
        self.cluster.proxy(node).context("the node has no proxy")
    }

    async fn black_hole(&self, shard: usize) -> Result<Deed> {
        let primary = self.primary(shard).await?;
        let proxy = self.proxy(&primary)?;
        let from = self.record.now();
        let before = swallow(proxy);
        sleep(WHILE).await;
        let to = self.record.now();
        let swallowed = uncover(proxy).await - before;
        self.cluster.wait_until_agreed(PATIENCE).await?;
        ensure!(swallowed > 0, "nothing was swallowed");
        Ok(Deed {
            away: Some((from, to)),
            ..self.deed(shard, format!("{swallowed} bytes swallowed"))
        })
    }

    async fn partition(&self, shard: usize) -> Result<Deed> {
        let primary = self.primary(shard).await?;
        let heir = self.cluster.replica_of(&primary).await?;
        let slots = slots_of(&primary).await?;
        let proxy = self.proxy(&primary)?;
        let from = self.record.now();
        let before = swallow(proxy);
        let taking = async {
            sleep(WHILE).await;
            heir.call(&["CLUSTER", "FAILOVER", "TAKEOVER"]).await
        };
        let both = tokio::join!(self.recovery(&slots, &heir, Before::Gone), taking);
        let swallowed = uncover(proxy).await - before;
        let recovery = both.0?;
        both.1?;
        self.cluster.wait_until_agreed(PATIENCE).await?;
        ensure!(swallowed > 0, "nothing was swallowed");
        ensure!(
            self.primary(shard).await? == heir,
            "the replica did not become the primary"
        );
        Ok(Deed {
            window: self.window(shard, from),
            away: Some((from, recovery.accepted)),
            recovery: Some(recovery),
            ..self.deed(shard, format!("{swallowed} bytes swallowed"))
        })
    }

    /// The primary takes writes until it notices that it is alone, and answers
    /// CLUSTERDOWN from then on.
    async fn split(&self, shard: usize) -> Result<Deed> {
        let primary = self.primary(shard).await?;
        let heir = self.cluster.replica_of(&primary).await?;
        let slots = slots_of(&primary).await?;
        let bus = self.cluster.bus_proxy(&primary);
        let bus = bus.context("the node's bus has no proxy")?;
        let before = swallowed(bus);
        let from = self.record.now();
        self.cluster.isolate(std::slice::from_ref(&primary))?;
        let recovery = self.recovery(&slots, &heir, Before::There).await;
        let alone = slots_of(&primary).await;
        self.cluster.rejoin();
        let (recovery, alone) = (recovery?, alone?);
        self.cluster.wait_until_agreed(PATIENCE).await?;
        let swallowed = swallowed(bus) - before;
        ensure!(swallowed > 0, "the bus was not cut");
        ensure!(alone == slots, "the primary had heard of its heir");
        ensure!(
            self.primary(shard).await? == heir,
            "the replica was not elected"
        );
        let proof = format!("{} was elected", heir.address());
        Ok(Deed {
            window: self.window(shard, from),
            away: Some((from, recovery.accepted)),
            recovery: Some(recovery),
            ..self.deed(shard, proof)
        })
    }

    /// Slots of keys that are in use go to the next shard and come back.
    async fn reshard(&self, shard: usize) -> Result<Deed> {
        let from = self.primary(shard).await?;
        let to = self.primary((shard + 1) % super::keyspace::SHARDS).await?;
        let mut slots = self.slots_in_use(shard);
        slots.shuffle(&mut rand::rng());
        slots.truncate(SLOTS);
        let mut keys = 0;
        let redirects = self.client.redirects_followed();
        for (from, to) in [(&from, &to), (&to, &from)] {
            for slot in &slots {
                let migration = self.cluster.begin_migration(*slot, from, to).await?;
                keys += migration.move_keys(1).await?;
                // Half moved is when a slot is hardest to serve.
                sleep(Duration::from_millis(40)).await;
                keys += migration.finish().await?;
            }
        }
        self.cluster.wait_until_agreed(PATIENCE).await?;
        let redirects = self.client.redirects_followed() - redirects;
        ensure!(keys > 0, "no key was moved");
        ensure!(redirects > 0, "no command met the migration");
        let slots = slots.len();
        let proof = format!("{keys} moves of keys in {slots} slots, {redirects} redirects");
        Ok(self.deed(shard, proof))
    }

    async fn client_kill(&self, shard: usize) -> Result<Deed> {
        let primary = self.primary(shard).await?;
        let mut killed = 0_u64;
        let until = Instant::now() + WHILE;
        let mut ticks = interval(OFTEN);
        while Instant::now() < until {
            ticks.tick().await;
            let list: String = primary.ask(&["CLIENT", "LIST"]).await?;
            let ids = list.lines();
            for id in ids.filter_map(|line| connection_of(line, CLIENT_NAME, None)) {
                killed += primary.ask::<u64>(&["CLIENT", "KILL", "ID", id]).await?;
            }
        }
        ensure!(killed > 0, "there was no connection to be killed");
        Ok(self.deed(shard, format!("{killed} connections killed")))
    }

    async fn cuts(&self, shard: usize) -> Result<Deed> {
        let primary = self.primary(shard).await?;
        let proxy = self.proxy(&primary)?;
        let cuts = || proxy.to_client().traffic().cuts + proxy.to_server().traffic().cuts;
        let before = cuts();
        let until = Instant::now() + WHILE;
        let mut ticks = interval(OFTEN);
        while Instant::now() < until {
            ticks.tick().await;
            let how = match rand::rng().random_bool(0.5) {
                true => Cut::Reset,
                false => Cut::Close,
            };
            let after = rand::rng().random_range(0..2000);
            for connection in proxy.open() {
                let flow = match rand::rng().random_bool(0.5) {
                    true => connection.to_client(),
                    false => connection.to_server(),
                };
                flow.cut_after(after, how);
            }
        }
        let cuts = cuts() - before;
        for connection in proxy.open() {
            connection.to_client().heal();
            connection.to_server().heal();
        }
        self.cluster.wait_until_agreed(PATIENCE).await?;
        ensure!(cuts > 0, "nothing was cut");
        Ok(self.deed(shard, format!("{cuts} cuts")))
    }

    async fn delay(&self, shard: usize) -> Result<Deed> {
        let primary = self.primary(shard).await?;
        let proxy = self.proxy(&primary)?;
        let before = proxy.to_client().traffic().delayed;
        proxy.to_client().delay(DELAY);
        proxy.to_server().delay(DELAY);
        sleep(WHILE).await;
        proxy.to_client().heal();
        proxy.to_server().heal();
        let delayed = proxy.to_client().traffic().delayed - before;
        ensure!(delayed > 0, "nothing was delayed");
        Ok(self.deed(shard, format!("{delayed} bytes delayed")))
    }

    async fn cancel(&self, shard: usize) -> Result<Deed> {
        let Some(generator) = self.generator(shard) else {
            bail!("there is no load that could be cancelled");
        };
        let before = generator.place.left.load(Ordering::Relaxed);
        generator.leaves.store(true, Ordering::Relaxed);
        sleep(WHILE).await;
        generator.leaves.store(false, Ordering::Relaxed);
        let left = generator.place.left.load(Ordering::Relaxed) - before;
        ensure!(left > 0, "nobody left");
        Ok(self.deed(shard, format!("{left} callers left unanswered")))
    }
}

/// Returns how much had been swallowed before.
fn swallow(proxy: &FaultProxy) -> u64 {
    let before = swallowed(proxy);
    proxy.to_server().swallow();
    proxy.to_client().swallow();
    before
}

/// Ends every connection whose bytes were swallowed, then lets new ones pass.
async fn uncover(proxy: &FaultProxy) -> u64 {
    proxy.on_connect(OnConnect::Refuse(Cut::Reset));
    for connection in proxy.open() {
        connection.cut(Cut::Reset);
    }
    // Until they are gone: one that went on would have a hole in its stream.
    let _ = proxy.until_open(0, PATIENCE).await;
    proxy.to_server().heal();
    proxy.to_client().heal();
    proxy.on_connect(OnConnect::Forward);
    swallowed(proxy)
}

fn swallowed(proxy: &FaultProxy) -> u64 {
    proxy.to_client().traffic().swallowed + proxy.to_server().traffic().swallowed
}
