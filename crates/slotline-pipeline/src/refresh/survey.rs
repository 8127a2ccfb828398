//! Asks nodes how they are themselves, for reads that may go to several.

use std::time::Duration;

use rustc_hash::{FxHashMap, FxHashSet};
use slotline_resp::{CommandBuffer, Commands, known};
use slotline_topology::{Endpoint, NodeIndex, Topology};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout_at};
use tower::Service;

use super::ask::{ask, is_refusal};
use super::refusals::Refusals;
use super::word::{of_info, of_role};
use crate::cluster::{Cluster, Wanted, Word};
use crate::error::BoxError;
use crate::node::{Asked, Intent, Nodes, Part, PartResponse};
use crate::response::Response;

/// What has been said by then is taken in, whoever else is still silent.
const SOON: Duration = Duration::from_millis(150);

/// A link is seldom down: where no read depends on how far a replica has come, it is
/// asked once in so many surveys.
const LINKS_EVERY: u32 = 10;

/// So often a node is asked where it stands: at its address there may be another.
const ZONE_EVERY: Duration = Duration::from_secs(60);

/// The task that asks.
pub(super) struct Surveyor<S> {
    cluster: Cluster,
    nodes: S,
    period: Duration,
    patience: Duration,
    /// When each node was last asked what, if it has answered.
    answered: FxHashMap<Endpoint, Answered>,
    refuses_role: Refusals,
    refuses_info: Refusals,
}

#[derive(Debug, Default)]
struct Answered {
    role: Option<Instant>,
    zone: Option<Instant>,
}

/// What one node is to be asked.
struct Question {
    asked: Asked,
    role: bool,
    zone: bool,
}

/// What it answered, and which questions it refused.
#[derive(Debug)]
struct Said {
    node: Endpoint,
    word: Word,
    refuses_role: bool,
    refuses_zone: bool,
}

