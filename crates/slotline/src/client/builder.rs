use std::hash::BuildHasher;
use std::sync::Arc;
use std::time::Duration;

use rustc_hash::FxBuildHasher;
use slotline_pipeline::{
    BoxError, ChunkLayer, ReadFrom, Request, Response, RetryLayer, RetryPolicy, StandardPolicy,
};
#[cfg(feature = "tls")]
use slotline_pool::Tls;
use slotline_pool::{
    self as pool, Connect, Credentials, CredentialsProvider, InitHook, Pool, PoolBuilder,
};
use slotline_topology::{AddressMap, Endpoint};
use tower::{Layer, Service};

use super::Client;
use super::layers::{Wrap, wrap};
use super::url::{self, Url};
use crate::error::{Error, Result};
use crate::stack::Layered;

/// No setting makes a time overflow: what is longer counts as this.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Whether to look for a cluster behind the nodes that were named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Discovery {
    /// A cluster if the server says that it is in one, else that server alone.
    #[default]
    Auto,
    /// A cluster, or an error.
    Cluster,
    /// The one node that was named and no other, though it be in a cluster: its
    /// redirects are not followed.
    SingleNode,
}

/// The settings of a [`Client`] to be made.
#[derive(Clone)]
#[must_use = "a builder does nothing until `connect`"]
pub struct ClientBuilder {
    urls: Vec<String>,
    pub(super) discovery: Discovery,
    pub(super) read_from: Option<ReadFrom>,
    credentials: Option<Arc<dyn CredentialsProvider>>,
    client_name: Option<String>,
    database: Option<u32>,
    hooks: Vec<Arc<dyn InitHook>>,
    pub(super) addresses: AddressMap,
    connector: Option<Arc<dyn Connect>>,
    #[cfg(feature = "tls")]
    tls: Option<Tls>,
    pub(super) layers: Vec<Wrap>,
    pub(super) chunk: ChunkLayer,
    pub(super) retry: Option<RetryLayer>,
    pub(super) seed: Option<u64>,
    pub(super) hedges: bool,
    pub(super) is_lazy: bool,
    pub(super) most_lag: Option<u64>,
    pub(super) timeout: Duration,
    pub(super) connect_timeout: Duration,
    response_timeout: Duration,
    pub(super) max_leases: usize,
}

impl ClientBuilder {
    pub(super) fn new() -> ClientBuilder {
        ClientBuilder {
            urls: Vec::new(),
            discovery: Discovery::Auto,
            read_from: None,
            credentials: None,
            client_name: None,
            database: None,
            hooks: Vec::new(),
            addresses: AddressMap::default(),
            connector: None,
            #[cfg(feature = "tls")]
            tls: None,
            layers: Vec::new(),
            chunk: ChunkLayer::new(),
            retry: None,
            seed: None,
            hedges: false,
            is_lazy: false,
            most_lag: None,
            timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(5),
            response_timeout: Duration::from_secs(10),
            max_leases: 64,
        }
    }

    /// The nodes to begin with, as URLs; the others of a cluster are found. A
    /// setting made on the builder outranks the same in a URL.
    pub fn nodes<U: AsRef<str>>(mut self, urls: impl IntoIterator<Item = U>) -> ClientBuilder {
        let urls = urls.into_iter().map(|url| url.as_ref().to_owned());
        self.urls.extend(urls);
        self
    }

    /// Whether to look for a cluster behind them.
    pub fn discovery(mut self, discovery: Discovery) -> ClientBuilder {
        self.discovery = discovery;
        self
    }

    /// Where commands that only read may go; by default to the primary. What holds
    /// of reads from replicas is told at [`ReadFrom`].
    pub fn read_from(mut self, read_from: ReadFrom) -> ClientBuilder {
        self.read_from = Some(read_from);
        self
    }

    /// By how many bytes of its primary's stream of changes a replica may be behind
    /// and still be read from; without a bound by default, and without effect where
    /// reads go to primaries. With it, the nodes of each shard in use are asked once a
    /// second how far they have come, from the first read on. What the bound rests on
    /// is up to one and a half seconds old: see [`RouteLayer::most_lag`].
    ///
    /// [`RouteLayer::most_lag`]: slotline_pipeline::RouteLayer::most_lag
    pub fn most_lag(mut self, bytes: u64) -> ClientBuilder {
        self.most_lag = Some(bytes);
        self
    }

