//! A proxy before one server, steered from the test while it runs.

mod builder;
mod connection;
mod faults;
mod flow;
mod frames;
mod lane;
mod link;
mod listener;
mod pump;
mod registry;
mod sources;
mod traffic;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;

pub use builder::FaultProxyBuilder;
pub use connection::ProxyConnection;
pub use faults::Cut;
pub use flow::Flow;
pub use registry::OnConnect;
pub use traffic::Traffic;

use crate::error::{Error, Result};
use crate::ports::Port;
use link::{Direction, Link};
use registry::Registry;

/// A TCP proxy before one server, through which a test makes the network behave
/// badly, byte by byte.
///
/// Clients connect to [`address`](Self::address). What goes wrong is said while it
/// runs, for all connections ([`to_server`](Self::to_server),
/// [`to_client`](Self::to_client)) or for one ([`connection`](Self::connection));
/// without a fault the proxy passes everything on as it is, the way in which a
/// stream ends included. Each fault is counted where it takes place, so that a test
/// can assert that it did, and everything can be waited for.
///
/// It speaks of bytes, and needs no real server: anything that listens will do.
/// It lives on the runtime in which it was started. Dropping it ends its tasks and
/// closes its sockets, as soon as the runtime gets to it; [`close`](Self::close)
/// waits for that.
///
/// ```
/// use slotline_testkit::{Cut, FaultProxy};
/// use std::time::Duration;
/// use tokio::io::{AsyncReadExt, AsyncWriteExt};
/// use tokio::net::{TcpListener, TcpStream};
///
/// const SOON: Duration = Duration::from_secs(5);
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // Any server; this one answers once.
/// let listener = TcpListener::bind("127.0.0.1:0").await?;
/// let proxy = FaultProxy::before(listener.local_addr()?).await?;
/// tokio::spawn(async move {
///     let (mut stream, _) = listener.accept().await?;
///     stream.write_all(b"$5\r\nhello\r\n").await?;
///     stream.read_u8().await
/// });
///
/// // Every connection ends in the middle of its first reply.
/// proxy.to_client().cut_after(6, Cut::Close);
///
/// let mut client = TcpStream::connect(proxy.address()).await?;
/// let mut got = Vec::new();
/// client.read_to_end(&mut got).await?;
/// assert_eq!(got, b"$5\r\nhe");
///
/// // It was the proxy that did it.
/// let traffic = proxy.to_client().until(SOON, |traffic| traffic.cuts == 1).await?;
/// assert_eq!(traffic.passed, 6);
/// # Ok(()) }
/// ```
#[derive(Debug)]
#[must_use = "dropping it ends every connection"]
pub struct FaultProxy {
    registry: Arc<Registry>,
    task: JoinHandle<()>,
    /// Kept from others while it may be listened on again.
    _port: Port,
}

impl FaultProxy {
    /// Starts one before the server at `backend`, which need not be there yet.
    ///
    /// # Errors
    ///
    /// There is no free port, or no socket to be had.
    ///
    /// # Cancel safety
    ///
    /// It does not wait for anything.
    pub async fn before(backend: SocketAddr) -> Result<FaultProxy> {
        FaultProxy::builder(backend).start().await
    }

    /// A builder for what cannot be changed later.
    pub fn builder(backend: SocketAddr) -> FaultProxyBuilder {
        FaultProxyBuilder::new(backend)
    }

    /// Where clients connect.
    pub fn address(&self) -> SocketAddr {
        self.registry.address()
    }

    /// The port of it.
    pub fn port(&self) -> u16 {
        self.address().port()
    }

    /// `redis://ADDRESS`.
    pub fn url(&self) -> String {
        format!("redis://{}", self.address())
    }

    /// The direction from the clients to the server, of all connections that are
    /// open and all that will be.
    pub fn to_server(&self) -> Flow {
        Flow::of_all(&self.registry, Direction::ToServer)
    }

    /// The direction from the server to the clients, likewise.
    pub fn to_client(&self) -> Flow {
        Flow::of_all(&self.registry, Direction::ToClient)
    }

    /// The connection of that number, counted from 0 in the order in which they
    /// came; refused ones count.
    pub fn connection(&self, number: usize) -> Option<ProxyConnection> {
        let link = self.registry.links().get(number).cloned();
        link.map(ProxyConnection::new)
    }

