//! The outcomes of parts become one.

use std::ops::Range;

use slotline_resp::{Delivery, Protocol, Replies, ReplyBuffer, ReplyKind, ResponsePolicy};

use super::numbers::counted;
use super::parts::{How, Parts, SpreadCommand};
use crate::error::Error;
use crate::response::{Placed, Response, Trouble};

/// The outcomes of the commands given, out of those of the commands sent.
pub(super) fn merged(parts: &Parts, sent: Response) -> Response {
    let mut placed = Vec::with_capacity(parts.given_len());
    let mut next = 0;
    for spread in parts.all() {
        let before = next..spread.parts.start as usize;
        placed.extend(before.map(Placed::At));
        placed.push(
            Merge {
                parts,
                spread,
                sent: &sent,
            }
            .outcome(),
        );
        next = spread.parts.end as usize;
    }
    placed.extend((next..sent.len()).map(Placed::At));
    sent.placed(placed)
}

struct Merge<'a> {
    parts: &'a Parts,
    spread: &'a SpreadCommand,
    sent: &'a Response,
}

impl Merge<'_> {
    /// The parts that count. What was for a primary without slots that has become a
    /// replica since is its primary's to do.
    fn parts_that_count(&self) -> impl Iterator<Item = usize> + '_ {
        let all = self.spread.parts.start as usize..self.spread.parts.end as usize;
        all.filter(|part| match self.sent.trouble(*part) {
            Some(Trouble::Failed(error)) => !error.is_demoted(),
            _ => true,
        })
    }

    fn outcome(&self) -> Placed {
        let policy = self.spread.info.response;
        if policy == ResponsePolicy::OneSucceeded {
            return self.one_success();
        }
        let is_any_key = self.spread.info.name == "RANDOMKEY";
        if is_any_key && let Some(key) = self.any_key() {
            return Placed::At(key);
        }
        if let Some(failure) = self.failure() {
            return failure;
        }
        let places: Vec<usize> = self
            .parts_that_count()
            .filter_map(|part| self.sent.reply(part))
            .collect();
        let made = match (&self.spread.how, policy) {
            _ if is_any_key => return Placed::At(self.spread.parts.start as usize),
            (_, ResponsePolicy::AllSucceeded) => {
                return Placed::At(self.spread.parts.start as usize);
            }
            (How::Keys(of), ResponsePolicy::Default | ResponsePolicy::Special) => {
                in_order_of_keys(self.sent.replies(), &places, of)
            }
            (How::Nodes, ResponsePolicy::Default) => one_array(self.sent.replies(), &places),
            (How::Nodes, ResponsePolicy::Special) => self.by_node(&places),
            (_, policy) => counted(policy, self.sent.replies(), &places),
        };
        match made {
            Some(made) => Placed::Made(made),
            None => Placed::Failed(Error::unmerged(self.spread.info.name)),
        }
    }

    fn delivery(&self, part: usize) -> Option<Delivery> {
        match self.sent.outcome(part) {
            Ok(_) => self.sent.delivery(part, self.spread.info),
            Err(error) => Some(error.delivery()),
        }
    }

    /// The outcome if any part has failed: that of the first that says what became of
    /// the command. If some parts have run and others have not, none of them does.
    fn failure(&self) -> Option<Placed> {
        let first = self
            .parts_that_count()
            .find(|part| self.delivery(*part).is_some())?;
        if self.spread.info.is_readonly() {
            // It may run twice, so that what ran is of no matter.
            return Some(Placed::At(first));
        }
        let parts: Vec<usize> = self.parts_that_count().collect();
        let deliveries: Vec<_> = parts.iter().map(|part| self.delivery(*part)).collect();
        let ran =
            |delivery: &&Option<Delivery>| matches!(delivery, None | Some(Delivery::Answered));
        let ran = deliveries.iter().filter(ran).count();
        let has = |wanted| {
            let place = deliveries.iter().position(|one| *one == Some(wanted))?;
            parts.get(place).copied()
        };
        if ran == 0 || ran == deliveries.len() {
            let whole = has(Delivery::Ambiguous)
                .or_else(|| has(Delivery::Rejected))
                .unwrap_or(first);
            return Some(Placed::At(whole));
        }
        let all = deliveries.len();
        let name = self.spread.info.name;
        Some(Placed::Failed(match self.sent.trouble(first) {
            Some(Trouble::Failed(error)) => error.of_part(name, ran, all),
            Some(Trouble::Error(line, asked)) => {
                let node = asked.map(|asked| asked.node.clone());
                Error::answered(line, node).of_part(name, ran, all)
            }
            None => Error::no_outcome().of_part(name, ran, all),
        }))
    }

    /// A success if there is one; else whatever says most.
    fn one_success(&self) -> Placed {
        let rank = |part: &usize| match self.sent.trouble(*part) {
            None if self.sent.reply(*part).is_some() => 0,
            // There was nothing to be done at that node.
            Some(Trouble::Error(line, _)) if line.starts_with("NOTBUSY") => 3,
            Some(Trouble::Error(..)) => 2,
            _ => 1,
        };
        let best = self.parts_that_count().min_by_key(rank);
        Placed::At(best.unwrap_or_default())
    }

    /// The first key in turn: a part that knows one answers for all.
    fn any_key(&self) -> Option<usize> {
        self.parts_that_count().find(|part| {
            let reply = self.sent.reply(*part);
            let reply = reply.and_then(|at| self.sent.replies().get(at));
            reply.is_some_and(|reply| reply.kind() != ReplyKind::Null)
        })
    }

    /// A map from each node's address to its answer.
    fn by_node(&self, places: &[usize]) -> Option<ReplyBuffer> {
        let mut frame = ReplyBuffer::new(Protocol::Resp3);
        frame.map(places.len());
        for (part, place) in self.parts_that_count().zip(places) {
            let node = self.parts.node(u32::try_from(part).ok()?)?;
            frame.bulk(node.to_string());
            frame.encoded(self.sent.replies().bytes(*place)?);
        }
        Some(frame)
    }
}

/// One array of all elements, in the order of the keys, of which each part has those
/// that `of` says.
fn in_order_of_keys(replies: &Replies, places: &[usize], of: &[u32]) -> Option<ReplyBuffer> {
    let mut elements = Replies::new();
    // Where each part's next element is, and where they end.
    let mut next: Vec<Range<usize>> = Vec::with_capacity(places.len());
    for place in places {
        let start = elements.len();
        let own = elements.push_elements(replies, *place)?;
        next.push(start..start + own);
    }
    if elements.len() != of.len() {
        return None;
    }
    let order = of.iter().map(|part| next.get_mut(*part as usize)?.next());
    array(&elements, order)
}

/// One array of the elements of all.
fn one_array(replies: &Replies, places: &[usize]) -> Option<ReplyBuffer> {
    let mut elements = Replies::new();
    for place in places {
        elements.push_elements(replies, *place)?;
    }
    array(&elements, (0..elements.len()).map(Some))
}

/// One array of all `elements`, in this order; `None` if it names one that is not there.
fn array(elements: &Replies, order: impl Iterator<Item = Option<usize>>) -> Option<ReplyBuffer> {
    let mut frame = ReplyBuffer::new(Protocol::Resp3);
    frame.array(elements.len());
    let lens = (0..elements.len()).filter_map(|at| Some(elements.bytes(at)?.len()));
    frame.reserve(lens.sum());
    for element in order {
        frame.encoded(elements.bytes(element?)?);
    }
    Some(frame)
}