    /// Asks a second replica when the first has not answered a read within the
    /// time that nineteen of twenty reads take; the first whole answer counts.
    /// Off by default. At most one read in twenty is asked for twice, and a read
    /// that may be costs an allocation; [`Client::hedges`] tells what it brings.
    pub fn hedge_reads(mut self) -> ClientBuilder {
        self.hedges = true;
        self
    }

    /// The user and password; with no user the password of `requirepass`.
    pub fn credentials(mut self, user: Option<&str>, password: &str) -> ClientBuilder {
        self.credentials = Some(Arc::new(Credentials::new(user, password)));
        self
    }

    /// Who to be, asked for at every dial anew: see [`CredentialsProvider`]. When
    /// it tells that they have changed, open connections are authenticated anew,
    /// without a failed request.
    pub fn credentials_provider(mut self, provider: impl CredentialsProvider) -> ClientBuilder {
        self.credentials = Some(Arc::new(provider));
        self
    }

    /// What CLIENT LIST calls the connections.
    pub fn client_name(mut self, name: &str) -> ClientBuilder {
        self.client_name = Some(name.to_owned());
        self
    }

    /// A hook that runs on every connection before anyone can use it, after those
    /// given before it. A connection whose hook failed is closed.
    pub fn init_hook(mut self, hook: impl InitHook) -> ClientBuilder {
        self.hooks.push(Arc::new(hook));
        self
    }

    /// Where the nodes are reached that the cluster tells of: for a cluster behind
    /// a network address translation, in containers, or behind forwarded ports. It
    /// translates the nodes that were named, those that the cluster names, and
    /// those that a MOVED or ASK names, so that [`Client::topology`] and errors
    /// have the nodes where they are reached.
    ///
    /// ```no_run
    /// use slotline::{AddressMap, Client, Endpoint};
    ///
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let forwarded = [("172.18.0.2", 17001), ("172.18.0.3", 17002), ("172.18.0.4", 17003)];
    /// let map = AddressMap::from_iter(forwarded.map(|(inside, port)| {
    ///     (Endpoint::new(inside, 6379), Endpoint::new("db.example", port))
    /// }));
    /// let client = Client::builder()
    ///     .nodes(["redis://db.example:17001"])
    ///     .map_addresses(map)
    ///     .connect()
    ///     .await?;
    /// # let _ = client; Ok(()) }
    /// ```
    pub fn map_addresses(mut self, map: AddressMap) -> ClientBuilder {
        self.addresses = map;
        self
    }

    /// Who opens the streams that connections are made of, for all nodes; by
    /// default [`Network`](crate::Network), which knows TCP and unix sockets.
    pub fn connector(mut self, connector: impl Connect) -> ClientBuilder {
        self.connector = Some(Arc::new(connector));
        self
    }

    /// Encrypts the connections to all nodes, whatever the URLs say: those that
    /// were named and those that a cluster tells of. URLs that ask for encryption
    /// have it without this, with the roots of the operating system.
    ///
    /// The nodes of a cluster are mostly told by their IP addresses; if their
    /// certificates are for names, [`TlsBuilder::server_name`](crate::TlsBuilder)
    /// gives those.
    ///
    /// ```no_run
    /// use slotline::{Client, Tls};
    ///
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let tls = Tls::builder()
    ///     .root_pem(std::fs::read("ca.crt")?)
    ///     .server_name("cluster.example")
    ///     .build()?;
    /// let client = Client::builder()
    ///     .nodes(["rediss://10.0.0.1:6379", "rediss://10.0.0.2:6379"])
    ///     .tls(tls)
    ///     .connect()
    ///     .await?;
    /// # let _ = client; Ok(()) }
    /// ```
    #[cfg(feature = "tls")]
    pub fn tls(mut self, tls: Tls) -> ClientBuilder {
        self.tls = Some(tls);
        self
    }

    /// A tower layer around the whole way that a batch takes, and around the
    /// layers given before it. It costs one box per batch. Its errors are taken
    /// in: tower's `Elapsed` leaves it open whether the commands ran,
    /// `Overloaded` means that they were not sent.
    pub fn layer<L>(mut self, layer: L) -> ClientBuilder
    where
        L: Layer<Layered> + Send + Sync + 'static,
        L::Service: Service<Request, Response = Response> + Clone + Send + Sync + 'static,
        <L::Service as Service<Request>>::Error: Into<BoxError>,
        <L::Service as Service<Request>>::Future: Send,
    {
        self.layers.push(wrap(layer));
        self
    }

