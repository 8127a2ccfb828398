use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use slotline_commands::{Batch, Direct};
use slotline_pipeline::{Cluster, Keep, Response};
use slotline_resp::{CommandInfo, Commands, Value, known};
use slotline_topology::slot_of;

use super::lease::OnLease;
use super::lost::unless_lost;
use crate::alone::Place;
use crate::batch::Results;
use crate::error::{Error, Result};
use crate::runner::{Runner, Sending, decode_at};

/// A connection on which keys are watched, and which nobody else has: see
/// [`Client::watch`](crate::Client::watch).
///
/// It derefs to what can be asked one command at a time, so that what is watched can be
/// read; keys of another slot are refused on a cluster. Then [`transaction`] runs what
/// follows from that, or [`unwatch`] lets go. Dropped, it is as with `unwatch`, in the
/// background. The connection goes back to its pool as it was made, or is closed.
///
/// While the slot moves or its node is lost, whatever is asked fails with
/// [`Error::is_watch_lost`](crate::Error::is_watch_lost): begin again with a new watch.
///
/// [`transaction`]: Watched::transaction
/// [`unwatch`]: Watched::unwatch
#[must_use = "what is watched is let go when it is dropped"]
pub struct Watched {
    direct: Direct<OnLease>,
}

impl Watched {
    /// Fills a transaction with `fill` and sends it, all in one write: it runs if nobody
    /// has changed a watched key since the watch began, and then its results are there;
    /// else it is `None`, and nothing has run. Without a command nothing is sent, and the
    /// results are empty.
    ///
    /// Source: [transactions](https://redis.io/docs/latest/develop/using-commands/transactions/),
    /// "Optimistic locking using check-and-set".
    ///
    /// # Errors
    /// It did not run, or nobody knows whether it did, as
    /// [`Error::delivery`](crate::Error::delivery) says: it is never sent a second time.
    /// [`Error::is_watch_lost`](crate::Error::is_watch_lost) if it did not run and can be
    /// begun anew. Else as with [`Pipeline::send`](crate::Pipeline::send).
    ///
    /// # Cancel safety
    /// Dropping the future is always safe: a transaction of which no byte was written
    /// never is; of any other all runs, or nothing, and its reply is thrown away.
    pub fn transaction(self, fill: impl FnOnce(&mut Batch)) -> Commit {
        let mut batch = Batch::new().into_transaction();
        fill(&mut batch);
        Commit {
            committing: Box::pin(self.commit(batch)),
        }
    }

    async fn commit(self, batch: Batch) -> Result<Option<Results>> {
        let is_empty = batch.is_empty();
        let (all, commands) = batch.freeze();
        if is_empty {
            return Ok(Some(Results::new(commands, Response::default())));
        }
        if let Some((command, advice)) = all.refused_in_transaction() {
            let (name, error) = (
                command.name(),
                slotline_pipeline::Error::refused_in_transaction,
            );
            return Err(Error::failed(error(name, advice)).of_command(name));
        }
        let response = self.direct.get_ref().send(all, true).await;
        match Results::of_transaction(commands, response) {
            Ok(results) => Ok(Some(results)),
            Err(error) if error.is_conflict() => Ok(None),
            Err(error) => Err(unless_lost(error, false)),
        }
    }

    /// Lets go of what is watched.
    ///
    /// # Errors
    /// The connection is lost, or the server's own error. Nothing is watched then either.
    ///
    /// # Cancel safety
    /// If it is dropped, the same is done in the background.
    pub async fn unwatch(self) -> Result<()> {
        let unwatch = self.command("UNWATCH").returning::<Value>();
        unwatch.await.map(drop)
    }
}

impl Deref for Watched {
    type Target = Direct<OnLease>;
    fn deref(&self) -> &Direct<OnLease> {
        &self.direct
    }
}

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watched")
            .field("direct", &self.direct)
            .finish_non_exhaustive()
    }
}

/// A transaction on watched keys on its way; see [`Watched::transaction`].
#[must_use = "a transaction does nothing until it is awaited"]
pub struct Commit {
    committing: Pin<Box<dyn Future<Output = Result<Option<Results>>> + Send>>,
}

impl Future for Commit {
    type Output = Result<Option<Results>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.committing.as_mut().poll(cx)
    }
}

pin_project! {
    /// A WATCH on its way; see [`Client::watch`](crate::Client::watch).
    #[must_use = "nothing is watched until it is awaited"]
    pub struct StartWatch {
        #[pin]
        sending: Sending,
        runner: Runner,
        cluster: Cluster,
        watch: Commands,
        place: Arc<Place>,
    }
}

/// Sends a WATCH the way of all commands, and keeps the connection that it is answered on.
pub(crate) fn watch(runner: &Runner, cluster: &Cluster, watch: Commands) -> StartWatch {
    let place = Arc::new(Place::default());
    let request = runner.request(watch.clone());
    let request = request.keeping(Keep::new(Arc::clone(&place)));
    StartWatch {
        sending: runner.send(request),
        runner: runner.clone(),
        cluster: cluster.clone(),
        watch,
        place,
    }
}

impl Future for StartWatch {
    type Output = Result<Watched>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let sent = ready!(this.sending.poll(cx));
        let answer = sent.and_then(|response| {
            let info: &CommandInfo = &known::WATCH;
            decode_at(&response, 0, info, |replies, at| {
                replies.decode::<Value>(at)
            })
        });
        let lost = |error: Error| unless_lost(error.of_command(known::WATCH.name), true);
        answer.map_err(lost)?;
        let Some(kept) = this.place.take() else {
            let error = "a layer answered WATCH, and no server";
            return Poll::Ready(Err(Error::failed(slotline_pipeline::Error::of_layer(
                error,
            ))));
        };
        // Known by now, also by a client that had to look for its nodes first.
        let is_cluster = !this.cluster.snapshot().topology().is_single_node();
        let slot = || this.watch.get(0)?.keys().next().map(slot_of);
        let slot = is_cluster.then(slot).flatten();
        let direct = Direct::new(OnLease::new(this.runner.clone(), kept, slot));
        Poll::Ready(Ok(Watched { direct }))
    }
}
