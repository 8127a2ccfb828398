//! The client: made by a builder, used by many tasks.

mod builder;
mod discover;
mod each;
mod layers;
mod leases;
mod url;

use std::ops::Deref;
use std::sync::Arc;

use slotline_commands::Batch;
use slotline_pipeline::{Cluster, HedgeLayer, HedgeStatistics, Intent};
use slotline_pool::Statistics;
use slotline_topology::{Endpoint, Topology};

use crate::batch::{FromReplies, Pipeline, Pipelined, SendPipeline, pipelined, transaction};
use crate::error::Result;
use crate::gate::Gate;
use crate::nodes::Nodes;
use crate::runner::{Direct, Runner};

use discover::Upkeep;

pub use builder::{ClientBuilder, Discovery};
pub use each::Node;

/// A client of one server or of a whole cluster. A clone is another handle on the
/// same connections, for any number of tasks; they are closed when the last is
/// dropped.
///
/// ```no_run
/// # async fn example() -> slotline::Result<()> {
/// let client = slotline::Client::connect("redis://127.0.0.1:7000").await?;
/// client.set("k", "v").await?;
/// let v: Option<String> = client.get("k").await?;
/// # Ok(()) }
/// ```
///
/// A command can be a value as well, made in one place and run in another; and what
/// becomes of it can be recorded:
///
/// ```no_run
/// # async fn example(client: slotline::Client) -> slotline::Result<()> {
/// use slotline::{Explain, cmd};
///
/// let explain = Explain::new();
/// let visit = cmd::incr("visits");
/// let visits = client.run(visit).explain(&explain).await?;
/// println!("{visits} visits\n{explain}");
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Client {
    direct: Direct,
    shared: Arc<Shared>,
}

/// What all clones share.
struct Shared {
    nodes: Nodes,
    cluster: Cluster,
    builder: ClientBuilder,
    hedge: HedgeLayer,
    /// Of a lazy client: closed until a node is found.
    gate: Option<Gate>,
    _upkeep: Upkeep,
}

impl Client {
    /// Connects to the server or cluster at `url`, as in
    /// `redis://user:password@host:6379`; finds out by itself which it is.
    ///
    /// # Errors
    /// The URL makes no sense, or no node can be used: then why, for each node.
    ///
    /// # Cancel safety
    /// Dropping the future closes whatever was opened.
    pub async fn connect(url: impl AsRef<str>) -> Result<Client> {
        Client::builder().nodes([url]).connect().await
    }

    /// A client whose settings are given one by one.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::new()
    }

    /// An empty pipeline: an owned value, to be filled and sent.
    pub fn pipeline(&self) -> Pipeline {
        Pipeline::new(self.runner().clone())
    }

    /// Fills a pipeline with `fill` and sends it; the shape of the result is the
    /// caller's, a type for each command.
    ///
    /// # Errors
    /// The first outcome that is an error or does not fit its type.
    ///
    /// # Cancel safety
    /// As with [`Pipeline::send`].
    pub fn pipelined<T: FromReplies>(&self, fill: impl FnOnce(&mut Batch)) -> Pipelined<T> {
        pipelined(self.runner().clone(), fill)
    }

    /// Fills a transaction with `fill` and sends it: all of its commands run, with
    /// nobody else's in between, or none does. [`Pipeline::transaction`] is the same as
    /// an owned value, and says what holds of it. On a cluster the keys must be of one
    /// slot. Without a command nothing is sent.
    ///
    /// ```no_run
    /// # async fn example(client: slotline::Client) -> slotline::Result<()> {
    /// let sum: i64 = client
    ///     .transaction(|t| {
    ///         t.incr("{a}x");
    ///         t.incr("{a}y");
    ///     })
    ///     .await?
    ///     .decode_last()?;
    /// # let _ = sum; Ok(()) }
    /// ```
    ///
    /// # Errors
    /// It did not run, or nobody knows whether it did; see [`Pipeline::send`]. An error
    /// of one of its commands while they ran is that command's own outcome.
    ///
    /// # Cancel safety
    /// Dropping the future is always safe: a transaction of which no byte was written
    /// never is; of any other all runs, or nothing, and its reply is thrown away.
    pub fn transaction(&self, fill: impl FnOnce(&mut Batch)) -> SendPipeline {
        transaction(self.runner().clone(), fill)
    }

    pub(crate) fn runner(&self) -> &Runner {
        self.direct.get_ref()
    }

    pub(crate) fn cluster(&self) -> &Cluster {
        &self.shared.cluster
    }

    /// Which node serves which slot, for all that is known now. A server that is
    /// no cluster is one node that serves all.
    #[must_use]
    pub fn topology(&self) -> Topology {
        self.shared.cluster.snapshot().topology().clone()
    }

    /// How often a command was sent on because a server answered MOVED or ASK.
    #[must_use]
    pub fn redirects_followed(&self) -> u64 {
        self.shared.cluster.redirects_followed()
    }

    /// What became of commands on their way that did not simply go well: redirects,
    /// waits, lost sessions, refreshes.
    #[must_use]
    pub fn on_the_way(&self) -> slotline_pipeline::Statistics {
        self.shared.cluster.statistics()
    }

    /// How many reads were hedged and what that brought; all zero unless
    /// [`hedge_reads`](ClientBuilder::hedge_reads) was asked for.
    #[must_use]
    pub fn hedges(&self) -> HedgeStatistics {
        self.shared.hedge.statistics()
    }

    /// What each pool of connections has counted so far, by node and intent.
    #[must_use]
    pub fn statistics(&self) -> Vec<(Endpoint, Intent, Statistics)> {
        self.shared.nodes.statistics()
    }
}

impl Deref for Client {
    type Target = Direct;
    fn deref(&self) -> &Direct {
        &self.direct
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("direct", &self.direct)
            .finish_non_exhaustive()
    }
}
