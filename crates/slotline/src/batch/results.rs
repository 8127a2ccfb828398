use std::borrow::Cow;

use slotline_pipeline::{Response, Trouble};
use slotline_resp::{CommandInfo, Commands, Delivery, FromReply, FromReplyOwned, Replies, Value};
use slotline_topology::Endpoint;

use super::decode::FromReplies;
use crate::error::{Error, Result};
use crate::runner::decode_at;

/// The outcomes of a pipeline, in the order in which its commands were queued.
#[derive(Debug)]
pub struct Results {
    commands: Commands,
    response: Response,
}

impl Results {
    pub(crate) fn new(commands: Commands, response: Response) -> Results {
        Results { commands, response }
    }

    /// How many there are: as many as commands.
    #[must_use]
    pub fn len(&self) -> usize {
        self.commands.len()
    }

    /// Whether the pipeline had no command.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.commands.is_empty()
    }

    /// Whether every command was answered, and none with an error: all there is to know
    /// of a batch of writes. Costs nothing where all went well.
    ///
    /// ```no_run
    /// # async fn example(client: slotline::Client) -> slotline::Result<()> {
    /// let mut pipe = client.pipeline();
    /// for n in 0..1_000 {
    ///     pipe.set(format!("key:{n}"), n);
    /// }
    /// pipe.send().await?.check()?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// The first outcome that is an error, or why there is none.
    pub fn check(&self) -> Result<()> {
        if self.response.is_untroubled() {
            return Ok(());
        }
        (0..self.len())
            .filter(|index| self.response.reply(*index).is_none())
            .try_for_each(|index| {
                let value: Result<Value> = self.explain(index, |replies, at| replies.decode(at));
                value.map(drop)
            })
    }

    /// Decodes the outcome at `index`.
    ///
    /// # Errors
    /// Why the command has no reply, the server's error, or what does not fit `T`;
    /// also if there is no such command.
    pub fn decode<T: FromReplyOwned>(&self, index: usize) -> Result<T> {
        if let Some(at) = self.response.reply(index)
            && let Some(Ok(value)) = self.response.replies().decode(at)
        {
            return Ok(value);
        }
        self.explain(index, |replies, at| replies.decode(at))
    }

    /// The same for what is no reply that fits: says all that is known of it.
    #[cold]
    fn explain<T>(
        &self,
        index: usize,
        decode: impl FnOnce(&Replies, usize) -> Option<slotline_resp::Result<T>>,
    ) -> Result<T> {
        let Some(command) = self.commands.get(index) else {
            let len = self.len();
            return Err(Error::config(format!(
                "the pipeline has {len} commands; there is no result {index}"
            )));
        };
        decode_at(&self.response, index, command.info(), decode)
            .map_err(|error| error.of_command(command.name()))
    }

    /// Decodes all outcomes: a tuple with a type for each command, or a `Vec` of one
    /// type for all.
    ///
    /// ```no_run
    /// # async fn example(client: slotline::Client) -> slotline::Result<()> {
    /// let all = client.transaction(|t| { t.incr("{k}n"); t.get("{k}v"); }).await?;
    /// let (n, v): (i64, Option<String>) = all.decode_all()?;
    /// # let _ = (n, v); Ok(()) }
    /// ```
    ///
    /// # Errors
    /// The first that is an error or does not fit its type, or that there is another
    /// number of commands than types.
    pub fn decode_all<T: FromReplies>(&self) -> Result<T> {
        T::from_replies(self)
    }

    /// Decodes the last outcome.
    ///
    /// # Errors
    /// As [`decode`](Results::decode); also if there is no command.
    pub fn decode_last<T: FromReplyOwned>(&self) -> Result<T> {
        self.decode(self.len().saturating_sub(1))
    }

    /// The outcome at `index`, on its own.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<Reply> {
        let command = self.commands.get(index)?;
        let node = match self.response.trouble(index) {
            Some(Trouble::Error(_, asked)) => asked.map(|asked| asked.node.clone()),
            Some(Trouble::Failed(error)) => error.node().cloned(),
            None => None,
        };
        let reply = self.response.outcome(index);
        let reply = reply.map(|at| self.response.replies().get(at));
        Some(Reply {
            // Only a name that is in no table has to be copied.
            name: match command.info() {
                info if info.is_known() => Cow::Borrowed(info.name),
                _ => Cow::Owned(command.name().to_owned()),
            },
            info: command.info(),
            node,
            reply: match reply {
                Ok(Some(reply)) => Ok(reply),
                Ok(None) => return None,
                Err(error) => Err(error),
            },
        })
    }
}

impl IntoIterator for Results {
    type Item = Reply;
    type IntoIter = IntoIter;

    fn into_iter(self) -> IntoIter {
        IntoIter {
            results: self,
            next: 0,
        }
    }
}

/// Goes through the outcomes in order.
#[derive(Debug)]
pub struct IntoIter {
    results: Results,
    next: usize,
}

impl Iterator for IntoIter {
    type Item = Reply;

    fn next(&mut self) -> Option<Reply> {
        let reply = self.results.get(self.next)?;
        self.next += 1;
        Some(reply)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.results.len() - self.next;
        (left, Some(left))
    }
}

/// The outcome of one command: its reply, or why it has none.
#[derive(Debug, Clone)]
pub struct Reply {
    name: Cow<'static, str>,
    info: &'static CommandInfo,
    node: Option<Endpoint>,
    reply: std::result::Result<slotline_resp::Reply, slotline_pipeline::Error>,
}

impl Reply {
    /// Decodes the reply, borrowing from it where `T` can.
    ///
    /// # Errors
    /// Why there is no reply, the server's error, or what does not fit `T`.
    pub fn decode<'a, T: FromReply<'a>>(&'a self) -> Result<T> {
        let reply = self.reply.as_ref();
        let reply = reply.map_err(|error| Error::failed(error.clone()));
        let decoded = reply.and_then(|reply| {
            reply
                .decode()
                .map_err(|error| Error::reply(error, self.info))
        });
        decoded.map_err(|error| error.at(self.node.clone()).of_command(&self.name))
    }

    /// What became of the command; `None` if its reply is no error.
    #[must_use]
    pub fn delivery(&self) -> Option<Delivery> {
        match &self.reply {
            Err(error) => Some(error.delivery()),
            Ok(reply) => Some(Delivery::of_error(self.info, reply.error_code()?)),
        }
    }

    /// The reply itself, not decoded; `None` if there is none.
    #[must_use]
    pub fn as_reply(&self) -> Option<&slotline_resp::Reply> {
        self.reply.as_ref().ok()
    }
}
