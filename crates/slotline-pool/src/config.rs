//! What a pool's connections are to be, and the builder that says so.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use slotline_resp::{Limits, Protocol};

use crate::address::Address;
use crate::backoff::Backoff;
use crate::credentials::CredentialsProvider;
use crate::dial::{Connect, DialLimit, Network};
use crate::events::{Event, EventKind, Listeners};
use crate::hook::InitHook;
use crate::lease::LeaseLimits;
use crate::observers::Observers;
use crate::ping::PingRule;
use crate::pool::Pool;
use crate::protocol::Bounds;
use crate::random::Random;
#[cfg(feature = "tls")]
use crate::tls::Tls;
use crate::tracking::Tracking;

/// No setting makes a time overflow: what is longer counts as this.
pub(crate) const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);
/// Writes on an encrypted connection that may be without an answer before commands are
/// gathered. Many, because replies come so many times in a round trip: even to a node that
/// is far away a command waits for about a sixteenth of one.
#[cfg(feature = "tls")]
const ENCRYPTED_WRITES: usize = 16;

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

/// Everything that a dial needs to know.
pub(crate) struct Config {
    pub(crate) address: Address,
    pub(crate) intent: Intent,
    /// The one to speak; `None` for whichever the server speaks.
    pub(crate) protocol: Option<Protocol>,
    pub(crate) credentials: Option<Arc<dyn CredentialsProvider>>,
    /// How often the connections were to be authenticated anew by hand.
    pub(crate) renewals: AtomicU64,
    pub(crate) client_name: Option<Box<str>>,
    pub(crate) database: u32,
    pub(crate) library_info: bool,
    pub(crate) tracking: Option<Tracking>,
    pub(crate) hooks: Vec<Arc<dyn InitHook>>,
    pub(crate) connect_timeout: Duration,
    pub(crate) response_timeout: Duration,
    pub(crate) limits: Limits,
    pub(crate) bounds: Bounds,
    pub(crate) connections: usize,
    pub(crate) ping: Option<PingRule>,
    pub(crate) backoff: Backoff,
    /// After how many failed dials in a row nobody waits for the next.
    pub(crate) fail_fast_after: Option<u32>,
    pub(crate) listeners: Listeners,
    /// How many pushes are kept for a receiver that does not read.
    pub(crate) pushes_kept: usize,
    pub(crate) observers: Observers,
    /// Perhaps shared with other pools of the node.
    pub(crate) dial_limit: DialLimit,
    pub(crate) leases: LeaseLimits,
    pub(crate) connector: Arc<dyn Connect>,
    pub(crate) random: Random,
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<Tls>,
}

impl Config {
    /// Tells whoever listens what happened to a connection.
    pub(crate) fn tell(&self, connection: Option<usize>, kind: EventKind) {
        self.listeners.tell(Event {
            address: self.address.clone(),
            intent: self.intent,
            connection,
            kind,
        });
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hooks: Vec<&str> = self.hooks.iter().map(|hook| hook.name()).collect();
        f.debug_struct("Config")
            .field("address", &self.address)
            .field("intent", &self.intent)
            .field("protocol", &self.protocol)
            .field("has_credentials", &self.credentials.is_some())
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
    pub(crate) config: Config,
}

impl PoolBuilder {
    pub(crate) fn new(address: Address) -> PoolBuilder {
        PoolBuilder {
            config: Config {
                address,
                intent: Intent::ReadWrite,
                protocol: None,
                credentials: None,
                renewals: AtomicU64::new(0),
                client_name: None,
                database: 0,
                library_info: true,
                tracking: None,
                hooks: Vec::new(),
                connect_timeout: Duration::from_secs(5),
                response_timeout: Duration::from_secs(10),
                limits: Limits::default(),
                bounds: Bounds {
                    commands: 65_536,
                    bytes: 32 << 20,
                    refuse: false,
                    writes: None,
                },
                connections: 1,
                ping: Some(PingRule::default()),
                backoff: Backoff::default(),
                fail_fast_after: None,
                listeners: Listeners::default(),
                pushes_kept: 1024,
                observers: Observers::default(),
                dial_limit: DialLimit::default(),
                leases: LeaseLimits::default(),
                connector: Arc::new(Network::new()),
                random: Random::default(),
                #[cfg(feature = "tls")]
                tls: None,
            },
        }
    }

    /// What the connections are for. Default: [`Intent::ReadWrite`].
    pub fn intent(mut self, intent: Intent) -> Self {
        self.config.intent = intent;
        self
    }

