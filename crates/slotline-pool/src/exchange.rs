//! A request on its way, and what comes of it.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use slotline_resp::{Commands, Delivery, Replies};

use crate::error::Error;
use crate::protocol::{Outcome, Ticket, Written};
use crate::shared::Shared;

/// What came of the commands that were given to [`Pool::send`](crate::Pool::send).
#[derive(Debug)]
pub struct Answer {
    /// The replies to the first commands, server errors among them; to all of
    /// them if there is no failure.
    pub replies: Replies,
    /// Why there are not more.
    pub failure: Option<Failure>,
}

impl Answer {
    /// Nothing was asked for.
    pub(crate) fn of_nothing() -> Answer {
        Answer {
            replies: Replies::new(),
            failure: None,
        }
    }

    /// Not sent, and why.
    pub(crate) fn unsent(error: Error) -> Answer {
        let failure = Failure {
            error,
            first_unsent: 0,
        };
        Answer {
            failure: Some(failure),
            ..Answer::of_nothing()
        }
    }
}

/// Why some commands have no reply, and what became of them.
#[derive(Debug, Clone)]
pub struct Failure {
    /// What happened.
    pub error: Error,
    /// The first command of which no byte was written. Those before it that
    /// have no reply may have run.
    pub first_unsent: usize,
}

impl Failure {
    /// What became of the command at `index`, which has no reply (D1):
    /// [`Delivery::Ambiguous`] or [`Delivery::NotSent`].
    #[must_use]
    pub fn delivery(&self, index: usize) -> Delivery {
        if index < self.first_unsent {
            Delivery::Ambiguous
        } else {
            Delivery::NotSent
        }
    }
}

/// Commands that were given to a pool; a future that resolves to their
/// [`Answer`].
///
/// # Cancel safety
/// It can be dropped at any point. What has not been written then never will be,
/// and its room is free at once; what has been written keeps its place, and its
/// replies are read and dropped (R2).
#[must_use = "dropping it takes back what has not been written"]
pub struct Exchange {
    stage: Stage,
}

enum Stage {
    Under {
        shared: Arc<Shared>,
        ticket: Ticket,
        commands: Commands,
    },
    /// Known from the start.
    Settled(Answer),
    Over,
}

impl Exchange {
    pub(crate) fn under_way(shared: Arc<Shared>, ticket: Ticket, commands: Commands) -> Exchange {
        let stage = Stage::Under {
            shared,
            ticket,
            commands,
        };
        Exchange { stage }
    }

    /// Nothing was asked for.
    pub(crate) fn of_nothing() -> Exchange {
        Exchange {
            stage: Stage::Settled(Answer::of_nothing()),
        }
    }

    /// Not sent, and why.
    pub(crate) fn unsent(error: Error) -> Exchange {
        Exchange {
            stage: Stage::Settled(Answer::unsent(error)),
        }
    }
}

impl Future for Exchange {
    type Output = Answer;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Answer> {
        if let Stage::Under { shared, ticket, .. } = &self.stage {
            let Some(outcome) = shared.poll_outcome(*ticket, cx.waker()) else {
                return Poll::Pending;
            };
            let stage = std::mem::replace(&mut self.stage, Stage::Over);
            if let Stage::Under { commands, .. } = stage {
                return Poll::Ready(answer(outcome, &commands));
            }
            return Poll::Pending;
        }
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Settled(answer) => Poll::Ready(answer),
            // Polled after it was ready: as any future, it may then do anything
            // but panic here.
            Stage::Under { .. } | Stage::Over => Poll::Pending,
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if let Stage::Under { shared, ticket, .. } = &self.stage {
            shared.abandon(*ticket);
        }
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Exchange");
        if let Stage::Under { commands, .. } = &self.stage {
            shown.field("commands", commands);
        }
        shown.finish_non_exhaustive()
    }
}

/// Says of each command whether a byte of it was written; looked at only when
/// something went wrong.
#[inline]
pub(crate) fn answer(outcome: Outcome, commands: &Commands) -> Answer {
    let failure = outcome.loss.map(|loss| Failure {
        error: loss.error,
        first_unsent: match loss.written {
            Written::Nothing => 0,
            Written::Everything => commands.len(),
            Written::Bytes(written) => {
                let mut start = 0;
                let begun = commands.iter().take_while(|command| {
                    let began = start < written;
                    start += command.byte_len();
                    began
                });
                begun.count()
            }
        },
    });
    Answer {
        replies: outcome.replies,
        failure,
    }
}
