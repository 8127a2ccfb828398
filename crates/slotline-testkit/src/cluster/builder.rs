//! What a cluster is to be, and starting its processes.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Mutex;
use std::time::Duration;

use super::partition::Bus;
use super::{LocalCluster, form};
use crate::binary::ServerBinary;
use crate::error::{Error, Result};
use crate::group::Group;
use crate::ports::Port;
use crate::proxy::FaultProxy;
use crate::server::Launch;
use crate::settings;
use crate::standalone::ATTEMPTS;
#[cfg(feature = "tls")]
use crate::{
    certificates::{Authority, Identity},
    tls::ServerTls,
};

/// Options for a [`LocalCluster`].
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until it is started"]
pub struct LocalClusterBuilder {
    binary: ServerBinary,
    primaries: usize,
    replicas: usize,
    ip: IpAddr,
    options: Vec<(String, String)>,
    node_options: Vec<(usize, String, String)>,
    deadline: Duration,
    #[cfg(feature = "tls")]
    tls: Option<ServerTls>,
    is_proxied: bool,
    is_partitionable: bool,
}

impl LocalClusterBuilder {
    pub(super) fn new(binary: &ServerBinary) -> Self {
        Self {
            binary: binary.clone(),
            primaries: 3,
            replicas: 1,
            ip: Ipv4Addr::LOCALHOST.into(),
            options: Vec::new(),
            node_options: Vec::new(),
            deadline: Duration::from_secs(30),
            #[cfg(feature = "tls")]
            tls: None,
            is_proxied: false,
            is_partitionable: false,
        }
    }

    /// How many primaries, at least 1; the slots are spread evenly over them.
    pub fn primaries(mut self, count: usize) -> Self {
        self.primaries = count.max(1);
        self
    }

    /// How many replicas each primary has.
    pub fn replicas(mut self, per_primary: usize) -> Self {
        self.replicas = per_primary;
        self
    }

    /// Any option of the server's configuration, for all nodes; it replaces a
    /// default of the same name. Values are separated by spaces.
    pub fn option(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.options.push((name.into(), value.into()));
        self
    }

    /// The same for one node, counted from 0, primaries first; it replaces
    /// what is set for all.
    pub fn node_option(
        mut self,
        node: usize,
        name: impl Into<String>,
        value: impl Into<String>,
    ) -> Self {
        self.node_options.push((node, name.into(), value.into()));
        self
    }

    /// The loopback address to listen on, 127.0.0.1 by default.
    pub fn ip(mut self, ip: IpAddr) -> Self {
        self.ip = ip;
        self
    }

