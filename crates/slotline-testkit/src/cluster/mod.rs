//! A real cluster of local processes.

mod agree;
mod builder;
mod detach;
mod failover;
mod form;
mod migrate;
mod partition;

use std::sync::Mutex;
use std::time::Duration;

use crate::binary::ServerBinary;
use crate::error::{Error, Result};
use crate::group::Group;
use crate::node::Node;
use crate::ports::Port;
use crate::proxy::FaultProxy;
use crate::view::{Member, View};
use crate::wait::until;

pub use builder::LocalClusterBuilder;
pub use migrate::Migration;
use partition::Bus;

/// How long the nodes may take to agree on something that only gossip tells.
const GOSSIP: Duration = Duration::from_secs(20);

/// A cluster of real servers on free loopback ports, without persistence.
/// Dropping it kills the processes and removes their files; if this process is
/// itself killed, a shell at the other end of a pipe does so.
///
/// ```no_run
/// # async fn example() -> slotline_testkit::Result<()> {
/// use slotline_testkit::{LocalCluster, ServerBinary};
///
/// let binary = ServerBinary::find()?;
/// let cluster = LocalCluster::builder(&binary).primaries(3).replicas(1).start().await?;
/// let owner = cluster.owner_of(42).await?;
/// let replica = cluster.replica_of(&owner).await?;
/// cluster.failover(&replica).await?;
/// assert_eq!(cluster.owner_of(42).await?, replica);
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct LocalCluster {
    group: Group,
    /// One before each node, in their order, or none at all.
    proxies: Vec<FaultProxy>,
    /// Likewise before each node's cluster bus.
    buses: Vec<Bus>,
    /// Those that are cut off from the others.
    isolated: Mutex<Vec<Node>>,
    /// Kept from others while the cluster lives.
    _ports: Vec<Port>,
}

impl LocalCluster {
    /// A builder; by default 3 primaries with one replica each.
    pub fn builder(binary: &ServerBinary) -> LocalClusterBuilder {
        LocalClusterBuilder::new(binary)
    }

    /// `redis://ADDRESS` of the first node, or of the proxy before it.
    pub fn url(&self) -> String {
        match self.proxies.first() {
            Some(proxy) => proxy.url(),
            None => self.nodes().first().map(Node::url).unwrap_or_default(),
        }
    }

    /// The proxy before a node, if the cluster was built
    /// [`proxied`](LocalClusterBuilder::proxied). It stays when the node is killed
    /// or restarted.
    pub fn proxy(&self, node: &Node) -> Option<&FaultProxy> {
        let index = self.nodes().iter().position(|known| known == node)?;
        self.proxies.get(index)
    }

    /// All nodes, dead ones too, in the order they were first started:
    /// primaries of then first.
    pub fn nodes(&self) -> &[Node] {
        &self.group.nodes
    }

    /// The node of that cluster node id.
    pub fn node(&self, id: &str) -> Option<&Node> {
        self.nodes().iter().find(|node| node.id() == id)
    }

    /// Those that are primaries now, dead ones left out.
    ///
    /// # Errors
    ///
    /// No node answers.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    pub async fn primaries(&self) -> Result<Vec<Node>> {
        let view = self.view().await?;
        Ok(self.those(&view, |member| member.is_primary()))
    }

    /// Those that are replicas now, dead ones left out.
    ///
    /// # Errors
    ///
    /// No node answers.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    pub async fn replicas(&self) -> Result<Vec<Node>> {
        let view = self.view().await?;
        Ok(self.those(&view, |member| member.primary.is_some()))
    }

    /// The primary that serves a slot, dead or alive.
    ///
    /// # Errors
    ///
    /// No node answers, or the slot has no owner.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    pub async fn owner_of(&self, slot: u16) -> Result<Node> {
        let view = self.view().await?;
        let owner = view.owner_of(slot).and_then(|member| self.node(&member.id));
        owner.cloned().ok_or_else(|| {
            Error::process(
                format!("looking for the owner of slot {slot}"),
                "it has none",
            )
        })
    }

    /// A living replica of a primary.
    ///
    /// # Errors
    ///
    /// No node answers, or it has none.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    pub async fn replica_of(&self, primary: &Node) -> Result<Node> {
        let view = self.view().await?;
        let mut all = self.those(&view, |member| {
            member.primary.as_deref() == Some(primary.id())
        });
        all.pop().ok_or_else(|| {
            Error::process("looking for a replica", "it has none").at(primary.address())
        })
    }

    /// Waits until every replica has what its primary had written when this
    /// was called.
    ///
    /// # Errors
    ///
    /// One does not within `deadline`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    pub async fn wait_replicas_synced(&self, deadline: Duration) -> Result<()> {
        let view = self.view().await?;
        for replica in self.those(&view, |member| member.primary.is_some()) {
            let primary = view
                .member(replica.id())
                .and_then(|member| self.node(member.primary.as_deref()?));
            let Some(primary) = primary.filter(|primary| primary.is_responsive()) else {
                continue;
            };
            let wanted = offset(primary, "master_repl_offset").await?;
            let caught_up = until(deadline, "waiting for a replica to catch up", || async {
                match offset(&replica, "slave_repl_offset").await {
                    Ok(has) if has >= wanted => Ok(()),
                    Ok(has) => Err(format!("it is at {has} of {wanted}")),
                    Err(error) => Err(error.to_string()),
                }
            });
            caught_up
                .await
                .map_err(|error| error.at(replica.address()))?;
        }
        Ok(())
    }

    /// Kills every process and removes every file, also of a cluster that is
    /// only attached.
    ///
    /// # Errors
    ///
    /// A process or a file withstands; the others are gone all the same.
    pub fn shut_down(mut self) -> Result<()> {
        self.group.end()
    }

    /// The running nodes of that sort, in the order they were first started.
    fn those(&self, view: &View, wanted: impl Fn(&Member) -> bool) -> Vec<Node> {
        let is_wanted = |node: &&Node| view.member(node.id()).is_some_and(&wanted);
        let nodes = self.nodes().iter().filter(is_wanted);
        nodes.filter(|node| node.is_running()).cloned().collect()
    }

    /// The view of the first node that answers and is not cut off.
    async fn view(&self) -> Result<View> {
        let mut last = Error::process("asking for the cluster's view", "no node is running");
        for node in self.living() {
            match view_of(node).await {
                Ok(view) => return Ok(view),
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

async fn view_of(node: &Node) -> Result<View> {
    let text: String = node.ask(&["CLUSTER", "NODES"]).await?;
    Ok(View::parse(&text))
}

async fn offset(node: &Node, field: &str) -> Result<u64> {
    let text = node.info("replication", field).await?;
    // A replica that has no link yet has no offset either.
    Ok(text.and_then(|text| text.parse().ok()).unwrap_or(0))
}
