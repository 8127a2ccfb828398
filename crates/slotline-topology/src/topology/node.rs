//! A server of the cluster, and what is told of it.

use std::sync::Arc;

use crate::endpoint::Endpoint;

/// A node's place in [`Topology::nodes`](crate::Topology::nodes). It means
/// nothing in another topology: a refresh may number the nodes anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeIndex(pub(crate) u16);

impl NodeIndex {
    /// For a table of nodes.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// What a node does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// It takes writes; of the slots that it owns, if it has any.
    Primary,
    /// It copies a primary and may serve reads.
    Replica,
}

/// How a node is, in the eyes of those that were asked (`CLUSTER SHARDS`,
/// `health`). In this order one view outweighs another: who says that a node
/// has failed speaks for a majority.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Health {
    /// Nobody has told.
    #[default]
    Unknown,
    /// It serves.
    Online,
    /// It copies its primary's data for the first time, and has none yet.
    Loading,
    /// The cluster agrees that it has failed.
    Failed,
}

/// A server of the cluster.
///
/// Beside where it is and what it does, everything about it is known only if
/// somebody has told: `CLUSTER SLOTS` tells of addresses and host names,
/// `CLUSTER SHARDS` of all that there is here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    pub(crate) id: Option<Arc<str>>,
    pub(crate) endpoint: Endpoint,
    pub(crate) role: Role,
    pub(crate) is_slotless: bool,
    pub(crate) details: Option<Arc<Details>>,
}

impl Node {
    /// The 40-letter name that the cluster knows it by; unknown for a
    /// standalone server and for one that only a MOVED has named.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// Where it listens.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Primary if it owns any slot; where it [has nothing to do with
    /// any](Self::is_slotless), if it copies nobody.
    pub fn role(&self) -> Role {
        self.role
    }

    /// Whether it belongs to the cluster and serves no slot: see
    /// [`Topology::slotless`](crate::Topology::slotless).
    pub fn is_slotless(&self) -> bool {
        self.is_slotless
    }

    /// The IP address that the cluster knows it by, whatever its endpoint is.
    pub fn ip(&self) -> Option<&str> {
        self.details.as_ref()?.ip.as_deref()
    }

    /// The host name that it announces (`cluster-announce-hostname`).
    pub fn hostname(&self) -> Option<&str> {
        self.details.as_ref()?.hostname.as_deref()
    }

    /// Where it listens without TLS, if it does.
    pub fn port(&self) -> Option<u16> {
        self.details.as_ref()?.port
    }

    /// Where it listens with TLS, if it does.
    pub fn tls_port(&self) -> Option<u16> {
        self.details.as_ref()?.tls_port
    }

    /// The availability zone that it announces (Valkey, `availability-zone`).
    pub fn zone(&self) -> Option<&str> {
        self.details.as_ref()?.zone.as_deref()
    }

    /// How it is in the eyes of those that were asked.
    pub fn health(&self) -> Health {
        self.details
            .as_ref()
            .map_or(Health::Unknown, |details| details.health)
    }

    /// How many bytes of the replication stream it has, as far as the nodes that
    /// were asked know. They hear of others about once a second, so that two
    /// offsets may be from different moments.
    pub fn offset(&self) -> Option<u64> {
        self.details.as_ref()?.offset
    }
}

/// What is told of a node beside its endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Details {
    pub(crate) ip: Option<Arc<str>>,
    pub(crate) hostname: Option<Arc<str>>,
    pub(crate) zone: Option<Arc<str>>,
    pub(crate) port: Option<u16>,
    pub(crate) tls_port: Option<u16>,
    pub(crate) health: Health,
    pub(crate) offset: Option<u64>,
}

impl Details {
    /// Adds what another view says.
    pub(crate) fn add(&mut self, other: &Self) {
        let take = |mine: &mut Option<Arc<str>>, theirs: &Option<Arc<str>>| {
            if mine.is_none() {
                mine.clone_from(theirs);
            }
        };
        take(&mut self.ip, &other.ip);
        take(&mut self.hostname, &other.hostname);
        take(&mut self.zone, &other.zone);
        self.port = self.port.or(other.port);
        self.tls_port = self.tls_port.or(other.tls_port);
        self.health = self.health.max(other.health);
        // They only grow: the greatest is the newest.
        self.offset = self.offset.max(other.offset);
    }

    /// The two together, without a copy where one has nothing to add.
    pub(crate) fn joined(one: &Option<Arc<Self>>, other: &Option<Arc<Self>>) -> Option<Arc<Self>> {
        match (one, other) {
            (Some(one), Some(other)) if one != other => {
                let mut both = Self::clone(one);
                both.add(other);
                Some(Arc::new(both))
            }
            (one, other) => one.as_ref().or(other.as_ref()).cloned(),
        }
    }
}