    /// Who to be: [`Credentials`](crate::Credentials), or whatever provides them
    /// anew for every dial. Default: whoever the server takes an unknown client for.
    pub fn credentials(mut self, provider: impl CredentialsProvider) -> Self {
        self.config.credentials = Some(Arc::new(provider));
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

    /// The protocol to speak. Default: RESP3, and RESP2 with a server that knows no
    /// [`HELLO`](https://redis.io/docs/latest/commands/hello/) or refuses it to this
    /// user. With RESP3 asked for, such a server makes the dial fail, in the step
    /// `HELLO`. With RESP2 asked for, no HELLO is sent, so that the server says
    /// nothing of itself.
    pub fn protocol(mut self, protocol: Protocol) -> Self {
        self.config.protocol = Some(protocol);
        self
    }

    /// Whether the server is told what library this is
    /// ([`CLIENT SETINFO`](https://redis.io/docs/latest/commands/client-setinfo/)).
    /// Best effort: a server that knows no such command is used without. Default:
    /// it is.
    pub fn library_info(mut self, is_told: bool) -> Self {
        self.config.library_info = is_told;
        self
    }

    /// Has the server tell of keys that change, by pushes. Default: it does not. A
    /// server that refuses makes the dial fail, in the step `CLIENT TRACKING`; so
    /// does one that speaks no RESP3.
    pub fn tracking(mut self, tracking: Tracking) -> Self {
        self.config.tracking = Some(tracking);
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
    /// TLS, HELLO and all hooks together. Default: 5 seconds.
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

    /// How many connections may be in the making at once, leased ones included;
    /// at least 1. Default: 2. What a connection waits for its turn does not count
    /// towards its [`connect_timeout`](Self::connect_timeout), but towards the
    /// deadline of whoever waits for it.
    pub fn max_dials(self, dials: usize) -> Self {
        self.dial_limit(DialLimit::new(dials))
    }

    /// The same, shared with other pools of the node: they count together. A hook
    /// that asks another pool of the same limit for a connection has the turn that
    /// the other may be waiting for.
    pub fn dial_limit(mut self, limit: DialLimit) -> Self {
        self.config.dial_limit = limit;
        self
    }

    /// How many connections may be leased at once, at the most; at least 1. Default:
    /// 64. It counts those that lie ready, and those that are being made. See
    /// [`Pool::lease`](crate::Pool::lease).
    pub fn max_leases(mut self, leases: usize) -> Self {
        self.config.leases.most = leases.max(1);
        self
    }

    /// How many leased connections are to lie ready, within
    /// [`max_leases`](Self::max_leases): they are made in the background, from the
    /// first [`Pool::connect`](crate::Pool::connect) or
    /// [`Pool::lease`](crate::Pool::lease) on. Default: 0.
    pub fn min_idle_leases(mut self, leases: usize) -> Self {
        self.config.leases.min_idle = leases;
        self
    }

    /// How long a leased connection may lie ready unused before it is closed, if
    /// there are more than [`min_idle_leases`](Self::min_idle_leases). Default: 5
    /// minutes.
    pub fn lease_idle_limit(mut self, limit: Duration) -> Self {
        self.config.leases.idle = limit.min(LONGEST);
        self
    }

    /// How old a leased connection may become: one that is older is closed when
    /// nobody has it. Up to a tenth less, so that those that were made together do
    /// not end together. Default: 30 minutes.
    pub fn lease_lifetime(mut self, limit: Duration) -> Self {
        self.config.leases.lifetime = limit.min(LONGEST);
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

    /// Who opens the streams that the connections are made of. Default:
    /// [`Network`], which knows TCP and unix sockets.
    pub fn connector(self, connector: impl Connect) -> Self {
        self.shared_connector(Arc::new(connector))
    }

    /// The same, shared with other pools.
    pub fn shared_connector(mut self, connector: Arc<dyn Connect>) -> Self {
        self.config.connector = connector;
        self
    }

    /// Encrypts every connection, whatever it goes over. A connection that cannot
    /// be encrypted as [`Tls`] says is not used. Default: nothing is encrypted.
    ///
    /// Behind 16 writes that have not been answered yet, commands are gathered until the
    /// next reply comes, or until they fill a record: a peer decrypts many small records
    /// with much effort. Where many commands are on their way one by one, each waits for
    /// about a sixteenth of a round trip.
    #[cfg(feature = "tls")]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.config.tls = Some(tls);
        self.config.bounds.writes = Some(ENCRYPTED_WRITES);
        self
    }

    /// The pool. It dials when the first request or
    /// [`Pool::connect`](crate::Pool::connect) needs it.
    #[must_use]
    pub fn build(self) -> Pool {
        Pool::new(self.config)
    }
}
