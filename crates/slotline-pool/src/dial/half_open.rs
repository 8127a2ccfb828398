//! A connection that nobody may use yet.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll};

use slotline_resp::{Commands, Limits, Replies};

use super::stream::Socket;
use crate::protocol::{Chunk, Inbox};

/// Why a half-open connection is of no more use.
#[derive(Debug)]
pub(crate) enum Break {
    Io(io::Error),
    Closed,
    Malformed(slotline_resp::Error),
    Unsolicited,
}

impl fmt::Display for Break {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Break::Io(error) => error.fmt(f),
            Break::Closed => f.write_str("the server closed the connection"),
            Break::Malformed(error) => write!(f, "the answer is not RESP: {error}"),
            Break::Unsolicited => f.write_str("the server sent a reply that nobody had asked for"),
        }
    }
}

impl std::error::Error for Break {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Break::Io(error) => Some(error),
            _ => None,
        }
    }
}

impl From<io::Error> for Break {
    fn from(error: io::Error) -> Break {
        Break::Io(error)
    }
}

/// A connection on which the recipe is still being carried out. It can be lent
/// only as what [`finish`](Self::finish) makes of it (S1).
pub(crate) struct HalfOpen {
    stream: Socket,
    inbox: Inbox,
    out: Chunk,
    /// Replies that are still to come, and those among them that come first and
    /// that nobody wants any more.
    owed: usize,
    stale: usize,
    /// Whether it has been found to be of no more use.
    pub(crate) is_broken: bool,
}

/// A connection on which the whole recipe has been answered.
pub(crate) struct Ready {
    pub(crate) stream: Socket,
    /// What has been read already can only be pushes.
    pub(crate) inbox: Inbox,
}

impl HalfOpen {
    pub(crate) fn new(stream: Socket, limits: Limits) -> HalfOpen {
        HalfOpen {
            stream,
            inbox: Inbox::new(limits),
            out: Chunk::default(),
            owed: 0,
            stale: 0,
            is_broken: false,
        }
    }

    /// Sends commands and adds their replies to `replies`, which after a break
    /// has those that came before it.
    ///
    /// Cancel safe: what was begun is ended, and its replies dropped, when the
    /// connection is used the next time.
    pub(crate) async fn call(
        &mut self,
        commands: &Commands,
        replies: &mut Replies,
    ) -> Result<(), Break> {
        if self.out.is_spent() {
            self.out.clear();
        }
        self.out.push(commands);
        self.stale = self.owed;
        self.owed += commands.len();
        let wanted = commands.len();
        let done = poll_fn(|cx| self.poll_replies(cx, wanted, replies)).await;
        self.is_broken |= done.is_err();
        done
    }

    /// Waits for replies that were given up, and lets the connection be lent.
    pub(crate) async fn finish(mut self) -> Result<Ready, Break> {
        self.settle().await?;
        Ok(Ready {
            stream: self.stream,
            inbox: self.inbox,
        })
    }

    /// Waits until nothing is on its way any more.
    pub(crate) async fn settle(&mut self) -> Result<(), Break> {
        self.stale = self.owed;
        let done = poll_fn(|cx| self.poll_replies(cx, 0, &mut Replies::new())).await;
        self.is_broken |= done.is_err();
        done
    }

    fn poll_replies(
        &mut self,
        cx: &mut Context<'_>,
        wanted: usize,
        replies: &mut Replies,
    ) -> Poll<Result<(), Break>> {
        // A server that turns us away writes why and closes: what it wrote
        // counts for more than that our own bytes did not arrive.
        let mut refused = None;
        loop {
            while !self.out.is_spent() {
                let stream = &mut self.stream;
                match self.out.write_with(|pieces| stream.poll_write(cx, pieces)) {
                    Poll::Ready(Ok(0)) => refused = Some(Break::Closed),
                    Poll::Ready(Ok(written)) => {
                        self.out.advance(written);
                        continue;
                    }
                    Poll::Ready(Err(error)) => refused = Some(Break::Io(error)),
                    Poll::Pending => break,
                }
                self.out.clear();
            }
            if let Poll::Ready(Err(error)) = self.stream.poll_flush(cx) {
                refused.get_or_insert(Break::Io(error));
            }
            self.sort(wanted, replies)?;
            if self.owed == 0 {
                return Poll::Ready(Ok(()));
            }
            match self.stream.poll_read(cx, self.inbox.room()) {
                Poll::Pending => match refused {
                    Some(refused) => return Poll::Ready(Err(refused)),
                    None => return Poll::Pending,
                },
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(Break::Closed)),
                Poll::Ready(Ok(_)) => self.inbox.scan().map_err(Break::Malformed)?,
                Poll::Ready(Err(error)) => {
                    return Poll::Ready(Err(refused.unwrap_or(Break::Io(error))));
                }
            }
        }
    }

    /// Takes the replies that have come to where they belong.
    fn sort(&mut self, wanted: usize, replies: &mut Replies) -> Result<(), Break> {
        while let Some(is_push) = self.inbox.next_is_push() {
            if is_push {
                self.inbox.skip();
            } else if self.stale > 0 {
                self.inbox.skip();
                self.stale -= 1;
                self.owed -= 1;
            } else if replies.len() < wanted {
                let most = wanted - replies.len();
                self.owed -= self.inbox.take_replies(most, |segment, ends| {
                    replies.push_segment(segment, ends);
                });
            } else {
                return Err(Break::Unsolicited);
            }
        }
        Ok(())
    }
}
