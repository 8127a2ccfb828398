//! What travels up the layers: one outcome for each command, in order.

use slotline_resp::{CommandInfo, Delivery, Replies, ReplyBuffer, error_code};

use crate::error::{BoxError, Error};
use crate::node::{Asked, PartResponse};
use crate::route::{Sent, of_part};

/// The outcomes of a request's commands, in the order of the commands: each has
/// a reply, which may be the server's error, or a failure of its own.
#[derive(Debug, Clone, Default)]
pub struct Response {
    replies: Replies,
    outcomes: Outcomes,
}

/// Where each command's outcome is. The first two are what there is almost always.
#[derive(Debug, Clone, Default)]
enum Outcomes {
    /// Every command has its reply at its own index, and none is an error.
    #[default]
    InOrder,
    /// Every command has its reply at some index, and none is an error; [`NOT_YET`]
    /// where there is none so far.
    Placed {
        at: Vec<u32>,
        not_yet: usize,
    },
    Each(Vec<Outcome>),
}

const NOT_YET: u32 = u32::MAX;

#[derive(Debug, Clone)]
enum Outcome {
    Reply(u32),
    /// A reply that is an error, and who sent it.
    Error(u32, Option<Asked>),
    Failed(Error),
    Missing,
}

impl Outcome {
    fn placed(at: u32) -> Outcome {
        match at {
            NOT_YET => Outcome::Missing,
            at => Outcome::Reply(at),
        }
    }
}

/// Where an outcome comes from when they are put together anew.
#[derive(Debug)]
pub(crate) enum Placed {
    /// It is the one that the command at this index had.
    At(usize),
    /// A reply that was made of others, encoded; no error.
    Made(ReplyBuffer),
    Failed(Error),
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
    #[inline]
    pub(crate) fn of_asked(replies: Replies, asked: Option<&Asked>) -> Response {
        let mut response = Response {
            replies,
            outcomes: Outcomes::InOrder,
        };
        for index in 0..response.replies.len() {
            if response.replies.is_error(index) {
                let error = Outcome::Error(index as u32, asked.cloned());
                response.set(index, error);
            }
        }
        response
    }

    /// The same failure for each of `commands`.
    #[must_use]
    pub fn failed(commands: usize, error: &Error) -> Response {
        Response {
            replies: Replies::new(),
            outcomes: Outcomes::Each(vec![Outcome::Failed(error.clone()); commands]),
        }
    }

    /// What one node made of `commands`, which may be one transaction.
    #[must_use]
    pub fn of_node(
        answer: PartResponse,
        asked: Asked,
        commands: usize,
        is_transaction: bool,
    ) -> Response {
        let sent = Sent {
            asked,
            commands,
            is_transaction,
        };
        of_part(Ok::<_, Error>(answer), &sent)
    }