    /// Every node speaks TLS at a port of its own, which is found by
    /// [`Node::tls_address`](crate::Node::tls_address), and so do the nodes among
    /// each other. All prove themselves with `identity`, which has to be one of
    /// `authority`. Clients need no certificate unless the option
    /// `tls-auth-clients` says so.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, identity: &Identity, authority: &Authority) -> Self {
        self.tls = Some(ServerTls::new(identity, authority));
        self
    }

    /// How long the nodes may take to form the cluster, 30 seconds by default.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Puts a [`FaultProxy`] before each node: see
    /// [`LocalCluster::proxy`](super::LocalCluster::proxy). The nodes tell everybody
    /// the proxies' ports for their own (`cluster-announce-port`), so that clients
    /// reach every node through its proxy, redirects included, and replicas their
    /// primaries: a fault on all connections of a proxy is one of replication too.
    /// What nodes say among themselves on the cluster bus goes straight, and so do
    /// the commands of a [`Node`](crate::Node).
    pub fn proxied(mut self) -> Self {
        self.is_proxied = true;
        self
    }

    /// As [`proxied`](Self::proxied), with one more [`FaultProxy`] before the cluster
    /// bus of each node, and a source address of the loopback network for each node's
    /// connections to others (`bind-source-addr`), so that nodes can be cut off from
    /// each other: see [`LocalCluster::isolate`](super::LocalCluster::isolate). It takes
    /// an IPv4 address to listen on, and a system that has all of 127.0.0.0/8, as Linux
    /// does. What nodes tell each other goes through this process: keep the runtime
    /// from standing still for longer than the nodes wait for each other
    /// (`cluster-node-timeout`).
    pub fn partitionable(mut self) -> Self {
        self.is_proxied = true;
        self.is_partitionable = true;
        self
    }

    /// Starts the servers and forms the cluster; back when all nodes agree on
    /// it, it is `ok` everywhere and every replica is in step.
    ///
    /// # Errors
    ///
    /// A server does not come up, or the nodes do not agree in time: the error
    /// names the node and the step.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves no process and no file.
    pub async fn start(self) -> Result<LocalCluster> {
        let mut last = Error::setup("starting a cluster", "not tried");
        for _ in 0..ATTEMPTS {
            match self.attempt().await {
                Err(error) if error.is_address_in_use() => last = error,
                outcome => return outcome,
            }
        }
        Err(last)
    }

    async fn attempt(&self) -> Result<LocalCluster> {
        let count = self.primaries * (1 + self.replicas);
        let mut ports = Vec::with_capacity(2 * count);
        let mut group = Group::new()?;
        let (mut proxies, mut buses) = (Vec::new(), Vec::new());
        for index in 0..count {
            let (port, bus) = (Port::free(self.ip)?, Port::free(self.ip)?);
            let address = SocketAddr::new(self.ip, port.number());
            let folder = group.folder.join(port.number().to_string());
            let mut options = self.options_of(index);
            #[cfg(feature = "tls")]
            if let Some(tls) = &self.tls {
                let port = Port::free(self.ip)?;
                options.extend(tls.options_in_cluster(port.number(), &options));
                tls.write(&folder)?;
                ports.push(port);
            }
            if self.is_proxied {
                let proxy = FaultProxy::builder(address).ip(self.ip).start().await?;
                let mut bus_port = bus.number();
                if self.is_partitionable {
                    let address = SocketAddr::new(self.ip, bus_port);
                    let bus = Bus::before(address, index).await?;
                    bus_port = bus.proxy.port();
                    options.push(bus.option());
                    buses.push(bus);
                }
                options.extend(announced(&proxy, bus_port));
                proxies.push(proxy);
            }
            group.spawn(Launch {
                binary: self.binary.path().to_path_buf(),
                folder,
                address,
                bus_port: Some(bus.number()),
                options,
            })?;
            ports.extend([port, bus]);
        }
        for node in &group.nodes {
            node.wait_until_up().await?;
        }
        let cluster = LocalCluster {
            group,
            proxies,
            buses,
            isolated: Mutex::default(),
            _ports: ports,
        };
        form::form(&cluster, self.primaries, self.deadline).await?;
        Ok(cluster)
    }

    fn options_of(&self, index: usize) -> Vec<(String, String)> {
        let own: Vec<_> = self
            .node_options
            .iter()
            .filter(|(node, ..)| *node == index)
            .collect();
        let general = self
            .options
            .iter()
            .filter(|(name, _)| !own.iter().any(|(_, mine, _)| mine == name));
        let mut options: Vec<_> = general.cloned().collect();
        options.extend(
            own.into_iter()
                .map(|(_, name, value)| (name.clone(), value.clone())),
        );
        settings::options(self.binary.version(), true, &options)
    }
}

/// What a node is to tell the others of itself. The bus port too: otherwise they
/// would derive it from that of the proxy.
fn announced(proxy: &FaultProxy, bus_port: u16) -> [(String, String); 2] {
    [
        ("cluster-announce-port", proxy.port()),
        ("cluster-announce-bus-port", bus_port),
    ]
    .map(|(name, port)| (name.to_owned(), port.to_string()))
}
