//! What travels up the layers: one outcome for each command, in order.

use slotline_resp::{CommandInfo, Delivery, Replies};

use crate::error::{BoxError, Error};
use crate::node::Asked;

/// The outcomes of a request's commands, in the order of the commands: each has
/// a reply, which may be the server's error, or a failure of its own.
#[derive(Debug, Clone, Default)]
pub struct Response {
    replies: Replies,
    /// Empty while every command has its reply at its own index and none is an
    /// error, as almost always.
    outcomes: Vec<Outcome>,
}

#[derive(Debug, Clone)]
enum Outcome {
    Reply(u32),
    /// A reply that is an error, and who sent it.
    Error(u32, Option<Asked>),
    Failed(Error),
    Missing,
}

/// An outcome that is not simply a reply to hand on.
#[derive(Debug, Clone, Copy)]
pub enum Trouble<'a> {
    /// The server's own error, as its text, and who was asked, where that is
    /// known.
    Error(&'a str, Option<&'a Asked>),
    /// No reply.
    Failed(&'a Error),
}

impl Response {
    /// A reply for each command.
    #[must_use]
    pub fn new(replies: Replies) -> Response {
        Response::of_asked(replies, None)
    }

    /// The same, all from one node.
    pub(crate) fn of_asked(replies: Replies, asked: Option<&Asked>) -> Response {
        let mut response = Response {
            replies,
            outcomes: Vec::new(),
        };
        for index in 0..response.replies.len() {
            if response.replies.is_error(index) {
                response.spell_out();
                if let Some(outcome) = response.outcomes.get_mut(index) {
                    *outcome = Outcome::Error(index as u32, asked.cloned());
                }
            }
        }
        response
    }

    /// The same failure for each of `commands`.
    #[must_use]
    pub fn failed(commands: usize, error: &Error) -> Response {
        Response {
            replies: Replies::new(),
            outcomes: vec![Outcome::Failed(error.clone()); commands],
        }
    }

    /// What the call of an inner service came to. The error of a whole request
    /// becomes that of each of its commands, and so does an answer that has not
    /// one outcome for each.
    pub fn of_call<E: Into<BoxError>>(outcome: Result<Response, E>, commands: usize) -> Response {
        match outcome {
            Ok(response) if response.len() == commands => response,
            Ok(_) => {
                let error = "a layer answered with another number of outcomes than commands";
                Response::failed(commands, &Error::of_layer(error))
            }
            Err(error) => Response::failed(commands, &Error::of_layer(error)),
        }
    }

    /// Places for the outcomes of `commands`, still to be set.
    pub(crate) fn unset(commands: usize) -> Response {
        Response {
            replies: Replies::with_capacity(commands),
            outcomes: vec![Outcome::Missing; commands],
        }
    }

    /// Whether the command at `index` has an outcome already.
    pub(crate) fn is_set(&self, index: usize) -> bool {
        !matches!(self.outcomes.get(index), Some(Outcome::Missing))
    }

    /// How many commands have an outcome here.
    #[must_use]
    pub fn len(&self) -> usize {
        if self.outcomes.is_empty() {
            self.replies.len()
        } else {
            self.outcomes.len()
        }
    }

    /// Whether there is no outcome.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The reply of the command at `index`, by its place in
    /// [`replies`](Response::replies), or why it has none.
    ///
    /// # Errors
    /// Why there is no reply.
    pub fn outcome(&self, index: usize) -> Result<usize, Error> {
        match self.outcomes.get(index) {
            Some(Outcome::Reply(at) | Outcome::Error(at, _)) => Ok(*at as usize),
            Some(Outcome::Failed(error)) => Err(error.clone()),
            None if self.outcomes.is_empty() && index < self.replies.len() => Ok(index),
            Some(Outcome::Missing) | None => {
                Err(Error::deadline("waiting for an outcome").with_delivery(Delivery::Ambiguous))
            }
        }
    }

    /// The replies; [`outcome`](Response::outcome) says which belongs to which
    /// command.
    #[must_use]
    pub fn replies(&self) -> &Replies {
        &self.replies
    }

    /// What is wrong with the outcome at `index`, if anything.
    #[must_use]
    pub fn trouble(&self, index: usize) -> Option<Trouble<'_>> {
        match self.outcomes.get(index)? {
            Outcome::Reply(_) | Outcome::Missing => None,
            Outcome::Error(at, asked) => {
                let line = self.replies.error_line(*at as usize)?;
                Some(Trouble::Error(line, asked.as_ref()))
            }
            Outcome::Failed(error) => Some(Trouble::Failed(error)),
        }
    }

    /// Every outcome that is an error or a failure, by its command's index.
    pub fn troubles(&self) -> impl Iterator<Item = (usize, Trouble<'_>)> {
        (0..self.outcomes.len()).filter_map(|index| Some((index, self.trouble(index)?)))
    }

    /// What became of the command at `index`, which `info` is about; `None` where
    /// its reply is no error.
    #[must_use]
    pub fn delivery(&self, index: usize, info: &CommandInfo) -> Option<Delivery> {
        match self.trouble(index)? {
            Trouble::Failed(error) => Some(error.delivery()),
            Trouble::Error(line, _) => Some(Delivery::of_error(info, line)),
        }
    }

    /// Whether the command at `index`, which `info` is about, has run or may have.
    #[must_use]
    pub fn may_have_run(&self, index: usize, info: &CommandInfo) -> bool {
        self.delivery(index, info)
            .is_none_or(Delivery::may_have_run)
    }

    /// Adds a failure behind its outcomes.
    pub(crate) fn push_failure(&mut self, error: Error) {
        self.spell_out();
        self.outcomes.push(Outcome::Failed(error));
    }

    /// Sets the outcome at `index` to a failure.
    pub(crate) fn fail(&mut self, index: usize, error: Error) {
        self.spell_out();
        if let Some(outcome) = self.outcomes.get_mut(index) {
            *outcome = Outcome::Failed(error);
        }
    }

    /// The order of the pipeline forbids that the command at `index`, which `info`
    /// is about, goes again: its trouble surfaces, and says so (O1).
    pub(crate) fn forbid(&mut self, index: usize, info: &CommandInfo) {
        let error = match self.trouble(index) {
            Some(Trouble::Failed(error)) => Error::order(&error.to_string(), error.delivery()),
            Some(Trouble::Error(line, _)) => Error::order(line, Delivery::of_error(info, line)),
            None => return,
        };
        self.fail(index, error);
    }

    /// Takes over the outcome at `from` of `part` as the one at `index`.
    pub(crate) fn take_over(&mut self, index: usize, part: &Response, from: usize) {
        self.spell_out();
        let outcome = self.adopt(part, from);
        if let Some(place) = self.outcomes.get_mut(index) {
            *place = outcome;
        }
    }

    fn adopt(&mut self, part: &Response, from: usize) -> Outcome {
        let at = self.replies.len() as u32;
        let (reply, outcome) = match part.outcomes.get(from) {
            None => (from, Outcome::Reply(at)),
            Some(Outcome::Reply(reply)) => (*reply as usize, Outcome::Reply(at)),
            Some(Outcome::Error(reply, asked)) => {
                (*reply as usize, Outcome::Error(at, asked.clone()))
            }
            Some(other) => return other.clone(),
        };
        if self.replies.push_from(&part.replies, reply) {
            outcome
        } else {
            Outcome::Missing
        }
    }

    fn spell_out(&mut self) {
        if self.outcomes.is_empty() {
            let all = 0..self.replies.len() as u32;
            self.outcomes = all.map(Outcome::Reply).collect();
        }
    }
}
