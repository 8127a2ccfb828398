//! One service for all nodes: the pools, by node and intent.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use arc_swap::ArcSwap;
use rustc_hash::{FxHashMap, FxHashSet};
use slotline_pipeline::{
    self as pipeline, Intent, NodeFailure, Part, PartFailure, PartResponse, WhileAway,
};
use slotline_pool::{self as pool, DialLimit, Pool, PoolBuilder};
use slotline_topology::{Endpoint, Topology};
use tokio::time::Instant;
use tower::Service;

use crate::alone::{Carrying, carry};

type Key = (Endpoint, Intent);

/// The pools of each node.
#[derive(Clone, Default)]
struct Pools(FxHashMap<Endpoint, OfNode>);

/// One node's pools, for writing and for reading.
#[derive(Clone, Default)]
struct OfNode([Option<Pool>; 2]);

impl OfNode {
    fn get(&self, intent: Intent) -> Option<&Pool> {
        let [write, read] = &self.0;
        match intent {
            Intent::ReadWrite => write.as_ref(),
            Intent::ReadOnly => read.as_ref(),
        }
    }

    fn set(&mut self, intent: Intent, pool: Pool) {
        let [write, read] = &mut self.0;
        match intent {
            Intent::ReadWrite => *write = Some(pool),
            Intent::ReadOnly => *read = Some(pool),
        }
    }
}

impl Pools {
    fn get(&self, node: &Endpoint, intent: Intent) -> Option<&Pool> {
        self.0.get(node)?.get(intent)
    }

    fn of_node(&self, node: &Endpoint) -> impl Iterator<Item = &Pool> {
        INTENTS.iter().filter_map(|intent| self.get(node, *intent))
    }

    fn iter(&self) -> impl Iterator<Item = (Key, &Pool)> {
        self.0.iter().flat_map(|(node, pools)| {
            let each = INTENTS.iter();
            each.filter_map(|intent| Some(((node.clone(), *intent), pools.get(*intent)?)))
        })
    }

    fn insert(&mut self, (node, intent): Key, pool: Pool) {
        self.0.entry(node).or_default().set(intent, pool);
    }
}

/// How long the requests of a node that has left may take to end.
const FAREWELL: Duration = Duration::from_secs(30);

/// What a node's pools can be for.
const INTENTS: [Intent; 2] = [Intent::ReadWrite, Intent::ReadOnly];

/// All nodes of one client. A clone is another handle on the same pools.
#[derive(Clone)]
pub(crate) struct Nodes(Arc<Inner>);

struct Inner {
    /// How a pool is made for a node.
    template: Box<dyn Fn(pool::Address) -> PoolBuilder + Send + Sync>,
    /// Read without a lock; replaced as a whole when a node is first used.
    pools: ArcSwap<Pools>,
    /// Held by whoever adds pools or takes some out: those whose node was not in
    /// the map when it was last looked at, and the commands they had sent by then.
    strangers: Mutex<FxHashMap<Key, u64>>,
}

impl Nodes {
    pub(crate) fn new(
        template: impl Fn(pool::Address) -> PoolBuilder + Send + Sync + 'static,
    ) -> Nodes {
        Nodes(Arc::new(Inner {
            template: Box::new(template),
            pools: ArcSwap::default(),
            strangers: Mutex::default(),
        }))
    }

    /// Calls `with` for the pool of a node, which is made if there is none: it
    /// dials when it is first used.
    #[inline]
    pub(crate) fn with_pool<R>(
        &self,
        node: &Endpoint,
        intent: Intent,
        with: impl FnOnce(&Pool) -> R,
    ) -> R {
        if let Some(pool) = self.0.pools.load().get(node, intent) {
            return with(pool);
        }
        with(&self.add((node.clone(), intent)))
    }

    /// What all pools have counted so far, with each pool's node and intent.
    pub(crate) fn statistics(&self) -> Vec<(Endpoint, Intent, pool::Statistics)> {
        let pools = self.0.pools.load();
        let each = pools.iter();
        each.map(|((node, intent), pool)| (node, intent, pool.statistics()))
            .collect()
    }

