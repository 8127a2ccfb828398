//! What is known of nodes beside the slots that they serve.

use std::sync::Arc;

use rustc_hash::FxHashMap;
use slotline_topology::{Endpoint, Health, Node, Topology};

/// What is known of a node beside its slots, for the choice where to read.
///
/// [`Refresh`](crate::Refresh) asks for it as soon as a read goes by a policy that
/// depends on it; who has no such task, or tells it to leave this alone, uses
/// [`Cluster::set_facts`](crate::Cluster::set_facts).
///
/// Sources: [`ROLE`](https://redis.io/docs/latest/commands/role/) of the node itself
/// for its link and its offset;
/// [`CLUSTER SHARDS`](https://redis.io/docs/latest/commands/cluster-shards/) of others
/// for `health`, and for `replication-offset` where ROLE is refused;
/// [`INFO`](https://valkey.io/commands/info/) of Valkey from version 8 on for
/// `availability_zone`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Facts {
    /// Where it stands, as whoever runs the servers has named it.
    pub zone: Option<Arc<str>>,
    /// Whether it can serve reads: false while it loads, has failed, or its link
    /// to its primary is down.
    pub is_up: bool,
    /// How far it has come in its primary's stream of changes, in bytes.
    pub offset: Option<u64>,
}

impl Default for Facts {
    fn default() -> Facts {
        Facts {
            zone: None,
            is_up: true,
            offset: None,
        }
    }
}

impl Facts {
    /// Of a node that stands in `zone`.
    #[must_use]
    pub fn in_zone(zone: impl Into<Arc<str>>) -> Facts {
        Facts {
            zone: Some(zone.into()),
            ..Facts::default()
        }
    }

    /// Whether it can serve reads.
    #[must_use]
    pub fn up(mut self, is_up: bool) -> Facts {
        self.is_up = is_up;
        self
    }

    /// How far it has come in its primary's stream of changes, in bytes.
    #[must_use]
    pub fn offset(mut self, offset: u64) -> Facts {
        self.offset = Some(offset);
        self
    }
}

/// What a node has said of itself, as far as it was asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Word {
    /// Whether its link to its primary is up, if it needs one.
    pub(crate) is_up: Option<bool>,
    pub(crate) offset: Option<u64>,
    /// The inner one is empty if it stands in none.
    pub(crate) zone: Option<Option<Arc<str>>>,
}

impl Word {
    /// Takes in what it has said later.
    fn add(&mut self, later: Word) {
        if later.is_up.is_some() {
            (self.is_up, self.offset) = (later.is_up, later.offset);
        }
        if later.zone.is_some() {
            self.zone = later.zone;
        }
    }
}

/// The words of all nodes that have said something of themselves.
#[derive(Debug, Default)]
pub(crate) struct Words(FxHashMap<Endpoint, Word>);

impl Words {
    pub(crate) fn add(&mut self, said: impl IntoIterator<Item = (Endpoint, Word)>) {
        for (node, word) in said {
            self.0.entry(node).or_default().add(word);
        }
    }

    /// Forgets nodes that are no longer there.
    pub(crate) fn keep(&mut self, topology: &Topology) {
        self.0.retain(|node, _| topology.find(node).is_some());
    }

    /// What they and the topology say together. A node's own word is the newer.
    pub(crate) fn facts(&self, topology: &Topology) -> FxHashMap<Endpoint, Facts> {
        let of = |node: &Node| {
            let own = self.0.get(node.endpoint());
            let zone = match own.and_then(|own| own.zone.clone()) {
                Some(zone) => zone,
                None => node.zone().map(Arc::from),
            };
            let is_up = match (node.health(), own.and_then(|own| own.is_up)) {
                // The cluster agrees on that, whatever the node thinks.
                (Health::Failed, _) => false,
                (_, Some(is_up)) => is_up,
                (health, None) => health != Health::Loading,
            };
            let offset = own.and_then(|own| own.offset).or(node.offset());
            Facts {
                zone,
                is_up,
                offset,
            }
        };
        let all = topology.nodes().iter();
        all.map(|node| (node.endpoint().clone(), of(node)))
            .filter(|(_, facts)| *facts != Facts::default())
            .collect()
    }
}
