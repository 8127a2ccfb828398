//! One service for all nodes: the pools, by node and intent.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use arc_swap::ArcSwap;
use rustc_hash::FxHashMap;
use slotline_pipeline::{
    self as pipeline, Intent, NodeFailure, Part, PartFailure, PartResponse, WhileAway,
};
use slotline_pool::{self as pool, DialLimit, Pool, PoolBuilder};
use slotline_topology::Endpoint;
use tower::Service;

type Pools = FxHashMap<(Endpoint, Intent), Pool>;

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
    growing: Mutex<()>,
}

impl Nodes {
    pub(crate) fn new(
        template: impl Fn(pool::Address) -> PoolBuilder + Send + Sync + 'static,
    ) -> Nodes {
        Nodes(Arc::new(Inner {
            template: Box::new(template),
            pools: ArcSwap::default(),
            growing: Mutex::new(()),
        }))
    }

    /// Calls `with` for the pool of a node, which is made if there is none: it
    /// dials when it is first used.
    pub(crate) fn with_pool<R>(
        &self,
        node: &Endpoint,
        intent: Intent,
        with: impl FnOnce(&Pool) -> R,
    ) -> R {
        let key = (node.clone(), intent);
        if let Some(pool) = self.0.pools.load().get(&key) {
            return with(pool);
        }
        with(&self.add(key))
    }

    /// What all pools have counted so far, with each pool's node and intent.
    pub(crate) fn statistics(&self) -> Vec<(Endpoint, Intent, pool::Statistics)> {
        let pools = self.0.pools.load();
        let each = pools.iter();
        each.map(|((node, intent), pool)| (node.clone(), *intent, pool.statistics()))
            .collect()
    }

    fn add(&self, key: (Endpoint, Intent)) -> Pool {
        let growing = self.0.growing.lock();
        let _growing = growing.unwrap_or_else(PoisonError::into_inner);
        let pools = self.0.pools.load();
        if let Some(pool) = pools.get(&key) {
            return pool.clone();
        }
        let (node, intent) = &key;
        let address = match node.path() {
            Some(path) => pool::Address::unix(path),
            None => pool::Address::new(node.host(), node.port()),
        };
        // It is the node that is not to be stormed, whatever its pools are for.
        let dial_limit = INTENTS
            .iter()
            .find_map(|intent| pools.get(&(node.clone(), *intent)))
            .map_or_else(DialLimit::default, |pool| pool.dial_limit().clone());
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
        let pool = pools.get(&(node.clone(), Intent::ReadWrite));
        pool.is_none_or(Pool::is_reachable)
    }

    fn give_back(&self, node: &Endpoint) {
        let pools = self.0.pools.load();
        for intent in INTENTS {
            if let Some(pool) = pools.get(&(node.clone(), intent)) {
                pool.give_back();
            }
        }
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

    fn call(&mut self, part: Part) -> NodeFuture {
        let while_away = match part.while_away {
            WhileAway::Wait => pool::WhileAway::Wait,
            WhileAway::Refuse => pool::WhileAway::Refuse,
        };
        let exchange = self.with_pool(&part.node, part.intent, |pool| {
            pool.send(part.commands, part.deadline, while_away)
        });
        NodeFuture {
            exchange,
            node: part.node,
            while_away: part.while_away,
        }
    }
}

/// One node's part under way.
pub(crate) struct NodeFuture {
    exchange: pool::Exchange,
    node: Endpoint,
    while_away: WhileAway,
}

impl Future for NodeFuture {
    type Output = Result<PartResponse, pipeline::Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let exchange = Pin::new(&mut self.exchange);
        exchange.poll(cx).map(|answer| {
            let failure = answer.failure.map(|failure| PartFailure {
                error: node_error(failure.error, &self.node, self.while_away),
                first_unsent: failure.first_unsent,
            });
            Ok(PartResponse {
                replies: answer.replies,
                failure,
            })
        })
    }
}

fn pool_intent(intent: Intent) -> pool::Intent {
    match intent {
        Intent::ReadWrite => pool::Intent::ReadWrite,
        Intent::ReadOnly => pool::Intent::ReadOnly,
    }
}

fn node_error(error: pool::Error, node: &Endpoint, while_away: WhileAway) -> pipeline::Error {
    // Whoever does not wait for a node has another way, whatever kept the node
    // from being ready.
    let is_passing = error.is_network() || while_away == WhileAway::Refuse;
    let failure = if error.is_displaced() {
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