    /// Who decides whether a command that failed without an answer goes again; by
    /// default [`StandardPolicy`](crate::StandardPolicy), which sends again what was
    /// not sent and what only reads. Its [`RetryBudget`](crate::RetryBudget) is the
    /// client's as a whole.
    ///
    /// ```no_run
    /// use slotline::{Client, RetryBudget, StandardPolicy};
    ///
    /// # async fn example() -> slotline::Result<()> {
    /// // One read in ten may go again, and it does so twice at most.
    /// let policy = StandardPolicy::new()
    ///     .lost_reads(2)
    ///     .budget(RetryBudget::new(0.1, 10, 1_000));
    /// let client = Client::builder()
    ///     .nodes(["redis://127.0.0.1:7000"])
    ///     .retry(policy)
    ///     .connect()
    ///     .await?;
    /// # let _ = client; Ok(()) }
    /// ```
    pub fn retry(mut self, policy: impl RetryPolicy) -> ClientBuilder {
        self.retry = Some(RetryLayer::new(policy));
        self
    }

    /// Lets [`connect`](ClientBuilder::connect) return at once, without a server: the
    /// nodes are looked for meanwhile, again and again until one can be used. Commands
    /// that come before wait for that, each until its own deadline
    /// ([`timeout`](ClientBuilder::timeout)), and then fail as not sent, with the
    /// reason for each node. Whether it is a cluster is found out then; until then
    /// [`Client::topology`] is empty.
    ///
    /// ```no_run
    /// use slotline::Client;
    ///
    /// # async fn example() -> slotline::Result<()> {
    /// // The program may start before its servers do.
    /// let client = Client::builder()
    ///     .nodes(["redis://db-1.example", "redis://db-2.example"])
    ///     .lazy()
    ///     .connect()
    ///     .await?;
    /// # let _ = client; Ok(()) }
    /// ```
    pub fn lazy(mut self) -> ClientBuilder {
        self.is_lazy = true;
        self
    }

    /// Makes every random choice of the client repeatable: the pauses between
    /// attempts and dials, and which nodes are asked for the topology. With a
    /// [`connector`](ClientBuilder::connector) of the test's own and tokio's clock
    /// paused, a test takes the same course each time. Not for use outside of
    /// tests: clients with one seed come back at the same moment.
    pub fn seed(mut self, seed: u64) -> ClientBuilder {
        self.seed = Some(seed);
        self
    }

    /// How large a piece of a pipeline may be that goes in one go, and how many
    /// pieces of one pipeline may be on their way at once: by default 1,000 commands
    /// or 1 MiB, four at once.
    pub fn chunk(mut self, chunk: ChunkLayer) -> ClientBuilder {
        self.chunk = chunk;
        self
    }

    /// How long a command or a pipeline may take in all: waiting, redirects and
    /// retries included. 30 seconds by default, which outlasts a failover with the
    /// servers' own defaults. A lone command that blocks, as BLPOP, has the time for
    /// which it may block beside that.
    pub fn timeout(mut self, timeout: Duration) -> ClientBuilder {
        self.timeout = timeout.min(LONGEST);
        self
    }

    /// How long making a connection may take, handshake and hooks included; 5
    /// seconds by default.
    pub fn connect_timeout(mut self, timeout: Duration) -> ClientBuilder {
        self.connect_timeout = timeout.min(LONGEST);
        self
    }

    /// How long a connection that owes an answer may stay silent before it counts
    /// as lost; 10 seconds by default.
    pub fn response_timeout(mut self, timeout: Duration) -> ClientBuilder {
        self.response_timeout = timeout;
        self
    }

    /// Connects to the first node that can be used, and learns from it of the
    /// others; or does so later, if [`lazy`](ClientBuilder::lazy) was asked for.
    ///
    /// # Errors
    /// A setting makes no sense, no node can be used (then why, for each), or what
    /// is there is not what [`discovery`](ClientBuilder::discovery) asked for. Of a
    /// lazy client the first alone.
    ///
    /// # Cancel safety
    /// Dropping the future closes whatever was opened.
    pub async fn connect(mut self) -> Result<Client> {
        let seeds = self.take_in_urls()?;
        let seed = self.seed;
        self.retry.get_or_insert_with(|| match seed {
            Some(seed) => RetryLayer::new(StandardPolicy::new().seed(seed)),
            None => RetryLayer::default(),
        });
        super::discover::connect(self, seeds).await
    }

