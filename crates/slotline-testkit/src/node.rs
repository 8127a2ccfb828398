//! One server as a test sees it.

use rustix::process::Signal;
use slotline_resp::{FromReplyOwned, Value};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use crate::admin::Admin;
use crate::error::{Error, Result};
use crate::guardian::Guardian;
use crate::server::{Launch, Process};
use crate::wait::until;

/// How long an answer to an admin command may take.
const ANSWER: Duration = Duration::from_secs(5);

/// How long a server may take to come up.
const BOOT: Duration = Duration::from_secs(20);

/// A handle to one server process. Clones are handles to the same one; none of
/// them keeps it alive longer than the cluster or server that it came from.
#[derive(Clone, Debug)]
pub struct Node {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    launch: Launch,
    /// `None` once its group has ended: it must not be started again.
    process: Mutex<State>,
    paused: AtomicBool,
    admin: Admin,
    id: OnceLock<String>,
}

#[derive(Debug)]
struct State {
    process: Process,
    guardian: Option<Arc<Guardian>>,
    ended: bool,
}

impl Node {
    pub(crate) fn spawn(launch: Launch, guardian: Option<Arc<Guardian>>) -> Result<Self> {
        let process = launch.spawn()?;
        if let Some(guardian) = &guardian {
            guardian.add(process.pid());
        }
        Ok(Self::with(launch, process, guardian))
    }

    /// A server that an earlier process of ours started.
    pub(crate) fn adopt(launch: Launch, pid: u32, id: String) -> Self {
        let process = Process::Adopted {
            pid,
            folder: launch.folder.clone(),
        };
        let node = Self::with(launch, process, None);
        node.set_id(id);
        node
    }

