//! One attack: calm, what is done, the healing, the calm behind it, and the verdict.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use futures_util::future::try_join_all;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::acts::Deed;
use super::checks::{Verdict, judge};
use super::generator::Generator;
use super::history::{Confirmed, Episode, Outcome, Window};
use super::keyspace::SHARDS;
use super::nemesis::Attack;
use super::rates::{self, Added, Rates};
use super::record::Pages;
use super::recoveries;
use super::resources::Resources;
use super::stage::{Stage, TIMEOUT};
use super::throughput::{self, Kept};

/// The calm before, in which the healthy rate is seen.
const CALM: Duration = Duration::from_millis(1500);
/// After so long nothing may fail any more: where a shard was away or has a new
/// primary, and where only connections suffered.
const GRACE: Duration = Duration::from_secs(5);
const SHORT_GRACE: Duration = Duration::from_millis(1500);
/// How long that is then looked at.
const TAIL: Duration = Duration::from_millis(700);
/// An attack that has not ended by then is given up.
const GIVEN_UP: Duration = Duration::from_secs(120);

/// What came of one attack.
pub(super) struct Told {
    pub(super) deeds: Vec<Deed>,
    pub(super) verdict: Verdict,
    pub(super) kept: Vec<Kept>,
    pub(super) pages: Pages,
    pub(super) commands: u64,
    pub(super) unknown: u64,
    pub(super) confirmed: u64,
    /// Acknowledged writes that a window excused.
    pub(super) missed: u64,
    pub(super) due: u64,
    pub(super) added: Added,
    pub(super) time: Duration,
    pub(super) latest: Duration,
    pub(super) resources: Resources,
    /// Roles changed that nobody had asked to change.
    pub(super) unplanned: Vec<usize>,
}

impl Stage {
    /// Measures what the machine does when nobody waits: pipelines a second of one
    /// shard, all shards and the control being loaded at once.
    pub(super) async fn capacity(&self, time: Duration) -> Result<f64> {
        let generators = self.fresh_generators().await?;
        let stop = Arc::new(AtomicBool::new(false));
        let reader = self.read_from_replicas(&generators, &stop);
        let from = self.record.now();
        let loads = generators
            .iter()
            .map(|generator| Arc::clone(generator).saturate(time, self.runtime.clone()));
        futures_util::future::join_all(loads).await;
        let seconds = (self.record.now() - from).as_secs_f64();
        for generator in &generators {
            generator.stop(TIMEOUT).await;
        }
        stop.store(true, Ordering::Relaxed);
        reader.await.context("reading from replicas")?;
        let pages = self.record.take();
        Ok(pages.samples.len() as f64 / seconds / generators.len() as f64)
    }

    /// Reads what the load writes, until `stop`.
    fn read_from_replicas(
        &self,
        generators: &[Arc<Generator>],
        stop: &Arc<AtomicBool>,
    ) -> JoinHandle<()> {
        let hurt = generators.iter().take(SHARDS).cloned().collect();
        let reader = self.reader.clone().run(hurt, Arc::clone(stop));
        self.runtime.spawn(reader)
    }

