use std::time::Duration;

use rustc_hash::FxHashSet;
use slotline_topology::{Endpoint, Slot, Topology, View, merge};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};
use tower::Service;

use super::ask::{Answer, fetch_views};
use super::choose::{former, heirs, sample};
use super::refusals::Refusals;
use super::survey::Surveyor;
use crate::cluster::{Cluster, Wanted};
use crate::error::BoxError;
use crate::node::{Nodes, Part, PartResponse};
use crate::request::LONGEST;

/// No setting makes the task spin.
const SHORTEST_PROBE: Duration = Duration::from_millis(1);

/// How a topology is kept fresh.
#[derive(Debug, Clone)]
#[must_use]
pub struct RefreshConfig {
    seeds: Vec<Endpoint>,
    spacing: Duration,
    period: Duration,
    probe: Duration,
    patience: Duration,
    sample: usize,
    survey: Duration,
    has_facts: bool,
}

impl RefreshConfig {
    /// Asks three nodes, at most once a second, at least once a minute; and the
    /// heirs of an owner that cannot be reached, or has answered CLUSTERDOWN, every
    /// 200 ms.
    pub fn new(seeds: Vec<Endpoint>) -> RefreshConfig {
        RefreshConfig {
            seeds,
            spacing: Duration::from_secs(1),
            period: Duration::from_secs(60),
            probe: Duration::from_millis(200),
            patience: Duration::from_secs(1),
            sample: 3,
            survey: Duration::from_secs(1),
            has_facts: true,
        }
    }

    /// The least time from one refresh to the next.
    pub fn spacing(mut self, spacing: Duration) -> RefreshConfig {
        self.spacing = spacing.min(LONGEST);
        self
    }

    /// The most time from one refresh to the next; it is up to a quarter less, so that
    /// clients which were all told of a change at once do not stay together.
    pub fn period(mut self, period: Duration) -> RefreshConfig {
        self.period = period.min(LONGEST);
        self
    }

    /// How often to look for the next owner of slots whose owner cannot be
    /// reached, or is cut off from the others.
    pub fn probe(mut self, probe: Duration) -> RefreshConfig {
        self.probe = probe.clamp(SHORTEST_PROBE, LONGEST);
        self
    }

    /// How many nodes a refresh asks, at least 1.
    pub fn sample(mut self, sample: usize) -> RefreshConfig {
        self.sample = sample.max(1);
        self
    }

    /// How often nodes are asked how they are themselves, as long as reads depend on
    /// it: once a second by default. Each of a shard that is used gets a ROLE; where
    /// reads depend on no lag, every tenth time and replicas only.
    pub fn survey(mut self, survey: Duration) -> RefreshConfig {
        self.survey = survey.clamp(SHORTEST_PROBE, LONGEST);
        self
    }

    /// Asks no node how it is, whatever reads depend on: for whoever calls
    /// [`Cluster::set_facts`].
    pub fn without_facts(mut self) -> RefreshConfig {
        self.has_facts = false;
        self
    }
}

/// The task that keeps a [`Cluster`] fresh (T2, T3). It ends when this is dropped.
///
/// From the first read on that depends on more than slots (see
/// [`ReadFrom`](crate::ReadFrom)) refreshes ask for CLUSTER SHARDS too, and a second
/// task asks nodes how they are themselves: [`RefreshConfig::survey`]. A node that
/// refuses a question, as servers before version 7 refuse CLUSTER SHARDS, is not asked
/// it again for ten minutes. If nodes refuse ROLE and there is a bound of lag, the map
/// is refreshed as often as the spacing allows, for what others have heard of them.
#[derive(Debug)]
pub struct Refresh {
    task: JoinHandle<()>,
    survey: Option<JoinHandle<()>>,
}

impl Refresh {
    /// Starts the task on the current tokio runtime.
    ///
    /// # Panics
    /// Outside of a tokio runtime, as [`tokio::spawn`] does.
    pub fn spawn<S>(cluster: Cluster, nodes: S, config: RefreshConfig) -> Refresh
    where
        S: Service<Part, Response = PartResponse> + Nodes + Clone + Send + Sync + 'static,
        S::Error: Into<BoxError> + Send,
        S::Future: Send,
    {
        let survey = config.has_facts.then(|| {
            let (cluster, nodes) = (cluster.clone(), nodes.clone());
            let surveyor = Surveyor::new(cluster, nodes, config.survey, config.patience);
            tokio::spawn(surveyor.run())
        });
        let keeper = Keeper {
            refuses_shards: Refusals::default(),
            known: cluster.snapshot().topology().clone(),
            displaced: FxHashSet::default(),
            pace: config.period,
            former: Vec::new(),
            cluster,
            nodes,
            config,
        };
        Refresh {
            task: tokio::spawn(keeper.run()),
            survey,
        }
    }
}

impl Drop for Refresh {
    fn drop(&mut self) {
        self.task.abort();
        if let Some(survey) = &self.survey {
            survey.abort();
        }
    }
}

struct Keeper<S> {
    cluster: Cluster,
    nodes: S,
    config: RefreshConfig,
    /// As of the last time that commands were given back.
    known: Topology,
    /// Nodes that the map no longer has, and that may know more than it.
    former: Vec<Endpoint>,
    /// The nodes that lost a slot then.
    displaced: FxHashSet<Endpoint>,
    /// After how long the next refresh comes by itself: soon after a change, then
    /// less and less often.
    pace: Duration,
    /// Nodes that are not asked for CLUSTER SHARDS.
    refuses_shards: Refusals,
}