    fn strangers(&self) -> MutexGuard<'_, FxHashMap<Key, u64>> {
        let strangers = self.0.strangers.lock();
        strangers.unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes out the pools of nodes that have left the map, once nothing was asked
    /// of them from one map to the next: a command that was routed by an earlier
    /// one, an ASK or a look at a seed still finds them.
    fn let_go(&self, topology: &Topology) -> Vec<Pool> {
        let mut strangers = self.strangers();
        let pools = self.0.pools.load();
        let mut seen = FxHashMap::default();
        let mut gone = FxHashSet::default();
        for (key, pool) in pools.iter() {
            if topology.find(&key.0).is_some() {
                continue;
            }
            let now = pool.statistics();
            let is_idle = now.in_flight == 0 && now.waiting == 0;
            let is_lending = now.leases.in_use > 0 || now.leases.waiting > 0;
            if strangers.get(&key) == Some(&now.commands) && is_idle && !is_lending {
                gone.insert(key);
            } else {
                seen.insert(key, now.commands);
            }
        }
        *strangers = seen;
        if gone.is_empty() {
            return Vec::new();
        }
        let mut kept = Pools::default();
        let mut left = Vec::new();
        for (key, pool) in pools.iter() {
            if gone.contains(&key) {
                left.push(pool.clone());
            } else {
                kept.insert(key, pool.clone());
            }
        }
        self.0.pools.store(Arc::new(kept));
        left
    }

    fn add(&self, key: Key) -> Pool {
        let _growing = self.strangers();
        let pools = self.0.pools.load();
        let (node, intent) = &key;
        if let Some(pool) = pools.get(node, *intent) {
            return pool.clone();
        }
        let address = match node.path() {
            Some(path) => pool::Address::unix(path),
            None => pool::Address::new(node.host(), node.port()),
        };
        // It is the node that is not to be stormed, whatever its pools are for.
        let other = pools.of_node(node).next();
        let dial_limit = other.map_or_else(DialLimit::default, |pool| pool.dial_limit().clone());
        let pool = (self.0.template)(address)
            .intent(pool_intent(*intent))
            .dial_limit(dial_limit)
            .build();
        let mut grown = Pools::clone(&pools);
        grown.insert(key, pool.clone());
        self.0.pools.store(Arc::new(grown));
        pool
    }
}

impl pipeline::Nodes for Nodes {
    fn is_reachable(&self, node: &Endpoint) -> bool {
        let pools = self.0.pools.load();
        let pool = pools.get(node, Intent::ReadWrite);
        pool.is_none_or(Pool::is_reachable)
    }

    fn give_back(&self, node: &Endpoint) {
        let pools = self.0.pools.load();
        pools.of_node(node).for_each(Pool::give_back);
    }

    fn known(&self, topology: &Topology) {
        for pool in self.let_go(topology) {
            // Whoever has just been handed it is served to the end.
            tokio::spawn(async move { pool.drain(Instant::now() + FAREWELL).await });
        }
    }

    fn quarantine(&self, node: &Endpoint, intent: Intent) {
        let pools = self.0.pools.load();
        if let Some(pool) = pools.get(node, intent) {
            pool.quarantine();
        }
    }

    fn is_used(&self, node: &Endpoint) -> bool {
        let pools = self.0.pools.load();
        pools.of_node(node).next().is_some()
    }
}

impl Service<Part> for Nodes {
    type Response = PartResponse;
    type Error = pipeline::Error;
    type Future = NodeFuture;

