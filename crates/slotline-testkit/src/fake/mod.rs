//! A cluster in the process, which a test steers.

mod builder;
mod connection;
mod dice;
mod faults;
mod line;
mod nemesis;
mod server;
mod steer;
mod world;

use std::collections::BTreeMap;
use std::io;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};
use tokio::sync::Notify;
use tokio::time::Instant;

pub use builder::FakeClusterBuilder;
pub use dice::Dice;
pub use nemesis::{FakeFault, FaultKind};
pub use server::FakeServer;
pub use steer::{FakeTakeover, Unreplicated};
pub use world::FakeCommand;

use line::Lines;
use world::World;

/// A cluster in the process: nodes that speak RESP2 and RESP3, know strings,
/// hashes, counters and transactions, and answer for their slots alone, with
/// MOVED, ASK and TRYAGAIN as real nodes do. It opens no socket: a client's
/// connector asks it for streams.
///
/// What happens to it is said by the test, step by step, or by a
/// [`FakeFault`], whose seed decides it. On tokio's current-thread runtime with
/// its clock paused, a run that is made of seeds repeats itself to the byte.
///
/// Keys do not expire, and there are no scripts, streams or channels.
///
/// ```
/// use slotline_testkit::FakeCluster;
/// use tokio::io::{AsyncReadExt, AsyncWriteExt};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> std::io::Result<()> {
/// let cluster = FakeCluster::builder().build();
/// let mut stream = cluster.connect(7000)?;
/// stream.write_all(b"SET {a}x 1\r\n").await?;
/// let mut reply = [0; 28];
/// stream.read_exact(&mut reply).await?;
/// assert_eq!(&reply, b"-MOVED 15495 127.0.0.1:7002\r");
/// # Ok(()) }
/// ```
///
/// A clone is another handle on the same cluster.
#[derive(Clone, Debug)]
pub struct FakeCluster {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    state: Mutex<State>,
    /// Something that a connection may be waiting for.
    changed: Notify,
    /// Held by whoever changes who owns what, step by step.
    changing: tokio::sync::Mutex<()>,
    start: Instant,
    buffer: usize,
}

#[derive(Debug)]
struct State {
    world: World,
    lines: Lines,
    takeovers: Vec<FakeTakeover>,
}

impl FakeCluster {
    /// A cluster of three primaries and a replica for each, unless other things
    /// are said.
    pub fn builder() -> FakeClusterBuilder {
        FakeClusterBuilder::new()
    }

    fn new(world: World, builder: &FakeClusterBuilder) -> FakeCluster {
        FakeCluster {
            inner: Arc::new(Inner {
                state: Mutex::new(State {
                    world,
                    lines: Lines::new(builder),
                    takeovers: Vec::new(),
                }),
                changed: Notify::new(),
                changing: tokio::sync::Mutex::new(()),
                start: Instant::now(),
                buffer: builder.buffer,
            }),
        }
    }

    /// Opens a connection to the node at `port`. It is served by a task on the
    /// current runtime, until either side closes it.
    ///
    /// # Errors
    ///
    /// [`ConnectionRefused`](io::ErrorKind::ConnectionRefused): there is no such
    /// node, or it is down.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime, as [`tokio::spawn`] does.
    pub fn connect(&self, port: u16) -> io::Result<DuplexStream> {
        let number = self.open(port)?;
        let (near, far) = tokio::io::duplex(self.inner.buffer);
        tokio::spawn(connection::serve(self.clone(), port, number, far));
        Ok(near)
    }

    /// Serves a connection that something else has accepted, such as a listener,
    /// as the node at `port`, until either side closes it.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the connection.
    pub async fn serve<S>(&self, port: u16, stream: S) -> io::Result<()>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let number = self.open(port)?;
        connection::serve(self.clone(), port, number, stream).await;
        Ok(())
    }

    fn open(&self, port: u16) -> io::Result<u64> {
        let mut state = self.state();
        let is_there = state.world.has_node(port);
        let number = state.lines.open(port).filter(|_| is_there);
        state.world.count(match number {
            Some(_) => "dial",
            None => "dial refused",
        });
        number.ok_or_else(|| io::ErrorKind::ConnectionRefused.into())
    }

    /// URLs of all nodes, as `redis://127.0.0.1:7000`.
    #[must_use]
    pub fn urls(&self) -> Vec<String> {
        let state = self.state();
        let ports = state.world.truth().ports();
        ports
            .map(|port| format!("redis://{}:{port}", state.world.host))
            .collect()
    }

    /// What the nodes have been asked, in order.
    #[must_use]
    pub fn journal(&self) -> Vec<FakeCommand> {
        self.state().world.journal.clone()
    }

    /// How often things have happened, by what they are called: answers by their
    /// codes (`MOVED`, `ASK` …), and `dial`, `cut`, `failover`, `key moved` …
    #[must_use]
    pub fn counts(&self) -> BTreeMap<&'static str, u64> {
        self.state().world.counts.clone()
    }

    /// How many connections are open.
    #[must_use]
    pub fn open_connections(&self) -> usize {
        self.state().lines.count()
    }

    /// How long it has been there.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.inner.start.elapsed()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Plain data: whoever panicked left it whole.
        let state = self.inner.state.lock();
        state.unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes something that connections may be waiting for.
    fn change<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let result = change(&mut self.state());
        self.inner.changed.notify_waiters();
        result
    }

    /// Waits until `found` gives something.
    async fn until<R>(&self, mut found: impl FnMut(&State) -> Option<R>) -> R {
        loop {
            let mut changed = pin!(self.inner.changed.notified());
            changed.as_mut().enable();
            if let Some(found) = found(&self.state()) {
                return found;
            }
            changed.await;
        }
    }
}
