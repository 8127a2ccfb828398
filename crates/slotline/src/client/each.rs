//! The same for several nodes at once.

use std::future::{Future, poll_fn};
use std::ops::Deref;
use std::pin::Pin;
use std::task::Poll;

use slotline_pipeline::Intent;
use slotline_topology::{Endpoint, NodeIndex, Role, Topology};
use tokio::time::Instant;

use super::Client;
use crate::batch::Pipeline;
use crate::runner::{Direct, Runner};
use crate::stack::Stack;

/// One node of a cluster, for commands that are about the node itself. Nothing is
/// routed: a key that another node serves is answered with MOVED.
#[derive(Clone)]
pub struct Node {
    direct: Direct,
    endpoint: Endpoint,
    role: Role,
}

impl Node {
    /// Where it listens.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// What it was when it was chosen.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role
    }

    /// An empty pipeline for this node alone.
    pub fn pipeline(&self) -> Pipeline {
        Pipeline::new(self.direct.get_ref().clone())
    }
}

impl Deref for Node {
    type Target = Direct;
    fn deref(&self) -> &Direct {
        &self.direct
    }
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Node")
            .field("endpoint", &self.endpoint)
            .field("role", &self.role)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// Calls `with` for every primary that is known now, all at once. The results
    /// are in the order of the primaries' slots, and last those of primaries that
    /// [have none](Topology::slotless).
    ///
    /// # Errors
    /// The first error, in that order; the others run to their end all the same.
    ///
    /// # Cancel safety
    /// Dropping the future drops what is under way at each node.
    pub async fn for_each_primary<T, E, F>(&self, with: impl FnMut(Node) -> F) -> Result<Vec<T>, E>
    where
        F: Future<Output = Result<T, E>>,
    {
        self.for_each(|topology| of_role(topology, Role::Primary), with)
            .await
    }

    /// The same for every replica, on connections that may read from it.
    ///
    /// # Errors
    /// As [`for_each_primary`](Client::for_each_primary).
    pub async fn for_each_replica<T, E, F>(&self, with: impl FnMut(Node) -> F) -> Result<Vec<T>, E>
    where
        F: Future<Output = Result<T, E>>,
    {
        self.for_each(|topology| of_role(topology, Role::Replica), with)
            .await
    }

    /// The same for every node, primaries first.
    ///
    /// # Errors
    /// As [`for_each_primary`](Client::for_each_primary).
    pub async fn for_each_node<T, E, F>(&self, with: impl FnMut(Node) -> F) -> Result<Vec<T>, E>
    where
        F: Future<Output = Result<T, E>>,
    {
        let all = |topology: &Topology| {
            let mut all = of_role(topology, Role::Primary);
            all.extend(of_role(topology, Role::Replica));
            all
        };
        self.for_each(all, with).await
    }

    async fn for_each<T, E, F>(
        &self,
        choose: impl FnOnce(&Topology) -> Vec<NodeIndex>,
        with: impl FnMut(Node) -> F,
    ) -> Result<Vec<T>, E>
    where
        F: Future<Output = Result<T, E>>,
    {
        // Who is not found by then is asked nothing.
        if let Some(gate) = self.shared.gate.as_ref().filter(|gate| !gate.is_open()) {
            let deadline = Instant::now() + self.runner().settings.timeout;
            let _late = gate.opened_by(deadline).await;
        }
        let topology = self.topology();
        let chosen = choose(&topology).into_iter();
        let nodes = chosen.filter_map(|index| self.node(&topology, index));
        all(nodes.map(with).collect()).await.into_iter().collect()
    }

    fn node(&self, topology: &Topology, index: NodeIndex) -> Option<Node> {
        let node = topology.node(index)?;
        Some(self.node_at(node.endpoint().clone(), node.role()))
    }

    /// The node at an endpoint, which need not be in the map.
    pub(crate) fn node_at(&self, endpoint: Endpoint, role: Role) -> Node {
        let intent = match role {
            Role::Replica => Intent::ReadOnly,
            _ => Intent::ReadWrite,
        };
        let builder = &self.shared.builder;
        let stack = Stack::one_node(
            self.shared.nodes.clone(),
            endpoint.clone(),
            intent,
            builder.chunk,
            builder.retry_layer(),
        );
        Node {
            direct: Direct::new(Runner {
                stack,
                settings: self.runner().settings.clone(),
            }),
            endpoint,
            role,
        }
    }
}

/// All nodes of a role, those last that serve no slot.
fn of_role(topology: &Topology, role: Role) -> Vec<NodeIndex> {
    let is_wanted = |node: &NodeIndex| {
        let node = topology.node(*node);
        node.is_some_and(|node| node.role() == role)
    };
    let serving = topology.primaries().chain(topology.replicas());
    serving
        .chain(topology.slotless())
        .filter(is_wanted)
        .collect()
}

/// Awaits all futures at once; the results are in their order.
async fn all<F: Future>(futures: Vec<F>) -> Vec<F::Output> {
    let mut futures: Vec<Pin<Box<F>>> = futures.into_iter().map(Box::pin).collect();
    let mut results: Vec<Option<F::Output>> = futures.iter().map(|_| None).collect();
    poll_fn(|cx| {
        let mut pending = false;
        for (future, result) in futures.iter_mut().zip(&mut results) {
            if result.is_none() {
                match future.as_mut().poll(cx) {
                    Poll::Ready(output) => *result = Some(output),
                    Poll::Pending => pending = true,
                }
            }
        }
        if pending {
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    })
    .await;
    results.into_iter().flatten().collect()
}
