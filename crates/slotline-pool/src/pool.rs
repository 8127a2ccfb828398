//! The pool's handle.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use slotline_resp::Commands;
use tokio::time::Instant;

use crate::address::Address;
use crate::config::{Config, Intent, PoolBuilder};
use crate::dial::{DialLimit, Greeting};
use crate::error::Error;
use crate::events::Events;
use crate::exchange::Exchange;
use crate::lease::{Lease, Leases};
use crate::line::Line;
use crate::protocol::WhileAway;
use crate::pushes::Pushes;
use crate::state::State;
use crate::statistics::Statistics;
use crate::trace;

/// Initialised connections to one node, for one intent, that any number of tasks
/// use at once.
///
/// Cheap to clone. It dials when it is first needed, and again, with the same
/// recipe (S3), whenever the connection is lost. When the last clone is dropped
/// the connection is closed and every pending [`Exchange`] resolves.
#[derive(Clone)]
pub struct Pool {
    inner: Arc<Owner>,
}

/// Closes when the last handle is gone: each line then closes itself, and so do
/// the leased connections.
pub(crate) struct Owner {
    leases: Leases,
    config: Arc<Config>,
    first: Line,
    more: Box<[Line]>,
}

impl Owner {
    fn lines(&self) -> impl Iterator<Item = &Line> {
        std::iter::once(&self.first).chain(&self.more)
    }

    /// See [`Pool::send`].
    #[inline]
    pub(crate) fn send(
        &self,
        commands: Commands,
        deadline: Instant,
        while_away: WhileAway,
    ) -> Exchange {
        if let Some((command, advice)) = commands.refused_when_shared() {
            let error = Error::refused(&self.config.address, command.name(), advice);
            return Exchange::unsent(error);
        }
        self.carry(commands, deadline, while_away)
    }

    /// See [`Pool::send_transaction`].
    fn send_transaction(
        &self,
        commands: Commands,
        deadline: Instant,
        while_away: WhileAway,
    ) -> Exchange {
        if let Some((command, advice)) = commands.refused_in_transaction() {
            let (address, name) = (&self.config.address, command.name());
            let error = Error::refused_on(address, "a transaction", name, advice);
            return Exchange::unsent(error);
        }
        self.carry(commands, deadline, while_away)
    }

    fn carry(&self, commands: Commands, deadline: Instant, while_away: WhileAway) -> Exchange {
        if commands.is_empty() {
            return Exchange::of_nothing();
        }
        let line = self.least_loaded();
        line.send(commands, deadline, while_away)
    }

    /// The line with the fewest commands in flight, the first of several: so a
    /// further connection is made only when those before it are in use.
    fn least_loaded(&self) -> &Line {
        if self.more.is_empty() {
            return &self.first;
        }
        let lines = self.lines();
        lines
            .min_by_key(|line| line.shared.in_flight())
            .unwrap_or(&self.first)
    }
}

impl Pool {
    /// Begins to describe a pool for the node at `address`.
    pub fn builder(address: Address) -> PoolBuilder {
        PoolBuilder::new(address)
    }

    pub(crate) fn new(config: Config) -> Pool {
        let config = Arc::new(config);
        let line = |index| Line::new(Arc::clone(&config), index);
        let more = (1..config.connections).map(line).collect();
        Pool {
            inner: Arc::new_cyclic(|owner| Owner {
                leases: Leases::new(Arc::clone(&config), owner.clone()),
                first: line(0),
                more,
                config: Arc::clone(&config),
            }),
        }
    }

    /// Makes sure that there is a connection, and tells what the server said of
    /// itself. If a dial is under way it waits for that one; after a failed dial
    /// it waits out the pause before the next, a second at most. Connections that are
    /// to lie ready ([`PoolBuilder::min_idle_leases`]) begin to be made.
    ///
    /// # Errors
    /// That of the dial, [`Error::step`] naming the step; or the pool is closed.
    ///
    /// # Cancel safety
    /// If it is dropped, the dial goes on for those who come later.
    pub async fn connect(&self) -> Result<Greeting, Error> {
        self.inner.leases.make_ready();
        self.inner.first.connect().await
    }

