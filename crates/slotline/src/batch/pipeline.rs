use std::future::Future;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use slotline_pipeline::{Explain, Progress};
use slotline_resp::Commands;

use super::decode::FromReplies;
use super::queued::Batch;
use super::results::Results;
use crate::direct::{Direct, Sending};
use crate::error::Result;

/// Commands that are sent together: an owned value, consumed by
/// [`send`](Pipeline::send), so that it is neither shared nor sent twice.
///
/// Over a cluster each node gets its part in one write. Commands that share a key
/// run in the order in which they were queued; others may run in any order.
/// The pipeline is no transaction: other clients' commands get in between.
#[must_use = "a pipeline does nothing until it is sent"]
pub struct Pipeline {
    direct: Direct,
    batch: Batch,
    progress: Option<Progress>,
    explain: Option<Explain>,
}

impl Pipeline {
    pub(crate) fn new(direct: Direct) -> Pipeline {
        Pipeline {
            direct,
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

    /// Sends the commands. Each has an outcome of its own in the results, in the
    /// order in which they were queued, whatever becomes of its neighbours.
    ///
    /// # Errors
    /// Only if a layer of the user's own could not be made ready; whatever
    /// happens to a command is its own outcome.
    ///
    /// # Cancel safety
    /// Dropping the future is always safe: commands of which no byte was written
    /// never are; the replies of the others are read and thrown away.
    pub fn send(self) -> SendPipeline {
        let commands = self.batch.buffer.freeze();
        let mut request = self.direct.request(commands.clone());
        if let Some(progress) = &self.progress {
            request = request.progress(progress);
        }
        if let Some(explain) = &self.explain {
            request = request.explain(explain);
        }
        SendPipeline {
            sending: self.direct.send(request),
            commands,
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
    /// A pipeline on its way; see [`Pipeline::send`].
    #[must_use = "a pipeline does nothing until it is awaited"]
    pub struct SendPipeline {
        #[pin]
        sending: Sending,
        commands: Commands,
    }
}

impl Future for SendPipeline {
    type Output = Result<Results>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = ready!(this.sending.poll(cx))?;
        Poll::Ready(Ok(Results::new(this.commands.clone(), response)))
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

/// Fills a pipeline with `fill` and sends it.
pub(crate) fn pipelined<T>(direct: Direct, fill: impl FnOnce(&mut Batch)) -> Pipelined<T> {
    let mut pipeline = Pipeline::new(direct);
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