impl<S> Surveyor<S>
where
    S: Service<Part, Response = PartResponse> + Nodes + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError> + Send,
    S::Future: Send,
{
    pub(super) fn new(cluster: Cluster, nodes: S, period: Duration, patience: Duration) -> Self {
        Surveyor {
            cluster,
            nodes,
            period,
            patience,
            answered: FxHashMap::default(),
            refuses_role: Refusals::default(),
            refuses_info: Refusals::default(),
        }
    }

    pub(super) async fn run(mut self) {
        loop {
            if self.cluster.interest().get() == Wanted::NOTHING {
                self.cluster.interest().grown().await;
                continue;
            }
            let next = Instant::now() + self.cluster.random().somewhat_more(self.period);
            self.survey().await;
            sleep_until(next).await;
        }
    }

    async fn survey(&mut self) {
        let wanted = self.cluster.interest().get();
        let topology = self.cluster.snapshot().topology().clone();
        let questions = self.questions(&topology, wanted);
        if questions.is_empty() {
            return;
        }
        self.cluster.counters().surveys.count();
        let begun = Instant::now();
        let deadline = begun + self.patience;
        let mut open = JoinSet::new();
        for question in questions {
            open.spawn(put(self.nodes.clone(), question, deadline));
        }
        for until in [begun + SOON, deadline] {
            let mut said = Vec::new();
            while let Ok(Some(answer)) = timeout_at(until, open.join_next()).await {
                said.extend(answer.ok().flatten());
            }
            self.take_in(said);
            if open.is_empty() {
                break;
            }
        }
        let left = wanted.has(Wanted::LAG) && !self.refuses_role.is_empty();
        self.cluster.interest().leave_to_refreshes(left);
    }

    /// Shards that nothing goes to are left alone: a client has no connection to
    /// nodes that it does not use.
    fn questions(&mut self, topology: &Topology, wanted: Wanted) -> Vec<Question> {
        self.answered
            .retain(|node, _| topology.find(node).is_some());
        let mut seen: FxHashSet<NodeIndex> = FxHashSet::default();
        let mut questions = Vec::new();
        for shard in topology.shards() {
            let is_used = |node: NodeIndex| {
                let endpoint = topology.endpoint(node);
                endpoint.is_some_and(|endpoint| self.nodes.is_used(endpoint))
            };
            if shard.replicas().is_empty() || !shard.nodes().any(is_used) {
                continue;
            }
            for node in shard.nodes().filter(|node| seen.insert(*node)) {
                let intent = match node == shard.primary() {
                    true => Intent::ReadWrite,
                    false => Intent::ReadOnly,
                };
                let Some(endpoint) = topology.endpoint(node) else {
                    continue;
                };
                // Of a link alone only those need to tell that are read from.
                let depends = intent == Intent::ReadOnly && is_used(node);
                let question = Question {
                    role: (wanted.has(Wanted::LAG) || depends) && self.owes_role(endpoint, wanted),
                    zone: wanted.has(Wanted::ZONES) && self.owes_zone(endpoint),
                    asked: Asked::new(endpoint.clone(), intent),
                };
                if question.role || question.zone {
                    questions.push(question);
                }
            }
        }
        questions
    }

    fn owes_role(&self, node: &Endpoint, wanted: Wanted) -> bool {
        let asked = self.answered.get(node).and_then(|answered| answered.role);
        let pause = match wanted.has(Wanted::LAG) {
            true => Duration::ZERO,
            false => self.period.saturating_mul(LINKS_EVERY),
        };
        self.refuses_role.permit(node) && asked.is_none_or(|at| at.elapsed() >= pause)
    }

    fn owes_zone(&self, node: &Endpoint) -> bool {
        let asked = self.answered.get(node).and_then(|answered| answered.zone);
        self.refuses_info.permit(node) && asked.is_none_or(|at| at.elapsed() >= ZONE_EVERY)
    }

    fn take_in(&mut self, said: Vec<Said>) {
        let now = Instant::now();
        let mut words = Vec::with_capacity(said.len());
        for said in said {
            let answered = self.answered.entry(said.node.clone()).or_default();
            if said.word.is_up.is_some() {
                answered.role = Some(now);
            }
            if said.word.zone.is_some() {
                answered.zone = Some(now);
            }
            if said.refuses_role {
                self.refuses_role.add(said.node.clone());
            }
            if said.refuses_zone {
                self.refuses_info.add(said.node.clone());
            }
            words.push((said.node, said.word));
        }
        if !words.is_empty() {
            self.cluster.told(words);
        }
    }
}

/// Puts the question to the node; `None` if it has not answered.
async fn put<S>(service: S, question: Question, deadline: Instant) -> Option<Said>
where
    S: Service<Part, Response = PartResponse>,
    S::Error: Into<BoxError>,
{
    let (role, zone) = (question.role, question.zone);
    let node = question.asked.node.clone();
    let response = ask(service, question.asked, commands(role, zone), deadline);
    let response = response.await.ok()?;
    let mut said = Said {
        node,
        word: Word::default(),
        refuses_role: false,
        refuses_zone: false,
    };
    if role && let Some(reply) = reply(&response, 0) {
        match of_role(&reply) {
            Ok(word) => said.word = word,
            Err(error) => said.refuses_role = is_refusal(error.code()),
        }
    }
    if zone && let Some(reply) = reply(&response, usize::from(role)) {
        match reply.decode::<String>() {
            Ok(text) => said.word.zone = of_info(&text).zone,
            Err(error) => said.refuses_zone = is_refusal(error.code()),
        }
    }
    Some(said)
}

fn reply(response: &Response, index: usize) -> Option<slotline_resp::Reply> {
    response.replies().get(response.outcome(index).ok()?)
}

fn commands(role: bool, zone: bool) -> Commands {
    let mut buffer = CommandBuffer::new();
    if role {
        buffer.begin(&known::ROLE, 0);
    }
    if zone {
        buffer.begin(&known::INFO, 1).arg("server");
    }
    buffer.freeze()
}
