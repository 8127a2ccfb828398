//! Moves the bytes of one direction from socket to socket, as its lane says.

use std::io::ErrorKind;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use tokio::io::ReadBuf;
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};

use super::faults::Cut;
use super::frames::{Framer, Piece};
use super::lane::{Next, Tail};
use super::link::{Direction, Link};

/// What one read takes at the most.
const READ: usize = 16 << 10;
/// After so many turns others get a chance to run.
const TURNS: usize = 32;

/// Why a direction has come to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The receiver has been told the end of the stream, or is gone.
    Over,
    /// The whole connection is to be ended.
    Cut(Cut),
}

/// One direction's sockets: without a sender nothing comes but what is injected,
/// without a receiver everything is swallowed.
pub(super) struct Pump<'a> {
    link: &'a Link,
    direction: Direction,
    from: Option<&'a TcpStream>,
    to: Option<&'a TcpStream>,
    framer: Framer,
    buffer: Vec<u8>,
    has_ended: bool,
    sleep: Pin<Box<Sleep>>,
}

impl<'a> Pump<'a> {
    pub(super) fn new(
        link: &'a Link,
        direction: Direction,
        from: Option<&'a TcpStream>,
        to: Option<&'a TcpStream>,
    ) -> Pump<'a> {
        link.with(direction, |lane| lane.is_deaf = to.is_none());
        Pump {
            link,
            direction,
            from,
            to,
            framer: Framer::new(),
            buffer: vec![0; READ],
            has_ended: false,
            sleep: Box::pin(sleep_until(Instant::now())),
        }
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Verdict> {
        // First of all: what the test asks for from here on wakes the task again.
        self.link.with(self.direction, |lane| lane.park(cx.waker()));
        for _ in 0..TURNS {
            let has_read = self.read(cx);
            let now = Instant::now();
            let next = self.link.with(self.direction, |lane| lane.next(now));
            match next {
                Next::Write(bytes) => match self.write(cx, &bytes) {
                    Poll::Ready(true) => break,
                    Poll::Ready(false) => {}
                    Poll::Pending if has_read => {}
                    Poll::Pending => return Poll::Pending,
                },
                Next::Wait(_) if has_read => {}
                Next::Wait(until) => {
                    if let Some(until) = until {
                        self.sleep.as_mut().reset(until);
                        if self.sleep.as_mut().poll(cx).is_ready() {
                            continue;
                        }
                    }
                    return Poll::Pending;
                }
                Next::Cut(how) => return Poll::Ready(Verdict::Cut(how)),
                Next::End(Tail::Reset) => return Poll::Ready(Verdict::Cut(Cut::Reset)),
                Next::End(Tail::End) => {
                    if let Some(to) = self.to {
                        let _ = rustix::net::shutdown(to, rustix::net::Shutdown::Write);
                    }
                    return Poll::Ready(Verdict::Over);
                }
            }
        }
        // Behind a piece the receiver is to find it before the next one comes; this
        // waits until the runtime has looked at its sockets.
        let _ = pin!(tokio::task::yield_now()).poll(cx);
        Poll::Pending
    }

    /// Reads once; whether it is worth trying again.
    fn read(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(from) = self.from.filter(|_| !self.has_ended) else {
            self.take_in(0);
            return false;
        };
        let (room, minds) = self
            .link
            .with(self.direction, |lane| (lane.room(), lane.minds_unread()));
        if room == 0 {
            self.take_in(0);
            if minds {
                self.look_for_unread(cx, from);
            }
            return false;
        }
        let buffer = self.buffer.get_mut(..room.min(READ)).unwrap_or_default();
        let read = loop {
            match from.poll_read_ready(cx) {
                Poll::Pending => {
                    self.take_in(0);
                    return false;
                }
                Poll::Ready(Err(error)) => break Err(error),
                Poll::Ready(Ok(())) => {}
            }
            match from.try_read(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                read => break read,
            }
        };
        match read {
            Ok(0) => self.end(Tail::End),
            Err(_) => self.end(Tail::Reset),
            Ok(bytes) => self.take_in(bytes),
        }
        true
    }

    /// Gives the lane what the first so many bytes of the buffer are now, and
    /// whatever need not be kept back any more.
    fn take_in(&mut self, bytes: usize) {
        let rewrite = self.link.with(self.direction, |lane| lane.rewriter());
        let arrived = self.buffer.get(..bytes).unwrap_or_default();
        // The closure runs here, where no lock is held but its own.
        let mut pieces: Vec<Piece> = Vec::new();
        self.framer
            .feed(arrived, rewrite.as_ref(), |piece| pieces.push(piece));
        let boundary = self.framer.boundary();
        self.link.with(self.direction, |lane| {
            lane.take_in(bytes, pieces, boundary, Instant::now());
        });
    }

    fn end(&mut self, tail: Tail) {
        self.has_ended = true;
        let rest = self.framer.finish();
        self.link.with(self.direction, |lane| {
            let now = Instant::now();
            lane.take_in(0, rest.into_iter().collect(), None, now);
            lane.end(tail, now);
        });
        self.link.sender_left(self.direction);
    }

    /// Notices that there is something to read without reading it.
    fn look_for_unread(&mut self, cx: &mut Context<'_>, from: &TcpStream) {
        let mut byte = [0; 1];
        let mut peeked = ReadBuf::new(&mut byte);
        if let Poll::Ready(Ok(1..)) = from.poll_peek(cx, &mut peeked) {
            self.link.with(self.direction, |lane| lane.note_unread());
        }
    }

    /// Writes what the receiver takes at once; whether others are to run before
    /// anything else is written.
    fn write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<bool> {
        let Some(to) = self.to else {
            return Poll::Ready(false);
        };
        loop {
            match to.poll_write_ready(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(_)) => return self.deafen(),
                Poll::Ready(Ok(())) => {}
            }
            // Under the lock, so that nobody has received what is not counted yet.
            let written = self.link.with(self.direction, |lane| {
                to.try_write(bytes).map(|written| lane.wrote(written))
            });
            match written {
                Ok(is_piece) => return Poll::Ready(is_piece),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => return self.deafen(),
            }
        }
    }

    /// The receiver takes nothing any more. What it has said itself still counts,
    /// and how it has ended: the other direction finds out.
    fn deafen(&mut self) -> Poll<bool> {
        self.to = None;
        self.link.with(self.direction, |lane| lane.is_deaf = true);
        Poll::Ready(false)
    }
}
