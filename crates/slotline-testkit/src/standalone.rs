//! One server that is not in a cluster.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::Deref;

use crate::binary::ServerBinary;
use crate::error::{Error, Result};
use crate::group::Group;
use crate::node::Node;
use crate::ports::Port;
use crate::server::Launch;
use crate::settings;
#[cfg(feature = "tls")]
use crate::{
    certificates::{Authority, Identity},
    tls::ServerTls,
};

/// How often other ports are tried when a server finds its own taken.
pub(crate) const ATTEMPTS: usize = 8;

/// A server of its own on a free loopback port, without persistence. It derefs
/// to its [`Node`]; dropping it kills the process and removes its files.
///
/// ```no_run
/// # async fn example() -> slotline_testkit::Result<()> {
/// use slotline_testkit::{LocalServer, ServerBinary};
///
/// let server = LocalServer::start(&ServerBinary::find()?).await?;
/// server.call(&["SET", "k", "v"]).await?;
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct LocalServer {
    node: Node,
    _group: Group,
    _ports: Vec<Port>,
}

/// Options for a [`LocalServer`].
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until it is started"]
pub struct LocalServerBuilder {
    binary: ServerBinary,
    ip: IpAddr,
    options: Vec<(String, String)>,
    unix_socket: bool,
    #[cfg(feature = "tls")]
    tls: Option<ServerTls>,
}

impl LocalServer {
    /// A builder for options other than the defaults.
    pub fn builder(binary: &ServerBinary) -> LocalServerBuilder {
        LocalServerBuilder {
            binary: binary.clone(),
            ip: Ipv4Addr::LOCALHOST.into(),
            options: Vec::new(),
            unix_socket: false,
            #[cfg(feature = "tls")]
            tls: None,
        }
    }

    /// Starts one with the defaults.
    ///
    /// # Errors
    ///
    /// It does not come up.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves no process and no file.
    pub async fn start(binary: &ServerBinary) -> Result<Self> {
        Self::builder(binary).start().await
    }

    /// Its handle.
    pub fn node(&self) -> &Node {
        &self.node
    }
}

impl Deref for LocalServer {
    type Target = Node;
    fn deref(&self) -> &Node {
        &self.node
    }
}

impl LocalServerBuilder {
    /// Any option of the server's configuration; it replaces a default of the
    /// same name. Values are separated by spaces.
    pub fn option(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.options.push((name.into(), value.into()));
        self
    }

    /// The loopback address to listen on, 127.0.0.1 by default.
    pub fn ip(mut self, ip: IpAddr) -> Self {
        self.ip = ip;
        self
    }

    /// It listens at a unix socket too, which is found by
    /// [`Node::unix_socket`].
    pub fn unix_socket(mut self) -> Self {
        self.unix_socket = true;
        self
    }

    /// It speaks TLS at a port of its own, which is found by
    /// [`Node::tls_address`], and proves itself with `identity`. Clients need no
    /// certificate unless the option `tls-auth-clients` says so; then it is to be
    /// one of `authority`.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, identity: &Identity, authority: &Authority) -> Self {
        self.tls = Some(ServerTls::new(identity, authority));
        self
    }

    /// Starts it, and returns when it answers.
    ///
    /// # Errors
    ///
    /// It does not come up: the error has the end of its log.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves no process and no file.
    pub async fn start(self) -> Result<LocalServer> {
        let mut last = Error::setup("starting a server", "not tried");
        for _ in 0..ATTEMPTS {
            match self.attempt().await {
                Err(error) if error.is_address_in_use() => last = error,
                outcome => return outcome,
            }
        }
        Err(last)
    }

    async fn attempt(&self) -> Result<LocalServer> {
        let port = Port::free(self.ip)?;
        let mut group = Group::new()?;
        let folder = group.folder.join(port.number().to_string());
        let mut options = self.options.clone();
        let mut ports = Vec::new();
        if self.unix_socket {
            options.push(("unixsocket".to_owned(), "server.sock".to_owned()));
        }
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.tls {
            let port = Port::free(self.ip)?;
            options.extend(tls.options(port.number(), &self.options));
            tls.write(&folder)?;
            ports.push(port);
        }
        let node = group.spawn(Launch {
            binary: self.binary.path().to_path_buf(),
            folder,
            address: SocketAddr::new(self.ip, port.number()),
            bus_port: None,
            options: settings::options(self.binary.version(), false, &options),
        })?;
        node.wait_until_up().await?;
        ports.push(port);
        Ok(LocalServer {
            node,
            _group: group,
            _ports: ports,
        })
    }
}
