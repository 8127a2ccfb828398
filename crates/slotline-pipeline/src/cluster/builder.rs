//! What there is to say of a cluster before it is used.

use slotline_topology::{AddressMap, Topology};

use super::Cluster;
use crate::random::Random;

/// Made by [`Cluster::builder`].
#[derive(Debug)]
#[must_use = "nothing is made before `build`"]
pub struct ClusterBuilder {
    pub(super) topology: Topology,
    pub(super) addresses: AddressMap,
    pub(super) random: Random,
}

impl ClusterBuilder {
    pub(super) fn new(topology: Topology) -> ClusterBuilder {
        ClusterBuilder {
            topology,
            addresses: AddressMap::default(),
            random: Random::default(),
        }
    }

    /// Where the nodes are reached that servers tell of: it translates whatever
    /// redirects and refreshes say. The topology has to be translated already.
    pub fn addresses(mut self, addresses: AddressMap) -> ClusterBuilder {
        self.addresses = addresses;
        self
    }

    /// Makes the random choices of the layers and refreshes repeatable: for tests
    /// under a paused clock.
    pub fn seed(mut self, seed: u64) -> ClusterBuilder {
        self.random = Random::seeded(seed);
        self
    }

    /// The cluster.
    #[must_use]
    pub fn build(self) -> Cluster {
        Cluster::of(self)
    }
}