    /// Hands commands to the connection, as one batch: their bytes follow one
    /// another, nothing comes between them (R4). They have their place as soon
    /// as this returns: on one connection, batches go out in the order of the
    /// calls; of several, it goes to the one with the fewest commands in flight.
    ///
    /// Without a connection they wait for one, or not, as `while_away` says. A
    /// batch of which no byte was written stays over a change of connection.
    /// Past `deadline`, what has not been written never will be (R5).
    ///
    /// Commands that would change the connection for everybody are refused (S4).
    /// Must be called within a tokio runtime.
    #[inline]
    pub fn send(&self, commands: Commands, deadline: Instant, while_away: WhileAway) -> Exchange {
        self.inner.send(commands, deadline, while_away)
    }

    /// The same for one whole transaction, from its MULTI to its EXEC, which
    /// [`send`](Pool::send) would refuse. ASKING may come before the MULTI. Since
    /// nothing comes between its commands, nobody else's fall into it; if the
    /// connection is lost before all of it has arrived, the server forgets it.
    ///
    /// Refused is what has no beginning or no end, and what holds a command that would
    /// change the connection, or wait (S4).
    ///
    /// ```no_run
    /// use slotline_pool::{Address, Pool, WhileAway};
    /// use slotline_resp::{CommandBuffer, known};
    /// use tokio::time::{Duration, Instant};
    ///
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let pool = Pool::builder(Address::new("127.0.0.1", 6379)).build();
    /// let mut buffer = CommandBuffer::new();
    /// buffer.begin(&known::MULTI, 0);
    /// buffer.begin(&known::INCR, 1).key("n");
    /// buffer.begin(&known::EXEC, 0);
    /// let deadline = Instant::now() + Duration::from_secs(1);
    /// let answer = pool.send_transaction(buffer.freeze(), deadline, WhileAway::Wait).await;
    /// let ran: Option<(i64,)> = answer.replies.decode(2).ok_or("no answer to EXEC")??;
    /// # let _ = ran; Ok(()) }
    /// ```
    pub fn send_transaction(
        &self,
        commands: Commands,
        deadline: Instant,
        while_away: WhileAway,
    ) -> Exchange {
        self.inner.send_transaction(commands, deadline, while_away)
    }

    /// A connection that its holder has alone, made by the same recipe, for what a
    /// connection that is shared refuses: WATCH, commands that block, subscriptions,
    /// MONITOR, WAIT.
    ///
    /// There are [`max_leases`](PoolBuilder::max_leases) of them, those included that
    /// are being made. Whoever comes when all are in use waits for one to come back,
    /// in the order in which the futures were first polled. One that lies ready is
    /// looked at before it is lent; if its peer has closed it, another one takes its
    /// place (E6). As long as the node cannot be reached, it is tried again until
    /// `deadline`, with pauses (E5).
    ///
    /// # Errors
    /// The deadline passed: [`Error::is_overloaded`] if nobody gave a connection back,
    /// else with the last dial that failed for its source. Or a dial was refused, by
    /// the server or a hook, three times in a row ([`Error::step`] names the step); or
    /// it was [given back](Self::give_back) ([`Error::is_displaced`]); or the pool is closed, or there is no tokio runtime.
    ///
    /// # Cancel safety
    /// If it is dropped, its place is free, and a connection that was for it goes to
    /// whoever is next (A8).
    pub async fn lease(&self, deadline: Instant) -> Result<Lease, Error> {
        self.inner.leases.lease(deadline).await
    }

    /// Whether the node can be reached as far as is known: false from a failed
    /// dial until one succeeds, and while a reply has been due for half a second
    /// without a byte; true otherwise.
    #[must_use]
    pub fn is_reachable(&self) -> bool {
        self.inner.lines().all(|line| line.is_reachable())
    }

    /// Gives back everything of which no byte was written: it resolves at once,
    /// not sent, with [`Error::is_displaced`] (B3). For when another node has
    /// taken over this one's part. Who waits for a [lease](Self::lease) is told the same
    /// if a connection is being made for it, or could not be.
    pub fn give_back(&self) {
        self.inner.leases.give_back();
        self.inner.lines().for_each(Line::give_back);
    }

