//! The elements of one key, as a stream.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;
use slotline_commands::Run;
use slotline_pipeline::observe::What;
use slotline_pipeline::{Explain, ReadFrom};
use slotline_resp::{CommandBuffer, CommandInfo, Commands, FromReplyOwned, Reply, ToArg};
use slotline_topology::{Endpoint, Role};

use super::options::Page;
use super::page::{Items, Width, items};
use super::standing::run;
use super::step::{Setback, Step, Whole, is_primary, unless_refused, watched};
use crate::client::Client;
use crate::error::{Error, Result};
use crate::patience::{Patience, patiently};
use crate::runner::{Runner, Settings};

/// The elements of a hash, a set or a sorted set: see [`Client::hscan_stream`].
///
/// It is a [`Stream`], and can be used without that trait by
/// [`next`](ElementStream::next) and [`try_next`](ElementStream::try_next). Nothing goes
/// on while it is not polled, but for what a node was asked already; dropping it ends
/// everything.
#[must_use = "a stream does nothing unless it is polled"]
pub struct ElementStream<T> {
    client: Client,
    question: Question,
    place: Place,
    step: Option<Step<Turn, Error>>,
    queue: VecDeque<Result<T>>,
}

/// What is asked, whatever the cursor is.
#[derive(Debug, Clone)]
struct Question {
    info: &'static CommandInfo,
    key: Arc<[u8]>,
    page: Page,
    width: Width,
    without_values: bool,
}

/// Where it is. Cursors belong to a process: a key that has moved, or whose node has
/// failed over or begun anew, is gone through from its first element again.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    /// Nobody was asked. Most keys are told whole at once.
    First,
    /// This process goes on at this cursor.
    Within(Process, u64),
    /// It has come to its end: if it was the same all the time, that is all.
    Last(Process),
    Over,
}

/// A node, and which of its processes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Process {
    node: Option<Endpoint>,
    run: String,
}

/// Where it is after a question, and what that brought.
type Turn = (Place, Option<Reply>);

impl<T: FromReplyOwned> ElementStream<T> {
    pub(super) fn new(
        client: Client,
        info: &'static CommandInfo,
        key: impl ToArg,
        width: Width,
    ) -> ElementStream<T> {
        ElementStream {
            client,
            question: Question {
                info,
                key: key.with_bytes(|bytes| Arc::from(bytes)),
                page: Page::default(),
                width,
                without_values: false,
            },
            place: Place::First,
            step: None,
            queue: VecDeque::new(),
        }
    }

    pub(super) fn without_values(mut self) -> ElementStream<T> {
        self.question.without_values = true;
        self
    }

    /// Only elements that match this glob pattern, as `user:*`: fields of a hash, members
    /// of a set. The server goes through all the same.
    pub fn matching(mut self, pattern: impl ToArg) -> ElementStream<T> {
        self.question.page = self.question.page.matching(pattern);
        self
    }

    /// About so many elements are gone through for each reply, at least one; 500 by
    /// default. It is a hint: what is small comes whole.
    pub fn count(mut self, count: u64) -> ElementStream<T> {
        self.question.page = self.question.page.count(count);
        self
    }

    /// The next element; `None` at the end. After an error it goes on.
    ///
    /// # Errors
    /// The key's node could not be asked within the client's [`timeout`], or answered with
    /// an error, as WRONGTYPE; or this element is no `T`. The next call tries again, or
    /// goes to the next element.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    ///
    /// [`timeout`]: crate::ClientBuilder::timeout
    pub async fn next(&mut self) -> Option<Result<T>> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }

    /// The same the other way round, for `while let Some(it) = stream.try_next().await?`.
    ///
    /// # Errors
    /// As of [`next`](ElementStream::next).
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub async fn try_next(&mut self) -> Result<Option<T>> {
        self.next().await.transpose()
    }

    fn take(&mut self, turn: Result<Turn>) {
        let info = self.question.info;
        let (place, reply) = match turn {
            Ok(turn) => turn,
            Err(error) => {
                self.queue.push_back(Err(error));
                return;
            }
        };
        self.place = place;
        let Some(reply) = reply else {
            return;
        };
        // Who made the turn has read the cursor: the reply is whole.
        let page: slotline_resp::Result<Items<T>> = items(&reply, self.question.width, |_| true);
        let named = |error| Error::reply(error, info).of_command(info.name);
        match page {
            Ok((_, items)) => {
                let items = items.into_iter().map(|item| item.map_err(named));
                self.queue.extend(items);
            }
            Err(error) => self.queue.push_back(Err(named(error))),
        }
    }
}