    fn with(launch: Launch, process: Process, guardian: Option<Arc<Guardian>>) -> Self {
        let admin = Admin::new(launch.address);
        let state = State {
            process,
            guardian,
            ended: false,
        };
        let inner = Inner {
            launch,
            process: Mutex::new(state),
            paused: AtomicBool::new(false),
            admin,
            id: OnceLock::new(),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.inner
            .process
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn launch(&self) -> &Launch {
        &self.inner.launch
    }

    pub(crate) fn set_id(&self, id: String) {
        let _ = self.inner.id.set(id);
    }

    pub(crate) fn forget_guardian(&self) {
        self.state().guardian = None;
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.inner.launch.address
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.address().port()
    }

    /// `redis://ADDRESS`.
    pub fn url(&self) -> String {
        format!("redis://{}", self.address())
    }

    /// Where it listens for TLS, if it does.
    pub fn tls_address(&self) -> Option<SocketAddr> {
        let port = self.launch().option("tls-port")?.parse().ok()?;
        Some(SocketAddr::new(self.address().ip(), port))
    }

    /// The socket that it listens at beside its port, if it does.
    pub fn unix_socket(&self) -> Option<PathBuf> {
        let path = self.launch().option("unixsocket")?;
        Some(self.launch().folder.join(path))
    }

    /// Its cluster node id; empty for a server outside a cluster.
    pub fn id(&self) -> &str {
        self.inner.id.get().map_or("", String::as_str)
    }

    /// Its process id; after [`restart`](Self::restart) another one.
    pub fn pid(&self) -> u32 {
        self.state().process.pid()
    }

    /// Whether its process exists, paused or not.
    pub fn is_running(&self) -> bool {
        self.state().process.is_running()
    }

    /// Whether it is running and not paused.
    pub fn is_responsive(&self) -> bool {
        self.is_running() && !self.inner.paused.load(Ordering::Relaxed)
    }

    /// Sends a command on a plain connection of the testkit's own, waiting up
    /// to five seconds, and returns its reply.
    ///
    /// # Errors
    ///
    /// The node cannot be reached, does not answer in time, or replied with an
    /// error ([`Error::is_server`], [`Error::code`]).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the connection; the command may have run.
    pub async fn call<A: AsRef<[u8]>>(&self, args: &[A]) -> Result<Value> {
        self.ask(args).await
    }

    /// The same, decoded into any type.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call), or the reply is of another type.
    ///
    /// # Cancel safety
    ///
    /// As [`call`](Self::call).
    pub async fn ask<T: FromReplyOwned>(&self, args: &[impl AsRef<[u8]>]) -> Result<T> {
        let args: Vec<&[u8]> = args.iter().map(AsRef::as_ref).collect();
        self.inner.admin.call(&args, ANSWER).await
    }

    /// A field of `INFO section`, `None` if there is no such field.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call).
    ///
    /// # Cancel safety
    ///
    /// As [`call`](Self::call).
    pub async fn info(&self, section: &str, field: &str) -> Result<Option<String>> {
        let text: String = self.ask(&["INFO", section]).await?;
        let found = text
            .lines()
            .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        Ok(found.map(|value| value.trim().to_owned()))
    }

    /// Waits until the server answers, and that it is this process which does.
    pub(crate) async fn wait_until_up(&self) -> Result<()> {
        let pid = self.pid().to_string();
        let up = until(BOOT, "waiting for the server to come up", || async {
            if !self.is_running() {
                return Ok(Err(self.inner.launch.post_mortem()));
            }
            match self.info("server", "process_id").await {
                Ok(Some(theirs)) if theirs == pid => Ok(Ok(())),
                // Somebody else's server listens where ours could not.
                Ok(_) => Ok(Err(Error::address_in_use(
                    "waiting for the server to come up",
                )
                .at(self.address()))),
                // With a password it is up; the test will know what to do.
                Err(error) if matches!(error.code(), Some("NOAUTH" | "NOPERM")) => Ok(Ok(())),
                Err(error) => Err(error.to_string()),
            }
        });
        up.await.map_err(|error| error.at(self.address()))?
    }

    /// SIGKILL; back when the process is gone. Nothing happens if it has ended.
    ///
    /// # Errors
    ///
    /// The process could not be signalled.
    pub fn kill(&self) -> Result<()> {
        let mut state = self.state();
        state
            .process
            .kill()
            .map_err(|error| error.at(self.address()))?;
        if let Some(guardian) = &state.guardian {
            guardian.remove(state.process.pid());
        }
        self.inner.paused.store(false, Ordering::Relaxed);
        Ok(())
    }

    /// Kills it for good.
    pub(crate) fn end(&self) -> Result<()> {
        self.state().ended = true;
        self.kill()
    }

    /// SIGSTOP: it stays connected, accepts connections, and answers nothing.
    ///
    /// # Errors
    ///
    /// It is not running.
    pub fn pause(&self) -> Result<()> {
        self.state()
            .process
            .signal(Signal::STOP)
            .map_err(|error| error.at(self.address()))?;
        self.inner.paused.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// SIGCONT: it goes on where it was paused.
    ///
    /// # Errors
    ///
    /// It is not running.
    pub fn resume(&self) -> Result<()> {
        self.state()
            .process
            .signal(Signal::CONT)
            .map_err(|error| error.at(self.address()))?;
        self.inner.paused.store(false, Ordering::Relaxed);
        Ok(())
    }

    /// Kills it if it is running, and starts it again on the same ports with
    /// the same options and cluster identity, but without its data. Back when
    /// it answers; it may still be joining its cluster.
    ///
    /// A valkey 8 that has written a `nodes.conf` which it refuses to read (a
    /// replica in another shard than its primary, after a failover and a kill) has it put
    /// right and is started once more.
    ///
    /// # Errors
    ///
    /// Its port was taken meanwhile, or it does not come up.
    ///
    /// # Cancel safety
    ///
    /// Once polled the server is being started, whether awaited to the end or not.
    pub async fn restart(&self) -> Result<()> {
        self.launch_again()?;
        let up = self.wait_until_up().await;
        if up.is_err() && !self.is_running() && self.inner.launch.mend()? {
            self.launch_again()?;
            return self.wait_until_up().await;
        }
        up
    }

    fn launch_again(&self) -> Result<()> {
        self.kill()?;
        let mut state = self.state();
        if state.ended {
            return Err(
                Error::process("restarting the server", "its cluster has ended").at(self.address()),
            );
        }
        state.process = self.inner.launch.spawn()?;
        if let Some(guardian) = &state.guardian {
            guardian.add(state.process.pid());
        }
        Ok(())
    }
}

/// By process: clones of one handle are equal.
impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }
}

impl Eq for Node {}