    /// Always: a node's own bounds are met by the part itself.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), pipeline::Error>> {
        Poll::Ready(Ok(()))
    }

    #[inline]
    fn call(&mut self, mut part: Part) -> NodeFuture {
        if let Some(alone) = part.alone.take() {
            let pool = self.with_pool(&part.node, part.intent, Pool::clone);
            return NodeFuture::Alone {
                carrying: Box::pin(carry(pool, part, *alone)),
            };
        }
        let while_away = match part.while_away {
            WhileAway::Wait => pool::WhileAway::Wait,
            WhileAway::Refuse => pool::WhileAway::Refuse,
        };
        let exchange = self.with_pool(&part.node, part.intent, |pool| {
            if part.is_transaction {
                pool.send_transaction(part.commands, part.deadline, while_away)
            } else {
                pool.send(part.commands, part.deadline, while_away)
            }
        });
        NodeFuture::Shared {
            exchange,
            node: part.node,
            while_away: part.while_away,
        }
    }
}

/// One node's part under way.
pub(crate) enum NodeFuture {
    Shared {
        exchange: pool::Exchange,
        node: Endpoint,
        while_away: WhileAway,
    },
    /// On a connection of its own.
    Alone { carrying: Carrying },
}

impl Future for NodeFuture {
    type Output = Result<PartResponse, pipeline::Error>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.get_mut() {
            NodeFuture::Shared {
                exchange,
                node,
                while_away,
            } => {
                let answer = Pin::new(exchange).poll(cx);
                answer.map(|answer| Ok(part_response(answer, node, *while_away)))
            }
            NodeFuture::Alone { carrying } => carrying.as_mut().poll(cx).map(Ok),
        }
    }
}

/// What a pool answered, for the pipeline.
#[inline]
pub(crate) fn part_response(
    answer: pool::Answer,
    node: &Endpoint,
    while_away: WhileAway,
) -> PartResponse {
    let failure = answer.failure.map(|failure| PartFailure {
        error: node_error(failure.error, node, while_away),
        first_unsent: failure.first_unsent,
    });
    PartResponse {
        replies: answer.replies,
        failure,
    }
}

fn pool_intent(intent: Intent) -> pool::Intent {
    match intent {
        Intent::ReadWrite => pool::Intent::ReadWrite,
        Intent::ReadOnly => pool::Intent::ReadOnly,
    }
}

pub(crate) fn node_error(
    error: pool::Error,
    node: &Endpoint,
    while_away: WhileAway,
) -> pipeline::Error {
    // Whoever does not wait for a node has another way, whatever kept the node
    // from being ready.
    let is_passing = error.is_network() || while_away == WhileAway::Refuse;
    // A pool is closed because its node has left the map, which has others.
    let failure = if error.is_displaced() || error.is_closed() {
        NodeFailure::Displaced
    } else if error.is_handshake() && is_passing {
        NodeFailure::Unreachable
    } else if error.is_timeout() {
        NodeFailure::Timeout
    } else if error.is_network() {
        NodeFailure::Network
    } else {
        NodeFailure::Refused
    };
    pipeline::Error::of_node(failure, node.clone(), error)
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
    use std::time::Duration;

    use tokio::net::TcpStream;
    use tokio::time::{Instant, sleep};

    use super::*;

    /// E5: leases and shared connections, for reads and for writes, are made two at
    /// a time, of each node. Fails if each pool has a limit of its own.
    #[tokio::test(start_paused = true)]
    async fn the_pools_of_one_node_dial_together() {
        let begun = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&begun);
        let nodes = Nodes::new(move |address| {
            let counter = Arc::clone(&counter);
            Pool::builder(address).connector(move |_, _| {
                counter.fetch_add(1, SeqCst);
                std::future::pending::<io::Result<TcpStream>>()
            })
        });
        for (host, expected) in [("a", 2), ("b", 4)] {
            let node = Endpoint::new(host, 1);
            for intent in INTENTS {
                let pool = nodes.with_pool(&node, intent, Pool::clone);
                for _ in 0..5 {
                    let pool = pool.clone();
                    tokio::spawn(async move {
                        let deadline = Instant::now() + Duration::from_secs(20);
                        pool.lease(deadline).await.is_ok()
                    });
                }
                tokio::spawn(async move { pool.connect().await.is_ok() });
            }
            sleep(Duration::from_secs(1)).await;
            assert_eq!(begun.load(SeqCst), expected, "{host}");
        }
    }
}