impl Question {
    fn command(&self, cursor: u64) -> Commands {
        let mut buffer = CommandBuffer::new();
        buffer.begin(self.info, 4).key(&self.key).arg(&cursor);
        self.page.encode(&mut buffer);
        if self.without_values {
            buffer.arg("NOVALUES");
        }
        buffer.freeze()
    }

    /// Asks for the page at `cursor`: the reply, who it came from, and where to go on.
    async fn ask(
        &self,
        runner: &Runner,
        cursor: u64,
    ) -> Result<(Reply, Option<Endpoint>, u64), Setback> {
        let explain = Explain::new();
        let reply = runner.run::<Whole>(self.command(cursor), Some(&explain));
        let reply = reply.await?;
        let mut steps = explain.steps().into_iter().rev();
        let from = steps.find_map(|step| match step.what {
            What::Answered { node, whole: true } => Some(node),
            _ => None,
        });
        let page: slotline_resp::Result<Items<String>> = items(&reply, self.width, |_| false);
        match page {
            Ok((next, _)) => Ok((reply, from, next)),
            Err(error) => {
                let error = Error::reply(error, self.info).of_command(self.info.name);
                Err(Setback::Lasting(error))
            }
        }
    }
}

/// One question, and where it leads.
async fn turn(client: Client, question: Question, place: Place) -> Result<Turn, Setback> {
    let runner = on_primaries(&client);
    match place {
        Place::First => {
            let (reply, from, next) = question.ask(&runner, 0).await?;
            if next == 0 {
                return Ok((Place::Over, Some(reply)));
            }
            // It is asked for again, now that it is known who answers.
            let run = run_of(&client, from.as_ref()).await?;
            Ok((Place::Within(Process { node: from, run }, 0), None))
        }
        Place::Within(process, cursor) => {
            let (reply, from, next) = question.ask(&runner, cursor).await?;
            Ok(match next {
                _ if from != process.node => (Place::First, None),
                0 => (Place::Last(process), Some(reply)),
                next => (Place::Within(process, next), Some(reply)),
            })
        }
        Place::Last(process) => {
            let run = run_of(&client, process.node.as_ref()).await?;
            match run == process.run {
                true => Ok((Place::Over, None)),
                false => Ok((Place::First, None)),
            }
        }
        Place::Over => Ok((Place::Over, None)),
    }
}

/// The same again while what stands against it will pass, for as long as a command may
/// take.
async fn patient_turn(client: Client, question: Question, place: Place) -> Result<Turn> {
    let patience = Patience::from_now(client.runner().settings.timeout);
    let turn = || async {
        match turn(client.clone(), question.clone(), place.clone()).await {
            Ok(turn) => Ok(turn),
            // Its node has changed.
            Err(Setback::Passing(None)) => Ok((Place::First, None)),
            Err(Setback::Lasting(error) | Setback::Passing(Some(error))) => Err(error),
        }
    };
    patiently(patience, turn).await
}

/// Two replicas of one primary are two processes.
fn on_primaries(client: &Client) -> Runner {
    let runner = client.runner();
    Runner {
        stack: runner.stack.clone(),
        settings: Arc::new(Settings {
            read_from: ReadFrom::Primary,
            ..Settings::clone(&runner.settings)
        }),
    }
}

/// Which process of a node this is.
async fn run_of(client: &Client, node: Option<&Endpoint>) -> Result<String, Setback> {
    let Some(endpoint) = node else {
        return Ok(String::new());
    };
    let node = client.node_at(endpoint.clone(), Role::Primary);
    let is_known = is_primary(client, endpoint);
    let question = async move {
        let info = node.command("INFO").arg("server").returning().await;
        let info = unless_refused(info)?;
        Ok(run(&info).to_owned())
    };
    watched(
        client.clone(),
        endpoint.clone(),
        is_known,
        Duration::ZERO,
        question,
    )
    .await
}

impl<T> Unpin for ElementStream<T> {}

impl<T: FromReplyOwned> Stream for ElementStream<T> {
    type Item = Result<T>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<T>>> {
        loop {
            if let Some(item) = self.queue.pop_front() {
                return Poll::Ready(Some(item));
            }
            if self.place == Place::Over {
                return Poll::Ready(None);
            }
            let (client, question) = (self.client.clone(), self.question.clone());
            let place = self.place.clone();
            let step = self
                .step
                .get_or_insert_with(|| Box::pin(patient_turn(client, question, place)));
            let turn = ready!(step.as_mut().poll(cx));
            self.step = None;
            self.take(turn);
        }
    }
}

impl<T> std::fmt::Debug for ElementStream<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ElementStream")
            .field("command", &self.question.info.name)
            .finish_non_exhaustive()
    }
}
