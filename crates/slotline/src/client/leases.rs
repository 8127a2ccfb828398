//! Connections that one command or one watch has to itself.

use slotline_resp::{CommandBuffer, Commands, ToArgs, known};

use super::Client;
use super::builder::ClientBuilder;
use crate::watch::{StartWatch, Watching, watch};

impl ClientBuilder {
    /// How many connections to one node may be in use at once by commands that block
    /// (BLPOP and its kin, XREAD and XREADGROUP with BLOCK) and by
    /// [watches](Client::watch), beside those that all commands share; at least 1,
    /// 64 by default. Each such command has one to itself until it is answered.
    ///
    /// Whoever comes when all are in use waits for one to come back, for the
    /// [`timeout`](ClientBuilder::timeout); then it fails as not sent, with
    /// [`Error::is_refused`](crate::Error::is_refused).
    pub fn max_leases(mut self, leases: usize) -> ClientBuilder {
        self.max_leases = leases;
        self
    }
}

impl Client {
    /// Watches keys on a connection that nobody else has: a [transaction] on it runs only
    /// if nobody has changed one of them by then. On a cluster they must be of one slot.
    /// [`watching`](Client::watching) does the same in a loop, which is what is mostly
    /// wanted.
    ///
    /// ```no_run
    /// # async fn example(client: slotline::Client) -> slotline::Result<()> {
    /// let watched = client.watch("stock").await?;
    /// let left: i64 = watched.get("stock").await?;
    /// if left > 0 {
    ///     let sold = watched.transaction(|t| { t.set("stock", left - 1); }).await?;
    ///     println!("{}", if sold.is_some() { "sold" } else { "somebody came in between" });
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// [transaction]: crate::Watched::transaction
    ///
    /// # Errors
    /// The keys cannot be watched, or all connections that may be [leased] are in use.
    /// [`Error::is_watch_lost`](crate::Error::is_watch_lost) if it is worth beginning
    /// again.
    ///
    /// [leased]: ClientBuilder::max_leases
    ///
    /// # Cancel safety
    /// Dropping the future is always safe; nothing stays watched.
    pub fn watch(&self, keys: impl ToArgs) -> StartWatch {
        watch(self.runner(), &self.shared.cluster, watch_of(keys))
    }

    /// The same in a loop: [`run`](Watching::run) begins again as long as somebody else
    /// changes the keys in between, for a number of [attempts](Watching::attempts).
    ///
    /// ```no_run
    /// # async fn example(client: slotline::Client) -> slotline::Result<()> {
    /// let doubled = client
    ///     .watching("n")
    ///     .attempts(16)
    ///     .run(|watched| async move {
    ///         let n: Option<i64> = watched.get("n").await?;
    ///         let doubled = 2 * n.unwrap_or(1);
    ///         let done = watched.transaction(|t| { t.set("n", doubled); }).await?;
    ///         Ok(done.map(|_| doubled))
    ///     })
    ///     .await?;
    /// # let _ = doubled; Ok(()) }
    /// ```
    pub fn watching(&self, keys: impl ToArgs) -> Watching {
        let runner = self.runner().clone();
        Watching::new(runner, self.shared.cluster.clone(), watch_of(keys))
    }
}

fn watch_of(keys: impl ToArgs) -> Commands {
    let mut buffer = CommandBuffer::new();
    buffer.begin(&known::WATCH, 1).keys(&keys);
    buffer.freeze()
}
