use std::future::Future;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use slotline_commands::Batch;
use slotline_pipeline::{Explain, Progress, Response};
use slotline_resp::Commands;

use super::decode::FromReplies;
use super::results::Results;
use crate::error::Result;
use crate::runner::{Runner, Sending};

/// Commands that are sent together: an owned value, consumed by
/// [`send`](Pipeline::send), so that it is neither shared nor sent twice.
///
/// Over a cluster each node gets its part in one write. Commands that share a key
/// run in the order in which they were queued; others may run in any order.
/// The pipeline is no transaction: other clients' commands get in between. What blocks,
/// as BLPOP, is refused among others, which it would hold up.
#[must_use = "a pipeline does nothing until it is sent"]
pub struct Pipeline {
    runner: Runner,
    batch: Batch,
    progress: Option<Progress>,
    explain: Option<Explain>,
}

impl Pipeline {
    pub(crate) fn new(runner: Runner) -> Pipeline {
        Pipeline {
            runner,
            batch: Batch::default(),
            progress: None,
            explain: None,
        }
    }

    /// Has `progress` follow how many commands have their outcomes, while the
    /// pipeline is on its way: it moves on with every piece of it (see
    /// [`ClientBuilder::chunk`](crate::ClientBuilder::chunk)).
    pub fn progress(mut self, progress: &Progress) -> Pipeline {
        self.progress = Some(progress.clone());
        self
    }

    /// Has `explain` record what becomes of the commands: which node each went to
    /// and why, every redirect, every wait, every retry, with times.
    ///
    /// ```no_run
    /// # async fn example(client: slotline::Client) -> slotline::Result<()> {
    /// let explain = slotline::Explain::new();
    /// let mut pipe = client.pipeline().explain(&explain);
    /// pipe.get("k");
    /// pipe.send().await?;
    /// println!("{explain}");
    /// # Ok(()) }
    /// ```
    pub fn explain(mut self, explain: &Explain) -> Pipeline {
        self.explain = Some(explain.clone());
        self
    }

    /// Makes a transaction of it, from MULTI to EXEC: all of its commands run, with
    /// nobody else's in between, or none does. On a cluster their keys must be of one
    /// slot, which is looked at before anything is sent. It is one write however long
    /// it is, never cut into pieces; where its slot has moved it goes again as a whole,
    /// and only if nothing of it has run. It costs a round trip like any pipeline.
    ///
    /// A transaction does not undo: if one of its commands fails while they run, that
    /// is its own outcome, and the others have run all the same.
    ///
    /// Refused is what would change the connection (SELECT, SUBSCRIBE …), and MULTI, EXEC,
    /// DISCARD and WATCH. BLPOP and its kin do not wait in a transaction: without an
    /// element they answer with nil at once.
    /// [`progress`](Pipeline::progress) and [`explain`](Pipeline::explain) count the
    /// MULTI before the first command and the EXEC behind the last.
    ///
    /// Source: [transactions](https://redis.io/docs/latest/develop/using-commands/transactions/).
    ///
    /// ```no_run
    /// # async fn example(client: slotline::Client) -> slotline::Result<()> {
    /// let mut transfer = client.pipeline().transaction();
    /// for account in ["{bank}:a", "{bank}:b"] {
    ///     transfer.incr(account);
    /// }
    /// for balance in transfer.send().await? {
    ///     println!("{}", balance.decode::<i64>()?);
    /// }
    /// # Ok(()) }
    /// ```
    pub fn transaction(mut self) -> Pipeline {
        self.batch = self.batch.into_transaction();
        self
    }

    /// Sends the commands. Each has an outcome of its own in the results, in the
    /// order in which they were queued, whatever becomes of its neighbours. Without a
    /// command nothing is sent.
    ///
    /// # Errors
    /// Only if a layer of the user's own could not be made ready; whatever
    /// happens to a command is its own outcome.
    ///
    /// Of a [transaction](Pipeline::transaction): if it did not run, or nobody knows
    /// whether it did, as [`Error::delivery`](crate::Error::delivery) says. If the
    /// server refused commands of it when they were queued,
    /// [`Error::refused`](crate::Error::refused) tells which and why;
    /// if a watched key had changed, [`Error::is_conflict`](crate::Error::is_conflict)
    /// does.
    ///
    /// # Cancel safety
    /// Dropping the future is always safe: commands of which no byte was written
    /// never are; the replies of the others are read and thrown away.
    pub fn send(self) -> SendPipeline {
        let is_transaction = self.batch.is_transaction();
        if self.batch.is_empty() {
            return SendPipeline {
                sending: None,
                commands: self.batch.freeze().1,
                is_transaction: false,
            };
        }
        let (all, commands) = self.batch.freeze();
        let mut request = self.runner.request(all);
        if is_transaction {
            request = request.transaction();
        }
        if let Some(progress) = &self.progress {
            request = request.progress(progress);
        }
        if let Some(explain) = &self.explain {
            request = request.explain(explain);
        }
        SendPipeline {
            sending: Some(self.runner.send(request)),
            commands,
            is_transaction,
        }
    }
}

impl Deref for Pipeline {
    type Target = Batch;
    fn deref(&self) -> &Batch {
        &self.batch
    }
}

impl DerefMut for Pipeline {
    fn deref_mut(&mut self) -> &mut Batch {
        &mut self.batch
    }
}

impl std::fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pipeline")
            .field("commands", &self.batch.len())
            .finish_non_exhaustive()
    }
}

pin_project! {
    /// A pipeline or a transaction on its way; see [`Pipeline::send`].
    #[must_use = "a pipeline does nothing until it is awaited"]
    pub struct SendPipeline {
        // Nothing is sent where there is no command.
        #[pin]
        sending: Option<Sending>,
        commands: Commands,
        is_transaction: bool,
    }
}

impl Future for SendPipeline {
    type Output = Result<Results>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = match this.sending.as_pin_mut() {
            Some(sending) => ready!(sending.poll(cx))?,
            None => Response::default(),
        };
        let commands = this.commands.clone();
        Poll::Ready(match this.is_transaction {
            true => Results::of_transaction(commands, response),
            false => Ok(Results::new(commands, response)),
        })
    }
}

pin_project! {
    /// A pipeline in closure form on its way; see
    /// [`Client::pipelined`](crate::Client::pipelined).
    #[must_use = "a pipeline does nothing until it is awaited"]
    pub struct Pipelined<T> {
        #[pin]
        sending: SendPipeline,
        result: PhantomData<fn() -> T>,
    }
}

/// Fills a transaction with `fill` and sends it.
pub(crate) fn transaction(runner: Runner, fill: impl FnOnce(&mut Batch)) -> SendPipeline {
    let mut pipeline = Pipeline::new(runner).transaction();
    fill(&mut pipeline);
    pipeline.send()
}

/// Fills a pipeline with `fill` and sends it.
pub(crate) fn pipelined<T>(runner: Runner, fill: impl FnOnce(&mut Batch)) -> Pipelined<T> {
    let mut pipeline = Pipeline::new(runner);
    fill(&mut pipeline);
    Pipelined {
        sending: pipeline.send(),
        result: PhantomData,
    }
}

impl<T: FromReplies> Future for Pipelined<T> {
    type Output = Result<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let results = ready!(self.project().sending.poll(cx))?;
        Poll::Ready(T::from_replies(&results))
    }
}