impl<S> Keeper<S>
where
    S: Service<Part, Response = PartResponse> + Nodes + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError> + Send,
    S::Future: Send,
{
    async fn run(mut self) {
        let mut wanted = false;
        let mut last = Instant::now();
        let mut allowed = last;
        let mut due_at = last + self.cluster.random().somewhat_less(self.pace());
        loop {
            let mut wake = Instant::now() + self.cluster.random().somewhat_more(self.config.probe);
            if wanted {
                wake = wake.min(allowed);
                tokio::time::sleep_until(wake).await;
            } else if timeout_at(wake, self.cluster.refresh_wanted())
                .await
                .is_ok()
            {
                wanted = true;
            }
            // Once more: a command that was routed by the map before may have come
            // to its node just after the first time.
            self.give_back();
            self.displaced.clear();
            self.nodes.known(self.cluster.snapshot().topology());
            let now = Instant::now();
            let migrating = !self.cluster.snapshot().unsettled().is_empty();
            // What a survey left to refreshes does not wait for the one that was planned.
            let due = wanted || migrating || now >= due_at.min(last + self.pace());
            if due && now >= allowed {
                // What is asked for from here on is asked for again: a trailing
                // refresh follows the last trigger.
                wanted = false;
                last = now;
                allowed = now + self.cluster.random().somewhat_more(self.config.spacing);
                self.refresh().await;
                due_at = last + self.cluster.random().somewhat_less(self.pace());
            } else {
                self.look_for_heirs().await;
            }
        }
    }

    fn pace(&self) -> Duration {
        match self.cluster.interest().is_left_to_refreshes() {
            true => self.pace.min(self.config.spacing),
            false => self.pace,
        }
    }

    async fn refresh(&mut self) {
        self.pace = self.pace.saturating_mul(2).min(self.config.period);
        let chosen = sample(
            self.cluster.random(),
            &self.cluster.snapshot(),
            (&self.former, &self.config.seeds),
            self.config.sample,
            |node| self.nodes.is_reachable(node),
        );
        self.cluster.counters().refreshes.count();
        self.ask(chosen).await;
    }

    async fn look_for_heirs(&mut self) {
        let heirs = heirs(
            self.cluster.random(),
            &self.cluster.snapshot(),
            &self.config.seeds,
            |node| self.nodes.is_reachable(node),
            |node| self.cluster.doubts().concern(node),
        );
        if !heirs.is_empty() {
            self.cluster.counters().probes.count();
            self.ask(heirs).await;
        }
    }

    async fn ask(&mut self, nodes: Vec<Endpoint>) {
        self.cluster.refresh_begins();
        let has_facts = self.config.has_facts && self.cluster.interest().get() != Wanted::NOTHING;
        let nodes = nodes.into_iter().map(|node| {
            let with_shards = has_facts && self.refuses_shards.permit(&node);
            (node, with_shards)
        });
        let answers = fetch_views(&self.nodes, nodes.collect(), self.config.patience).await;
        let mut views = Vec::with_capacity(answers.len());
        for Answer {
            view,
            refuses_shards,
        } in answers
        {
            if refuses_shards {
                self.refuses_shards.add(view.asked().clone());
            }
            views.push(view.mapped(self.cluster.addresses()));
        }
        let before = self.cluster.snapshot().topology().clone();
        self.install(&views, has_facts);
        // Compared with the last time: a MOVED may have taken a slot from its
        // owner in between. And with the moment before: a MOVED that was late may
        // have given one back to a node that had lost it.
        let known = self.cluster.snapshot().topology().clone();
        self.displaced = displaced(&self.known, &known);
        self.former = former(&self.known, &known, &self.former);
        self.displaced.extend(displaced(&before, &known));
        if known != self.known {
            // What has changed goes on changing: a replica is listed once it has
            // its data, which may be some time after a failover.
            self.pace = self.config.spacing.max(self.config.probe);
        }
        self.known = known;
        self.give_back();
    }

    fn install(&self, views: &[View], has_facts: bool) {
        let current = self.cluster.snapshot().topology().clone();
        let Ok(merged) = merge(views, Some(&current)) else {
            return;
        };
        let settles = |slot| merged.is_settled(slot);
        let topology = merged.topology.clone();
        tracing::debug!(
            views = views.len(),
            covered = topology.covered(),
            "the topology was refreshed"
        );
        let unsettled = &merged.unsettled;
        self.cluster
            .install(topology, unsettled, settles, has_facts);
    }

    fn give_back(&self) {
        for node in &self.displaced {
            self.nodes.give_back(node);
        }
    }
}

/// The nodes that lost a slot.
fn displaced(before: &Topology, after: &Topology) -> FxHashSet<Endpoint> {
    let owner = |topology: &Topology, slot| {
        let node = topology.primary_of(slot)?;
        topology.endpoint(node).cloned()
    };
    let mut displaced = FxHashSet::default();
    // Neighbouring slots mostly have the same two owners.
    let mut last = None;
    for slot in Slot::all() {
        let owners = (before.primary_of(slot), after.primary_of(slot));
        if last == Some(owners) {
            continue;
        }
        last = Some(owners);
        let (was, is) = (owner(before, slot), owner(after, slot));
        if was != is {
            displaced.extend(was);
        }
    }
    displaced
}