    /// What the call of an inner service came to. The error of a whole request
    /// becomes that of each of its commands, and so does an answer that has not
    /// one outcome for each.
    #[inline]
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
            outcomes: Outcomes::Placed {
                at: vec![NOT_YET; commands],
                not_yet: commands,
            },
        }
    }

    /// Whether the command at `index` has an outcome already.
    pub(crate) fn is_set(&self, index: usize) -> bool {
        match &self.outcomes {
            Outcomes::InOrder => true,
            Outcomes::Placed { at, .. } => at.get(index) != Some(&NOT_YET),
            Outcomes::Each(each) => !matches!(each.get(index), Some(Outcome::Missing)),
        }
    }

    /// Whether every command has a reply that is no error.
    #[must_use]
    pub fn is_untroubled(&self) -> bool {
        match &self.outcomes {
            Outcomes::InOrder => true,
            Outcomes::Placed { not_yet, .. } => *not_yet == 0,
            Outcomes::Each(each) => {
                let is_reply = |outcome: &Outcome| matches!(outcome, Outcome::Reply(_));
                each.iter().all(is_reply)
            }
        }
    }

    /// How many commands have an outcome here.
    #[must_use]
    #[inline]
    pub fn len(&self) -> usize {
        match &self.outcomes {
            Outcomes::InOrder => self.replies.len(),
            Outcomes::Placed { at, .. } => at.len(),
            Outcomes::Each(each) => each.len(),
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
        if let Some(at) = self.reply(index) {
            return Ok(at);
        }
        match &self.outcomes {
            Outcomes::Each(each) => match each.get(index) {
                Some(Outcome::Error(at, _)) => Ok(*at as usize),
                Some(Outcome::Failed(error)) => Err(error.clone()),
                _ => Err(Error::no_outcome()),
            },
            _ => Err(Error::no_outcome()),
        }
    }

    /// The same where there is a reply that is no error; `None` elsewhere.
    #[must_use]
    #[inline]
    pub fn reply(&self, index: usize) -> Option<usize> {
        match &self.outcomes {
            Outcomes::InOrder => (index < self.replies.len()).then_some(index),
            Outcomes::Placed { at, .. } => {
                let at = at.get(index).filter(|at| **at != NOT_YET);
                at.map(|at| *at as usize)
            }
            Outcomes::Each(each) => match each.get(index)? {
                Outcome::Reply(at) => Some(*at as usize),
                _ => None,
            },
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
        let Outcomes::Each(each) = &self.outcomes else {
            return None;
        };
        match each.get(index)? {
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
        let all = match &self.outcomes {
            Outcomes::Each(each) => each.len(),
            _ => 0,
        };
        (0..all).filter_map(|index| Some((index, self.trouble(index)?)))
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
        self.change_each(|each| each.push(Outcome::Failed(error)));
    }

    /// Sets the outcome at `index` to a failure.
    pub(crate) fn fail(&mut self, index: usize, error: Error) {
        self.set(index, Outcome::Failed(error));
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

    /// There is no time left to follow the redirect that the command at `index`, which
    /// `info` is about, was answered with, if it was.
    pub(crate) fn late(&mut self, index: usize, info: &CommandInfo) {
        let error = match self.trouble(index) {
            Some(Trouble::Error(line, _)) if matches!(error_code(line), "MOVED" | "ASK") => {
                Error::late(line, Delivery::of_error(info, line))
            }
            _ => return,
        };
        self.fail(index, error);
    }

    /// Takes over the outcomes of `part`: the first as that at the first of
    /// `indexes`, and so on.
    pub(crate) fn take_part(&mut self, indexes: impl Iterator<Item = usize>, part: Response) {
        let Outcomes::Placed { at, not_yet } = &mut self.outcomes else {
            return self.take_each(indexes, &part);
        };
        if !part.is_untroubled() {
            return self.take_each(indexes, &part);
        }
        let before = self.replies.len() as u32;
        for (from, index) in indexes.enumerate() {
            if let (Some(place), Some(reply)) = (at.get_mut(index), part.reply(from)) {
                *not_yet -= usize::from(*place == NOT_YET);
                *place = before + reply as u32;
            }
        }
        self.replies.append(part.replies);
    }

    fn take_each(&mut self, indexes: impl Iterator<Item = usize>, part: &Response) {
        for (from, index) in indexes.enumerate() {
            self.take_over(index, part, from);
        }
    }

    /// Takes over the outcome at `from` of `part` as the one at `index`.
    pub(crate) fn take_over(&mut self, index: usize, part: &Response, from: usize) {
        let outcome = self.adopt(part, from);
        self.set(index, outcome);
    }

    fn adopt(&mut self, part: &Response, from: usize) -> Outcome {
        let at = self.replies.len() as u32;
        let (reply, outcome) = match (part.reply(from), &part.outcomes) {
            (Some(reply), _) => (reply, Outcome::Reply(at)),
            (None, Outcomes::Each(each)) => match each.get(from) {
                Some(Outcome::Error(reply, asked)) => {
                    (*reply as usize, Outcome::Error(at, asked.clone()))
                }
                Some(other) => return other.clone(),
                None => return Outcome::Missing,
            },
            (None, _) => return Outcome::Missing,
        };
        if self.replies.push_from(&part.replies, reply) {
            outcome
        } else {
            Outcome::Missing
        }
    }

    /// The outcomes put together anew.
    pub(crate) fn placed(mut self, each: Vec<Placed>) -> Response {
        let outcomes = each.into_iter().map(|placed| match placed {
            Placed::At(index) => self.at(index),
            Placed::Made(reply) => {
                let at = self.replies.len() as u32;
                let end = reply.len();
                // Each on its own: whoever keeps one does not keep the others.
                self.replies
                    .push_segment(reply.into_bytes().freeze(), [end]);
                Outcome::Reply(at)
            }
            Placed::Failed(error) => Outcome::Failed(error),
        });
        self.outcomes = Outcomes::Each(outcomes.collect());
        self
    }

    fn at(&self, index: usize) -> Outcome {
        match &self.outcomes {
            Outcomes::Each(each) => each.get(index).cloned().unwrap_or(Outcome::Missing),
            _ => self
                .reply(index)
                .map_or(Outcome::Missing, |at| Outcome::Reply(at as u32)),
        }
    }

    /// Sets the outcome at `index`, where there is one.
    fn set(&mut self, index: usize, to: Outcome) {
        self.change_each(|each| {
            if let Some(outcome) = each.get_mut(index) {
                *outcome = to;
            }
        });
    }

    /// Changes the outcomes, spelled out one by one.
    fn change_each(&mut self, change: impl FnOnce(&mut Vec<Outcome>)) {
        let mut each = match std::mem::take(&mut self.outcomes) {
            Outcomes::Each(each) => each,
            Outcomes::InOrder => {
                let all = 0..self.replies.len() as u32;
                all.map(Outcome::Reply).collect()
            }
            Outcomes::Placed { at, .. } => at.into_iter().map(Outcome::placed).collect(),
        };
        change(&mut each);
        self.outcomes = Outcomes::Each(each);
    }
}
