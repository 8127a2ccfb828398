use std::ops::RangeInclusive;
use std::time::Duration;

use super::FakeCluster;
use super::server::FakeServer;
use super::world::World;

/// Describes a [`FakeCluster`]; see [`FakeCluster::builder`].
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build`"]
pub struct FakeClusterBuilder {
    pub(super) server: FakeServer,
    primaries: u16,
    replicas: u16,
    host: String,
    password: Option<String>,
    pub(super) seed: u64,
    pub(super) latency: RangeInclusive<Duration>,
    pub(super) turn: usize,
    pub(super) buffer: usize,
}

impl FakeClusterBuilder {
    pub(super) fn new() -> FakeClusterBuilder {
        FakeClusterBuilder {
            server: FakeServer::default(),
            primaries: 3,
            replicas: 1,
            host: "127.0.0.1".to_owned(),
            password: None,
            seed: 0,
            latency: Duration::ZERO..=Duration::ZERO,
            turn: usize::MAX,
            buffer: 64 << 10,
        }
    }

    /// Which server it takes after. Default: Redis 7.0.
    pub fn server(mut self, server: FakeServer) -> Self {
        self.server = server;
        self
    }

    /// How many primaries, from 1 to 100, at the ports 7000, 7001 … Default: 3.
    pub fn primaries(mut self, primaries: u16) -> Self {
        self.primaries = primaries.clamp(1, 100);
        self
    }

    /// How many replicas each has, up to 9: those of 7000 at 7100, 7200 …
    /// Default: 1.
    pub fn replicas(mut self, replicas: u16) -> Self {
        self.replicas = replicas.min(9);
        self
    }

    /// What the nodes call their host. Default: `127.0.0.1`.
    pub fn host(mut self, host: &str) -> Self {
        host.clone_into(&mut self.host);
        self
    }

    /// The password that the nodes ask for. Default: none.
    pub fn password(mut self, password: &str) -> Self {
        self.password = Some(password.to_owned());
        self
    }

    /// What decides everything that is left to chance. Default: 0.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// How long a node takes for what it has read, by chance. Default: no time.
    pub fn latency(mut self, latency: RangeInclusive<Duration>) -> Self {
        self.latency = latency;
        self
    }

    /// After how many commands at the most a node turns to others; how many, is
    /// left to chance. Default: it finishes what it has read.
    pub fn turn(mut self, commands: usize) -> Self {
        self.turn = commands.max(1);
        self
    }

    /// How many bytes a connection holds on their way in each direction.
    /// Default: 64 KiB.
    pub fn buffer(mut self, bytes: usize) -> Self {
        self.buffer = bytes.max(1);
        self
    }

    /// The cluster, all of whose nodes are up. Its time begins now.
    #[must_use]
    pub fn build(self) -> FakeCluster {
        let nodes = (self.primaries, self.replicas);
        let mut world = World::new(self.server, self.host.clone(), nodes);
        if let Some(password) = &self.password {
            world.set_password(password.clone());
        }
        FakeCluster::new(world, &self)
    }
}
