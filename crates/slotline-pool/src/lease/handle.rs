//! A connection that its holder has alone.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use slotline_resp::{Commands, Reply};
use tokio::sync::futures::OwnedNotified;
use tokio::time::Instant;

use super::call::Call;
use super::connection::Connection;
use super::statistics::LeaseStatistics;
use super::store::Store;
use crate::dial::Greeting;
use crate::error::Error;

/// A connection that its holder has alone, with everything that the pool's recipe
/// makes of a connection: for transactions with WATCH, for commands that block, for
/// subscriptions and MONITOR, for WAIT, and for whatever else a connection that is
/// shared refuses. See [`Pool::lease`](crate::Pool::lease).
///
/// When it is dropped, its connection goes back only if it is certain to be what
/// the recipe had made it: every reply has been read, and nothing was sent that
/// changes a connection. An open transaction or a watch is ended first, in the
/// background. Any other connection is closed: after SELECT, AUTH, HELLO, CLIENT
/// SETNAME or TRACKING, READONLY, a subscription, MONITOR, and after a command that
/// no table knows, a module's for instance.
///
/// It can be dropped anywhere, also outside a runtime. It keeps no pool open: once
/// the pool is closed, whatever is under way fails, and so does the next use.
pub struct Lease {
    store: Arc<Store>,
    /// `None` once it is lost.
    connection: Option<Box<Connection>>,
    /// How it was lost.
    lost: Option<Error>,
    /// Resolves when the pool is closed.
    closed: Pin<Box<OwnedNotified>>,
}

impl Lease {
    /// A connection that is counted as in use.
    pub(super) fn new(store: Arc<Store>, connection: Box<Connection>) -> Lease {
        Lease {
            closed: Box::pin(Arc::clone(&store.closed).notified_owned()),
            store,
            connection: Some(connection),
            lost: None,
        }
    }

    /// Sends commands, and resolves to their replies in order, server errors among
    /// them, as [`Pool::send`](crate::Pool::send) does. Nothing is sent before it is
    /// polled.
    ///
    /// Pushes that come meanwhile are kept for [`next_push`](Self::next_push). A
    /// subscription command has its last confirmation for its reply; messages, and
    /// confirmations of another kind or name, complete nothing.
    ///
    /// For a command that blocks, `deadline` is how long it may block and whatever
    /// the network takes; see [`Call`] for how to end one without losing what it
    /// took.
    ///
    /// Refused is only what would make replies impossible to tell apart: CLIENT
    /// REPLY OFF and SKIP, SYNC and its kin, SCRIPT DEBUG, anything beside MONITOR,
    /// a subscription within MULTI and, under RESP2, anything but subscriptions
    /// after the first one.
    pub fn call(&mut self, commands: Commands, deadline: Instant) -> Call<'_> {
        Call::new(self, commands, deadline)
    }

    /// The next frame that is the reply to nothing: a message, an invalidation, a
    /// line of MONITOR. Under RESP2 these are arrays and simple strings, and the
    /// same method tells them.
    ///
    /// While nobody asks for pushes, and no [`call`](Self::call) is waiting, the
    /// socket is not read: what the server sends then waits in the buffers of the
    /// systems, and once they are full the server holds it for us, up to its
    /// `client-output-buffer-limit`, and closes the connection beyond. So nothing
    /// grows here, and nothing is dropped unseen: either every push is told in its
    /// order, or the connection is lost. What comes ahead of a reply that is waited
    /// for is kept up to 8 MiB; beyond that the connection is closed.
    ///
    /// # Errors
    /// The connection is lost, or the pool closed.
    ///
    /// # Cancel safety
    /// If it is dropped, no push is lost.
    pub async fn next_push(&mut self) -> Result<Reply, Error> {
        self.usable()?;
        std::future::poll_fn(|cx| self.poll_push(cx)).await
    }

    fn poll_push(&mut self, cx: &mut Context<'_>) -> Poll<Result<Reply, Error>> {
        let polled = match self.poll_closed(cx) {
            Poll::Ready(error) => Poll::Ready(Err(error)),
            Poll::Pending => match &mut self.connection {
                Some(connection) => connection.poll_push(cx),
                None => Poll::Ready(Err(self.gone())),
            },
        };
        if let Poll::Ready(Err(error)) = &polled {
            self.lose(error.clone());
        }
        polled
    }

    /// The error of a pool that is closed while it is in use.
    pub(super) fn poll_closed(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        let closed = self.closed.as_mut().poll(cx);
        closed.map(|()| Error::closed(&self.store.config.address))
    }

    /// What the server said of itself when the connection was made; `None` once it
    /// is lost.
    #[must_use]
    pub fn greeting(&self) -> Option<&Greeting> {
        self.connection.as_ref().map(|it| &it.greeting)
    }

    /// Whether it still has its connection. Once that is lost, take another lease:
    /// what was said on this one, a WATCH for instance, is lost with it.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.connection.is_some()
    }

    /// Closes the connection instead of giving it back.
    pub fn close(mut self) {
        self.lose_as(|counts| counts.discarded += 1);
    }

    pub(super) fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// The connection, unless it is lost or the pool closed.
    pub(super) fn usable(&mut self) -> Result<&mut Connection, Error> {
        if self.connection.is_some() && self.store.is_closed() {
            self.lose(Error::closed(&self.store.config.address));
        }
        let gone = self.gone();
        self.connection.as_deref_mut().ok_or(gone)
    }

    pub(super) fn connection(&mut self) -> Option<&mut Connection> {
        self.connection.as_deref_mut()
    }

    /// Why there is no connection.
    pub(super) fn gone(&self) -> Error {
        let unknown = || Error::lost(&self.store.config.address, "it is gone", None);
        self.lost.clone().unwrap_or_else(unknown)
    }

    /// Closes the connection, because of `error`.
    pub(super) fn lose(&mut self, error: Error) {
        self.lost.get_or_insert(error);
        self.lose_as(|counts| counts.lost += 1);
    }

    /// Closes the connection, and counts it as something.
    pub(super) fn lose_as(&mut self, count: fn(&mut LeaseStatistics)) {
        if let Some(connection) = self.connection.take() {
            self.store.lose(connection, count);
        }
    }

    /// Moves the connection to a lease of its own; this one has lost it.
    pub(super) fn split(&mut self, error: Error) -> Option<Lease> {
        let connection = self.connection.take()?;
        self.lost.get_or_insert(error);
        Some(Lease::new(Arc::clone(&self.store), connection))
    }

    /// Whether the connection can be lent.
    pub(super) fn is_quiet(&mut self) -> bool {
        self.connection.as_mut().is_some_and(|it| it.is_quiet())
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.store.take_back(connection);
        }
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease")
            .field("address", &self.store.config.address)
            .field("is_connected", &self.is_connected())
            .finish_non_exhaustive()
    }
}