    /// Those that are open, in the order in which they came.
    pub fn open(&self) -> Vec<ProxyConnection> {
        let mut links = self.registry.links();
        links.retain(|link| link.is_open());
        links.into_iter().map(ProxyConnection::new).collect()
    }

    /// How many connections it has accepted, refused ones included.
    pub fn accepted(&self) -> usize {
        self.registry.links().len()
    }

    /// How many of them could not be passed on, because the server could not be
    /// reached; they have been reset.
    pub fn unreachable(&self) -> usize {
        self.registry.quietly(|state| state.unreachable)
    }

    /// What becomes of connections from now on.
    pub fn on_connect(&self, what: OnConnect) {
        self.registry.with(|state| state.on_connect = what);
    }

    /// Puts the proxy before another server; connections that are open stay where
    /// they are.
    pub fn swap_backend(&self, backend: SocketAddr) {
        self.registry.with(|state| state.backend = backend);
    }

    /// Listens no more: whoever connects is refused by the system. Connections that
    /// are open stay. Back when it is so.
    ///
    /// # Errors
    ///
    /// The runtime has not got to it after 10 seconds.
    ///
    /// # Cancel safety
    ///
    /// It happens all the same.
    pub async fn stop_listening(&self) -> Result<()> {
        self.listen(false).await
    }

    /// Listens again, at the same address. Back when it is so.
    ///
    /// # Errors
    ///
    /// Another program has taken the port; or as [`stop_listening`](Self::stop_listening).
    ///
    /// # Cancel safety
    ///
    /// It happens all the same.
    pub async fn listen_again(&self) -> Result<()> {
        self.listen(true).await
    }

    async fn listen(&self, wanted: bool) -> Result<()> {
        const STEP: &str = "listening, or ceasing to";
        const SOON: Duration = Duration::from_secs(10);
        self.registry.with(|state| {
            state.is_to_listen = wanted;
            state.failure = None;
        });
        let done = || {
            self.registry.quietly(|state| match state.failure.take() {
                Some(error) => Ok(Err(Error::io(STEP, error).at(self.address()))),
                None if state.is_listening == wanted => Ok(Ok(())),
                None => Err(String::new()),
            })
        };
        self.registry.until(STEP, SOON, done).await?
    }

    /// Waits until so many connections have been accepted since the beginning.
    ///
    /// # Errors
    ///
    /// They have not after `within`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    pub async fn until_connections(&self, count: usize, within: Duration) -> Result<()> {
        let step = "waiting for connections";
        let probe = |links: &[Arc<Link>]| {
            let come = links.len();
            verdict(come >= count, || format!("{come} of {count} have come"))
        };
        self.until(step, within, probe).await
    }

    /// Waits until exactly so many connections are open.
    ///
    /// # Errors
    ///
    /// There are more or fewer after `within`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    pub async fn until_open(&self, count: usize, within: Duration) -> Result<()> {
        let step = "waiting for connections to open or end";
        let probe = |links: &[Arc<Link>]| {
            let open = links.iter().filter(|link| link.is_open()).count();
            verdict(open == count, || format!("{open} are open, not {count}"))
        };
        self.until(step, within, probe).await
    }

    /// Waits until the clients have closed their ends of all connections; of one
    /// that was reset nothing is left to close.
    ///
    /// # Errors
    ///
    /// One is still there after `within`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    pub async fn until_left_alone(&self, within: Duration) -> Result<()> {
        let step = "waiting for clients to close their connections";
        let probe = |links: &[Arc<Link>]| {
            let left = links.iter().filter(|link| !link.is_left()).count();
            verdict(left == 0, || format!("{left} have not been closed"))
        };
        self.until(step, within, probe).await
    }

    async fn until(
        &self,
        step: &'static str,
        within: Duration,
        probe: impl Fn(&[Arc<Link>]) -> Result<(), String>,
    ) -> Result<()> {
        let look = || probe(&self.registry.links());
        self.registry.until(step, within, look).await
    }

    /// Ends it as dropping does, and waits until every socket is closed.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends it all the same.
    pub async fn close(mut self) {
        self.registry.with(|state| state.is_closing = true);
        let _ = (&mut self.task).await;
    }
}

fn verdict(holds: bool, missing: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(missing()) }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}