    /// One attack under `rate` pipelines a second on each shard.
    pub(super) async fn episode(
        &self,
        number: usize,
        attack: &Attack,
        rate: f64,
        baseline: Resources,
    ) -> Result<Told> {
        let generators = self.fresh_generators().await?;
        // What the preparations made late is nobody's.
        drop(self.record.take());
        let owners = self.owners().await?;
        let primaries = self.cluster.primaries().await?;
        let before = Rates::of(&self.cluster, &self.client).await?;
        let begun = self.record.now();
        for generator in &generators {
            let load = Arc::clone(generator).run(rate, self.runtime.clone());
            self.runtime.spawn(load);
        }
        let stop = Arc::new(AtomicBool::new(false));
        let confirmer = Arc::clone(&self.confirmer).run(number, Arc::clone(&stop));
        let confirmer = self.runtime.spawn(confirmer);
        let reader = self.read_from_replicas(&generators, &stop);
        sleep(CALM).await;

        let attacked = self.record.now();
        let acts = attack
            .iter()
            .map(|(nemesis, shard)| self.act(*nemesis, *shard));
        let deeds = timeout(GIVEN_UP, try_join_all(acts)).await;
        let deeds = deeds.context("the attack did not end")??;

        let mut unplanned = Vec::new();
        for shard in 0..SHARDS {
            let planned = deeds
                .iter()
                .any(|deed| deed.shard == shard && deed.recovery.is_some());
            if !planned && !primaries.contains(&self.primary(shard).await?) {
                unplanned.push(shard);
            }
        }
        let calm_from = self.record.now() + grace(&deeds);
        sleep(grace(&deeds) + TAIL).await;
        let ended = self.record.now();
        let mut hanging = 0;
        for generator in &generators {
            hanging += generator.stop(TIMEOUT + Duration::from_secs(1)).await;
        }
        stop.store(true, Ordering::Relaxed);
        let confirmed = confirmer.await.context("confirming writes")?;
        reader.await.context("reading from replicas")?;

        let added = Rates::of(&self.cluster, &self.client).await?.since(&before);
        drop(owners);
        let owners = self.owners().await?;
        let mut pages = self.record.take();
        let mut windows: Vec<Window> = deeds.iter().filter_map(|deed| deed.window).collect();
        // The machine was too slow for its servers: then nothing of it is certain.
        windows.extend(unplanned.iter().map(|shard| Window {
            shard: *shard,
            from: begun,
            to: ended,
        }));
        let episode = Episode {
            events: std::mem::take(&mut pages.events),
            finals: self.finals(&owners).await?,
            windows,
            confirmed: self.look_for(confirmed, &owners).await?,
            late: std::mem::take(&mut pages.late),
            failed_reads: std::mem::take(&mut pages.failed_reads),
            hurt_from: Some(attacked),
            calm_from: Some(calm_from),
            hanging,
            timeout: TIMEOUT,
        };
        let mut verdict = judge(&episode);
        verdict.checked(1, pages.probed);
        for wrong in &pages.wrong {
            verdict.violated(1, || wrong.clone());
        }
        for deed in &deeds {
            recoveries::check(deed, &episode, &mut verdict);
        }
        let hurt: Vec<usize> = attack.iter().map(|(_, shard)| *shard).collect();
        let mut kept = Vec::new();
        for deed in &deeds {
            let Some(away) = deed.away.filter(|_| unplanned.is_empty()) else {
                continue;
            };
            let calm = (begun + CALM / 5, attacked);
            kept.extend(throughput::kept(&pages.samples, calm, away, &hurt));
        }
        throughput::check(&kept, &mut verdict);
        let away = deeds.iter().map(Deed::disturbed).max().unwrap_or_default();
        let nodes = self.cluster.nodes().len();
        rates::check(added, nodes, ended - begun, away, &mut verdict);
        let (commands, unknown) = (episode.events.len() as u64, unknown(&episode));
        let (confirmed, latest) = (episode.confirmed.len() as u64, latest(&episode));
        // The record is ours and no matter of the client's.
        drop(episode);
        pages.samples = Vec::new();
        let resources = Resources::at_rest(&self.clients(), &self.runtime).await?;
        resources.check(baseline, &mut verdict);
        Ok(Told {
            commands,
            unknown,
            confirmed,
            latest,
            missed: sum(&generators, |generator| &generator.missed),
            due: sum(&generators, |generator| &generator.due),
            time: ended - begun,
            deeds,
            verdict,
            kept,
            pages,
            added,
            resources,
            unplanned,
        })
    }

    async fn look_for(
        &self,
        mut confirmed: Vec<Confirmed>,
        owners: &[Option<slotline_testkit::Node>],
    ) -> Result<Vec<Confirmed>> {
        for write in &mut confirmed {
            let slot = slotline::slot_of(&write.key);
            let owner = owners.get(slot.index()).and_then(Option::as_ref);
            let owner = owner.context("a slot has no owner")?;
            let found: Option<String> = owner.ask(&["GET", &write.key]).await?;
            write.is_there = found.as_ref() == Some(&write.key);
        }
        Ok(confirmed)
    }
}

impl Deed {
    /// How long its shard could not be served as usual.
    fn disturbed(&self) -> Duration {
        let away = self.away.map(|(from, to)| to.saturating_sub(from));
        // Its connections are hurt again and again, or it is made anew.
        away.unwrap_or(Duration::from_secs(2))
    }
}

fn grace(deeds: &[Deed]) -> Duration {
    let is_heavy = |deed: &Deed| deed.away.is_some() || deed.recovery.is_some();
    match deeds.iter().any(is_heavy) {
        true => GRACE,
        false => SHORT_GRACE,
    }
}

/// Commands of which it is not known whether they had their effect.
fn unknown(episode: &Episode) -> u64 {
    let events = episode.events.iter();
    let unknown = events.filter(|event| matches!(event.outcome, Outcome::Info(_)));
    unknown.count() as u64
}

fn latest(episode: &Episode) -> Duration {
    let each = episode.late.iter().map(|late| late.by);
    each.max().unwrap_or_default()
}

fn sum(
    generators: &[Arc<Generator>],
    count: impl Fn(&Generator) -> &std::sync::atomic::AtomicU64,
) -> u64 {
    let each = generators.iter().map(|generator| count(generator));
    each.map(|count| count.load(Ordering::Relaxed)).sum()
}