    /// Replaces the present connections, because the answers of one show that the
    /// server has lost what the recipe had set (S5): no request begins on them any
    /// more, those they carry are brought to an end, and all others go to the
    /// next ones. Without a connection it does nothing.
    pub fn quarantine(&self) {
        self.inner.lines().for_each(Line::quarantine);
    }

    /// What the server said of itself when the present connection was made, the
    /// first of several; `None` if there is no connection.
    #[must_use]
    pub fn greeting(&self) -> Option<Greeting> {
        self.inner.lines().find_map(Line::greeting)
    }

    /// The node.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.inner.config.address
    }

    /// What the connections are for.
    #[must_use]
    pub fn intent(&self) -> Intent {
        self.inner.config.intent
    }

    /// How many connections to the node are in the making at once, to be shared with
    /// [another pool](PoolBuilder::dial_limit) of it.
    #[must_use]
    pub fn dial_limit(&self) -> &DialLimit {
        &self.inner.config.dial_limit
    }

    /// What each connection is just now.
    #[must_use]
    pub fn state(&self) -> State {
        State {
            address: self.address().clone(),
            intent: self.intent(),
            connections: self.inner.lines().map(|line| line.shared.state()).collect(),
        }
    }

    /// What has been done so far, over all connections.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        let each = self.inner.lines().map(|line| line.shared.statistics());
        let leases = self.inner.leases.statistics();
        let none = Statistics {
            leases,
            ..Statistics::default()
        };
        each.fold(none, Statistics::with)
    }

    /// Authenticates the connections that there are anew, with what the provider
    /// of the [`credentials`](PoolBuilder::credentials) gives now. Returns at
    /// once; what comes of it is an [event](Self::events). Requests wait meanwhile,
    /// two round trips at the most, and none fails. Without credentials it does
    /// nothing.
    ///
    /// A connection whose new credentials are rejected goes on as whom it was, and
    /// the provider is asked again after a pause, which grows from 100
    /// milliseconds to 30 seconds. A provider that tells of
    /// [`changes`](crate::CredentialsProvider::changes) makes this needless.
    ///
    /// A leased connection is not authenticated anew: one that somebody has goes
    /// on as whom it was, and is closed instead of given to another.
    pub fn reauthenticate(&self) {
        let config = &self.inner.config;
        if config.credentials.is_some() {
            config.renewals.fetch_add(1, Ordering::Relaxed);
            self.inner.lines().for_each(Line::reauthenticate);
        }
    }

    /// What happens to the connections from now on.
    #[must_use]
    pub fn events(&self) -> Events {
        self.inner.config.listeners.events()
    }

    /// What servers send over the shared connections from now on without having
    /// been asked, as they do when a [`tracking`](PoolBuilder::tracking) pool's keys
    /// change. What comes before a connection is ready belongs to its making and is
    /// not told.
    #[must_use]
    pub fn pushes(&self) -> Pushes {
        let config = &self.inner.config;
        config.listeners.pushes(config.pushes_kept)
    }

    /// Takes no more requests ([`Error::is_closed`]), brings those it has to their
    /// ends, and closes. Those that have no end by `deadline` fail:
    /// [`Failure::delivery`](crate::Failure::delivery) says of each command whether
    /// it may have run. A request that waits for a connection still gets one; who
    /// waits for a lease does not, and a lease that is out has until the deadline.
    ///
    /// Back when all connections are closed, at the latest at the deadline; then
    /// they are about to be. Of several calls the earliest deadline counts.
    ///
    /// # Cancel safety
    /// If it is dropped, draining goes on.
    pub async fn drain(&self, deadline: Instant) {
        let within = deadline.saturating_duration_since(Instant::now());
        trace::draining(&self.inner.config, within);
        self.inner.leases.begin_to_drain();
        for line in self.inner.lines() {
            line.begin_to_drain(deadline);
        }
        self.inner.leases.drained(deadline).await;
        for line in self.inner.lines() {
            line.drained(deadline).await;
        }
    }

    /// Closes the connections. Every pending [`Exchange`] resolves, and every
    /// later one, with [`Error::is_closed`]; so does whatever a [`Lease`] is waiting
    /// for, and whoever waits for a lease.
    pub fn close(&self) {
        self.inner.leases.close();
        self.inner.lines().for_each(|line| line.shared.close());
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("config", &self.inner.config)
            .finish_non_exhaustive()
    }
}
