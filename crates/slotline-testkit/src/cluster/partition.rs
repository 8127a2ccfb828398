//! Nodes that are cut off from each other while clients reach all of them.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{MutexGuard, PoisonError};

use super::LocalCluster;
use crate::error::{Error, Result};
use crate::node::Node;
use crate::proxy::FaultProxy;

/// What stands before a node's cluster bus, and where that node's own connections to
/// others come from: by that the proxies of the others know it.
#[derive(Debug)]
pub(super) struct Bus {
    pub(super) proxy: FaultProxy,
    source: IpAddr,
}

impl Bus {
    /// For the node of that number, whose bus is at `address`.
    pub(super) async fn before(address: SocketAddr, number: usize) -> Result<Bus> {
        let IpAddr::V4(ip) = address.ip() else {
            let why = "there is but one loopback address in IPv6";
            return Err(Error::setup("giving each node a source address", why));
        };
        let proxy = FaultProxy::builder(address).ip(ip.into()).start().await?;
        // 127.0.1.1 and so on: clients come from 127.0.0.1.
        let number = u32::try_from(number).unwrap_or(0);
        let first = Ipv4Addr::new(127, 0, 1, 1);
        let source = Ipv4Addr::from(u32::from(first).saturating_add(number)).into();
        Ok(Bus { proxy, source })
    }

    /// What makes the node use that address, for the bus and for replication.
    pub(super) fn option(&self) -> (String, String) {
        ("bind-source-addr".to_owned(), self.source.to_string())
    }
}

impl LocalCluster {
    /// Cuts `nodes` off from all others: neither the cluster bus nor replication
    /// crosses the line any more, in either direction, and nobody is told; among
    /// themselves both sides go on. Clients go on reaching every node, as do the
    /// commands of a [`Node`].
    ///
    /// Until [`rejoin`](Self::rejoin) `nodes` count as dead for the other methods:
    /// who owns a slot is what the others say, and
    /// [`wait_until_agreed`](Self::wait_until_agreed) waits until those agree and
    /// know them to have failed.
    ///
    /// # Errors
    ///
    /// The cluster is not [`partitionable`](super::LocalClusterBuilder::partitionable),
    /// or some nodes are cut off already.
    pub fn isolate(&self, nodes: &[Node]) -> Result<()> {
        const STEP: &str = "cutting nodes off";
        if self.buses.is_empty() {
            return Err(Error::setup(STEP, "the cluster is not partitionable"));
        }
        let mut isolated = self.isolated();
        if !isolated.is_empty() {
            return Err(Error::setup(STEP, "others are cut off already"));
        }
        isolated.extend_from_slice(nodes);
        self.across(&isolated, FaultProxy::keep_out);
        Ok(())
    }

    /// Lets all nodes reach each other again. Connections across the line are reset,
    /// and they make new ones.
    pub fn rejoin(&self) {
        let isolated = std::mem::take(&mut *self.isolated());
        self.across(&isolated, FaultProxy::let_in);
    }

    /// The proxy before a node's cluster bus, if the cluster was built
    /// [`partitionable`](super::LocalClusterBuilder::partitionable).
    pub fn bus_proxy(&self, node: &Node) -> Option<&FaultProxy> {
        let index = self.nodes().iter().position(|known| known == node)?;
        Some(&self.buses.get(index)?.proxy)
    }

    /// Does it to both proxies of each node, for each node on the other side.
    fn across(&self, isolated: &[Node], act: impl Fn(&FaultProxy, IpAddr)) {
        let nodes = || self.nodes().iter().zip(&self.buses).zip(&self.proxies);
        for ((node, bus), proxy) in nodes() {
            for ((other, from), _) in nodes() {
                if isolated.contains(node) != isolated.contains(other) {
                    act(&bus.proxy, from.source);
                    act(proxy, from.source);
                }
            }
        }
    }

    fn isolated(&self) -> MutexGuard<'_, Vec<Node>> {
        self.isolated.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it answers, and is not cut off from the others.
    pub(super) fn is_reachable(&self, node: &Node) -> bool {
        node.is_responsive() && !self.isolated().contains(node)
    }
}