    /// Reads the URLs; what they say beside the node fills in what was not set.
    fn take_in_urls(&mut self) -> Result<Vec<Endpoint>> {
        let urls: Vec<Url> = self
            .urls
            .iter()
            .map(|url| url::parse(url))
            .collect::<Result<_>>()?;
        if urls.is_empty() {
            return Err(Error::config(
                "no node was named; give one with `nodes([\"redis://127.0.0.1:6379\"])`",
            ));
        }
        if self.discovery == Discovery::SingleNode && urls.len() > 1 {
            return Err(Error::config(
                "one node only was asked for, and several are named",
            ));
        }
        self.take_in_encryption(&urls)?;
        let mut seeds = Vec::new();
        for url in urls {
            if let (None, Some((user, password))) = (&self.credentials, &url.credentials) {
                let credentials = Credentials::new(user.as_deref(), password.as_str());
                self.credentials = Some(Arc::new(credentials));
            }
            self.database = self.database.or(url.database);
            self.client_name = self.client_name.take().or(url.client_name);
            self.read_from = self.read_from.take().or(url.read_from);
            seeds.push(url.endpoint);
        }
        Ok(seeds)
    }

    /// One setting for all nodes: those that a cluster tells of have no URL.
    fn take_in_encryption(&mut self, urls: &[Url]) -> Result<()> {
        let encrypted = urls.iter().filter(|url| url.is_encrypted).count();
        if encrypted == 0 {
            return Ok(());
        }
        #[cfg(feature = "tls")]
        match &self.tls {
            Some(_) => return Ok(()),
            None if encrypted == urls.len() => {
                let tls = Tls::builder().build();
                self.tls = Some(tls.map_err(|error| Error::config(error.to_string()))?);
                return Ok(());
            }
            None => {}
        }
        Err(Error::config(if cfg!(feature = "tls") {
            "some URLs ask for TLS and some do not; all nodes of a client are spoken to alike"
        } else {
            "a URL asks for TLS, which takes the feature `tls` of this crate; nothing \
             falls back to plain text"
        }))
    }

    /// Who decides about attempts; given by the time the client connects.
    pub(super) fn retry_layer(&self) -> RetryLayer {
        self.retry.clone().unwrap_or_default()
    }

    /// A pool with these settings.
    pub(super) fn pool(&self, address: pool::Address) -> PoolBuilder {
        let own_seed = self.seed.map(|seed| seed ^ distinct(&address));
        let mut builder = Pool::builder(address)
            .connect_timeout(self.connect_timeout)
            .response_timeout(self.response_timeout)
            .max_leases(self.max_leases)
            .init_hooks(&self.hooks);
        if let Some(seed) = own_seed {
            builder = builder.seed(seed);
        }
        if let Some(connector) = &self.connector {
            builder = builder.shared_connector(Arc::clone(connector));
        }
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.tls {
            builder = builder.tls(tls.clone());
        }
        if let Some(credentials) = &self.credentials {
            builder = builder.credentials(Arc::clone(credentials));
        }
        if let Some(name) = &self.client_name {
            builder = builder.client_name(name.as_str());
        }
        if let Some(database) = self.database {
            builder = builder.database(database);
        }
        builder
    }
}

/// A number of the address's own, so that pools with one seed do not pause alike.
fn distinct(address: &pool::Address) -> u64 {
    FxBuildHasher.hash_one(address)
}

impl std::fmt::Debug for ClientBuilder {
    /// Without the URLs, which may hold a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("nodes", &self.urls.len())
            .field("discovery", &self.discovery)
            .field("read_from", &self.read_from)
            .field("hooks", &self.hooks.len())
            .field("layers", &self.layers.len())
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether the feature is on or not, nothing that asks for TLS goes without.
    #[test]
    fn a_url_that_asks_for_tls_is_no_plain_text() {
        let check = |urls: &[&str], expected: &str| {
            let error = ClientBuilder::new().nodes(urls).take_in_urls();
            let error = error.expect_err("settings that make no sense");
            assert!(error.is_config(), "{error}");
            assert!(error.to_string().contains(expected), "{error}");
        };
        let mixed = ["redis://a", "rediss://b"];
        if cfg!(feature = "tls") {
            check(&mixed, "some do not");
            check(&["rediss://a", "unix:///b"], "some do not");
        } else {
            check(&mixed, "the feature `tls`");
            check(&["rediss://a"], "the feature `tls`");
        }
    }
}
