//! What a request waits in, and what comes of it.

use std::task::Waker;

use bytes::Bytes;
use slotline_resp::Replies;
use tokio::time::Instant;

use super::Size;
use crate::error::Error;

/// What a request does while its node cannot be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WhileAway {
    /// It waits for the next connection until its deadline (B3).
    Wait,
    /// It fails at once, not sent: for a read that could go to another node.
    Refuse,
}

/// How much of a batch was written before it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Written {
    Nothing,
    Bytes(usize),
    Everything,
}

/// Why a request has not got all its replies.
#[derive(Debug, Clone)]
pub(crate) struct Loss {
    pub(crate) error: Error,
    pub(crate) written: Written,
}

/// The replies to the first commands of a request; to all of them, unless there
/// is a loss.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) replies: Replies,
    pub(crate) loss: Option<Loss>,
}

#[derive(Debug)]
pub(super) enum Stage {
    /// For room; its commands are among the pending ones.
    Waiting,
    Queued,
    Sent,
    Done(Option<Loss>),
    /// The caller has gone; the slot stays until its batch is met.
    Abandoned,
}

#[derive(Debug)]
pub(super) struct Slot {
    pub(super) stage: Stage,
    pub(super) waker: Option<Waker>,
    pub(super) replies: Replies,
    pub(super) size: Size,
    pub(super) deadline: Instant,
    pub(super) while_away: WhileAway,
}

impl Slot {
    pub(super) fn new(size: Size, deadline: Instant, while_away: WhileAway) -> Slot {
        Slot {
            stage: Stage::Waiting,
            waker: None,
            replies: Replies::new(),
            size,
            deadline,
            while_away,
        }
    }

    pub(super) fn is_abandoned(&self) -> bool {
        matches!(self.stage, Stage::Abandoned)
    }

    /// Collects replies, `expected` of which are to come from here on.
    pub(super) fn take(
        &mut self,
        segment: Bytes,
        ends: &mut dyn Iterator<Item = usize>,
        expected: usize,
    ) {
        if self.is_abandoned() {
            return;
        }
        if self.replies.is_empty() && expected > 1 {
            self.replies = Replies::with_capacity(expected);
        }
        self.replies.push_segment(segment, ends);
    }

    pub(super) fn into_outcome(self) -> Outcome {
        let loss = match self.stage {
            Stage::Done(loss) => loss,
            _ => None,
        };
        Outcome {
            replies: self.replies,
            loss,
        }
    }
}
