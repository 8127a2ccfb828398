//! What a pool's connections are to be, and the builder that says so.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use slotline_resp::Limits;

use crate::address::Address;
use crate::dial::Connector;
use crate::hook::InitHook;
use crate::pool::Pool;
use crate::protocol::Bounds;

/// No setting makes a time overflow: what is longer counts as this.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// What a pool's connections are used for. It is part of what a connection is:
/// a pool never changes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Intent {
    /// Reads and writes.
    ReadWrite,
    /// Reads that a replica may answer: where the server is in cluster mode,
    /// every connection has been sent
    /// [`READONLY`](https://redis.io/docs/latest/commands/readonly/) before
    /// anyone can use it.
    ReadOnly,
}

/// Who the pool is to the server. `Debug` shows no password.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    pub(crate) user: Option<Box<str>>,
    pub(crate) password: Box<str>,
}

impl Credentials {
    /// A user and a password; without a user the server's `default` user, which
    /// is what a lone password (`requirepass`) belongs to.
    #[must_use]
    pub fn new(user: Option<&str>, password: impl Into<Box<str>>) -> Credentials {
        Credentials {
            user: user.map(Into::into),
            password: password.into(),
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

/// Everything that a dial needs to know.
pub(crate) struct Config {
    pub(crate) address: Address,
    pub(crate) intent: Intent,
    pub(crate) credentials: Option<Credentials>,
    pub(crate) client_name: Option<Box<str>>,
    pub(crate) database: u32,
    pub(crate) hooks: Vec<Arc<dyn InitHook>>,
    pub(crate) connect_timeout: Duration,
    pub(crate) response_timeout: Duration,
    pub(crate) limits: Limits,
    pub(crate) bounds: Bounds,
    pub(crate) connections: usize,
    pub(crate) connector: Connector,
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hooks: Vec<&str> = self.hooks.iter().map(|hook| hook.name()).collect();
        f.debug_struct("Config")
            .field("address", &self.address)
            .field("intent", &self.intent)
            .field("credentials", &self.credentials)
            .field("client_name", &self.client_name)
            .field("database", &self.database)
            .field("hooks", &hooks)
            .field("connect_timeout", &self.connect_timeout)
            .field("response_timeout", &self.response_timeout)
            .field("bounds", &self.bounds)
            .finish_non_exhaustive()
    }
}

/// Describes a [`Pool`]. See [`Pool::builder`].
#[derive(Debug)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct PoolBuilder {
    config: Config,
}

impl PoolBuilder {
    pub(crate) fn new(address: Address) -> PoolBuilder {
        PoolBuilder {
            config: Config {
                address,
                intent: Intent::ReadWrite,
                credentials: None,
                client_name: None,
                database: 0,
                hooks: Vec::new(),
                connect_timeout: Duration::from_secs(5),
                response_timeout: Duration::from_secs(10),
                limits: Limits::default(),
                bounds: Bounds {
                    commands: 65_536,
                    bytes: 32 << 20,
                    refuse: false,
                },
                connections: 1,
                connector: Connector::tcp(),
            },
        }
    }

    /// What the connections are for. Default: [`Intent::ReadWrite`].
    pub fn intent(mut self, intent: Intent) -> Self {
        self.config.intent = intent;
        self
    }

    /// Who to be. Default: whoever the server takes an unknown client for.
    pub fn credentials(mut self, credentials: Credentials) -> Self {
        self.config.credentials = Some(credentials);
        self
    }

    /// The name that `CLIENT LIST` shows. Best effort: a server that refuses it
    /// is used without.
    pub fn client_name(mut self, name: impl Into<Box<str>>) -> Self {
        self.config.client_name = Some(name.into());
        self
    }

    /// The database to select. Default: 0, which needs no command.
    pub fn database(mut self, index: u32) -> Self {
        self.config.database = index;
        self
    }

    /// Adds a hook that runs on every connection before anyone can use it, after
    /// the hooks that were added before. If it fails, its connection is closed.
    pub fn init_hook(mut self, hook: impl InitHook) -> Self {
        self.config.hooks.push(Arc::new(hook));
        self
    }

    /// Adds hooks that are shared with other pools.
    pub fn init_hooks(mut self, hooks: &[Arc<dyn InitHook>]) -> Self {
        self.config.hooks.extend_from_slice(hooks);
        self
    }

    /// How long it may take until a connection is ready: name resolution, TCP,
    /// HELLO and all hooks together. Default: 5 seconds.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.config.connect_timeout = timeout.min(LONGEST);
        self
    }

    /// How long a connection may bring nothing at all while replies are due;
    /// then it counts as dead. Default: 10 seconds. A request's own deadline is
    /// given when it is sent.
    pub fn response_timeout(mut self, timeout: Duration) -> Self {
        self.config.response_timeout = timeout.min(LONGEST);
        self
    }

    /// How many connections are shared, at the most; at least 1, which is the
    /// default and enough for nearly everyone. A further one is made when those
    /// before it have commands in flight. Each has the whole of the bounds below.
    pub fn connections(mut self, connections: usize) -> Self {
        self.config.connections = connections.max(1);
        self
    }

    /// How many commands may wait for a reply or for being written at once;
    /// others wait for their turn. Default: 65,536. A batch that is larger goes
    /// when there is nothing else.
    pub fn max_in_flight(mut self, commands: usize) -> Self {
        self.config.bounds.commands = commands;
        self
    }

    /// How many bytes may wait for being written at once; what is beyond waits
    /// with its caller. Default: 32 MiB. A batch that is larger goes when there
    /// is nothing else.
    pub fn max_queued_bytes(mut self, bytes: usize) -> Self {
        self.config.bounds.bytes = bytes;
        self
    }

    /// A request that finds no room fails at once
    /// ([`Error::is_overloaded`](crate::Error::is_overloaded)) instead of
    /// waiting for its turn until its deadline, which is the default.
    pub fn refuse_when_full(mut self) -> Self {
        self.config.bounds.refuse = true;
        self
    }

    /// What a server may make us hold for one reply.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.config.limits = limits;
        self
    }

    #[cfg(test)]
    pub(crate) fn connector(mut self, connector: Connector) -> Self {
        self.config.connector = connector;
        self
    }

    /// The pool. It dials when the first request or
    /// [`Pool::connect`](crate::Pool::connect) needs it.
    #[must_use]
    pub fn build(self) -> Pool {
        Pool::new(self.config)
    }
}
