//! The connector of a pool that is given no other.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::lookup_host;
use tokio::time::Instant;

use super::connect::{Connect, Connecting};
use super::stream::Stream;
use super::tcp::{self, TcpSettings};
use crate::address::{Address, Place};
use crate::config::LONGEST;

/// A boxed future, as [`Resolve::resolve`] returns it.
pub type Resolving = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;

/// Finds the IP addresses of a node, at every dial anew.
///
/// Implemented for closures that take an address and return a future.
pub trait Resolve: Send + Sync + 'static {
    /// The addresses to try, in this order; `address` has a host and a port.
    ///
    /// # Errors
    /// Nothing is known of it, for now.
    fn resolve(&self, address: Address) -> Resolving;
}

impl<F, R> Resolve for F
where
    F: Fn(Address) -> R + Send + Sync + 'static,
    R: Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'static,
{
    fn resolve(&self, address: Address) -> Resolving {
        Box::pin(self(address))
    }
}

/// Connects by TCP or by a unix socket, as the address says.
///
/// A host is resolved at every dial, by the system or by a [`Resolve`]; all of
/// its addresses are tried, each with its share of the time that is left. TCP
/// connections have `TCP_NODELAY`.
///
/// ```
/// use std::net::SocketAddr;
///
/// use slotline_pool::{Address, Network, Pool};
///
/// // What the cluster calls its nodes, and where they are seen from here.
/// let network = Network::new().resolver(|address: Address| async move {
///     let port = address.port().unwrap_or_default();
///     Ok(vec![SocketAddr::from(([127, 0, 0, 1], port + 10_000))])
/// });
/// let pool = Pool::builder("10.0.0.7:6379".parse()?)
///     .connector(network)
///     .build();
/// # let _ = pool;
/// # Ok::<(), slotline_pool::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct Network {
    resolver: Option<Arc<dyn Resolve>>,
    tcp: TcpSettings,
}

impl Network {
    /// One that asks the system for the addresses of a host.
    #[must_use]
    pub fn new() -> Network {
        Network::default()
    }

    /// Asks `resolver` instead of the system.
    #[must_use]
    pub fn resolver(mut self, resolver: impl Resolve) -> Network {
        self.resolver = Some(Arc::new(resolver));
        self
    }

    /// After how long without a sign of life the system is to ask a TCP peer for
    /// one; a peer that leaves three such questions in a row unanswered, each a
    /// third of this apart, is gone. `None` leaves it out. Default: 15 seconds.
    /// Systems count in whole seconds. Best effort: a system that refuses is used
    /// without.
    #[must_use]
    pub fn keepalive(mut self, idle: Option<Duration>) -> Network {
        self.tcp.keepalive = idle.map(|idle| idle.min(LONGEST));
        self
    }

    /// How long bytes that were written may stay without the peer's
    /// acknowledgement before the system ends a TCP connection
    /// (`TCP_USER_TIMEOUT`; Linux and Android only). `None` leaves it to the
    /// system, which may take a quarter of an hour. Default: 30 seconds.
    #[must_use]
    pub fn user_timeout(mut self, timeout: Option<Duration>) -> Network {
        self.tcp.unacknowledged = timeout.map(|timeout| timeout.min(LONGEST));
        self
    }
}

impl Connect for Network {
    fn connect(&self, address: Address, deadline: Instant) -> Connecting {
        let (resolver, tcp) = (self.resolver.clone(), self.tcp);
        Box::pin(async move {
            let (host, port) = match &address.0 {
                Place::Unix(path) => return unix(path).await,
                Place::Tcp { host, port } => (&**host, *port),
            };
            let found = match resolver {
                Some(resolver) => resolver.resolve(address.clone()).await?,
                None => lookup_host((host, port)).await?.collect(),
            };
            let stream: Box<dyn Stream> = Box::new(tcp::connect(&found, &tcp, deadline).await?);
            Ok(stream)
        })
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network")
            .field("has_resolver", &self.resolver.is_some())
            .field("tcp", &self.tcp)
            .finish()
    }
}

#[cfg(unix)]
async fn unix(path: &Path) -> io::Result<Box<dyn Stream>> {
    Ok(Box::new(tokio::net::UnixStream::connect(path).await?))
}

#[cfg(not(unix))]
async fn unix(_: &Path) -> io::Result<Box<dyn Stream>> {
    let what = "this system has no unix sockets";
    Err(io::Error::new(io::ErrorKind::Unsupported, what))
}
