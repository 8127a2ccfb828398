//! A connection that one holder has to itself: moves its bytes, and gives every
//! frame to whom it belongs. It runs on its holder's task; nobody reads while
//! nobody asks.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use slotline_resp::{CommandBuffer, Commands, Limits, Replies, Reply};
use tokio::task::coop::unconstrained;
use tokio::time::Instant;

use super::farewell::Farewell;
use super::refusal::examine;
use super::session::{Condition, Kind, Session};
use super::subscriptions::Met;
use crate::address::Address;
use crate::config::Config;
use crate::credentials::Vintage;
use crate::dial::{Greeting, Ready, Socket};
use crate::error::{CLOSED, Error};
use crate::protocol::{Chunk, Inbox};

/// What is kept of pushes that come before a reply that is waited for, and what
/// each counts beside its bytes.
const KEPT: usize = 8 << 20;
const PER_PUSH: usize = 64;
/// A peer that goes on for so long while nobody asked it anything is no use.
const IDLE_READS: usize = 64;

pub(super) struct Connection {
    address: Address,
    pub(super) greeting: Greeting,
    /// When it has lived long enough.
    pub(super) expires: Instant,
    limits: Limits,
    stream: Socket,
    inbox: Inbox,
    session: Session,
    /// The commands without an answer, the oldest first, and how many of them
    /// nobody waits for any more.
    pending: VecDeque<Kind>,
    stale: usize,
    /// What is left to write of the last batch, how much of it has been written,
    /// and how much of that was the lease's own.
    out: Chunk,
    sent: usize,
    own: usize,
    /// Pushes that came before a reply.
    pushes: VecDeque<Bytes>,
    pushed: usize,
    vintage: Vintage,
    /// Last, so that it is told when the socket is closed.
    pub(super) farewell: Farewell,
}

/// What somebody waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    /// All answers.
    Answers,
    Push,
}

impl Connection {
    pub(super) fn new(
        config: &Arc<Config>,
        ready: Ready,
        greeting: Greeting,
        expires: Instant,
        vintage: Vintage,
    ) -> Connection {
        Connection {
            address: config.address.clone(),
            farewell: Farewell::new(Arc::clone(config), &greeting),
            vintage,
            session: Session::new(greeting.protocol(), greeting.client_id()),
            greeting,
            expires,
            limits: config.limits,
            stream: ready.stream,
            inbox: ready.inbox,
            pending: VecDeque::new(),
            stale: 0,
            out: Chunk::default(),
            sent: 0,
            own: 0,
            pushes: VecDeque::new(),
            pushed: 0,
        }
    }

    /// Whether it has lived for long enough, or as whom it is.
    pub(super) fn is_spent(&self, now: Instant, config: &Config) -> bool {
        self.expires <= now || !self.vintage.is_current(config)
    }

    /// Gives commands their place, behind what is still to be answered.
    ///
    /// # Errors
    /// One of them is refused; none has a place.
    pub(super) fn begin(&mut self, commands: &Commands) -> Result<(), Error> {
        let kinds = examine(&self.session, self.pending.iter(), commands).map_err(
            |(command, advice)| {
                Error::refused_on(&self.address, "a leased connection", &command, advice)
            },
        )?;
        (self.sent, self.own) = (0, 0);
        // Where HELLO did not tell it. Within MULTI nothing blocks.
        let is_wanted = self.session.id.is_none() && kinds.iter().any(Kind::may_block);
        if is_wanted && !self.session.multi && self.pending.is_empty() {
            let mut buffer = CommandBuffer::new();
            buffer.begin_named("CLIENT ID");
            let own = buffer.freeze();
            self.own = own.byte_len();
            self.out.push(&own);
            self.pending.push_back(Kind::Id);
        }
        self.out.push(commands);
        self.pending.extend(kinds);
        Ok(())
    }

    /// How much of the last batch has been written.
    pub(super) fn written(&self) -> usize {
        self.sent.saturating_sub(self.own)
    }

    /// Whether no byte of the last batch has been written.
    pub(super) fn is_untouched(&self) -> bool {
        self.sent == 0
    }

    /// Whether part of it has been, and part has not.
    pub(super) fn is_amid_batch(&self) -> bool {
        self.sent > 0 && !self.out.is_spent()
    }

    /// Whether somebody has asked something who has neither waited for the end of
    /// it nor given it up: a call was leaked.
    pub(super) fn is_amid_call(&self) -> bool {
        self.pending.len() > self.stale
    }

    /// Takes the last batch back, of which no byte has been written.
    pub(super) fn take_back(&mut self) {
        self.out.clear();
        self.pending.truncate(self.stale);
    }

    /// Nobody waits any more for what has been asked.
    pub(super) fn abandon(&mut self) {
        self.stale = self.pending.len();
    }

    /// Whether a command without an answer may take something at any time.
    pub(super) fn may_block(&self) -> bool {
        self.pending.iter().any(Kind::may_block)
    }

    /// The server's number for the connection.
    pub(super) fn id(&self) -> Option<u64> {
        self.session.id
    }

    /// Whether that number is on its way.
    pub(super) fn is_asking_for_id(&self) -> bool {
        self.pending.iter().any(|kind| matches!(kind, Kind::Id))
    }

    /// Adds the answers to `replies` until nothing is pending any more.
    pub(super) fn poll_answers(
        &mut self,
        cx: &mut Context<'_>,
        replies: &mut Replies,
    ) -> Poll<Result<(), Error>> {
        self.poll(cx, Wanted::Answers, replies)
    }

    /// The next frame that is no answer.
    pub(super) fn poll_push(&mut self, cx: &mut Context<'_>) -> Poll<Result<Reply, Error>> {
        // Only what nobody waits for is answered meanwhile.
        let polled = self.poll(cx, Wanted::Push, &mut Replies::new());
        polled.map_ok(|()| {
            let push = self.pushes.pop_front().unwrap_or_default();
            self.pushed = self.pushed.saturating_sub(push.len() + PER_PUSH);
            Reply::from_scanned(push)
        })
    }

    /// Reads before it writes, so that a peer that has closed is noticed before
    /// it is given anything (E6); goes on with both (R3).
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        wanted: Wanted,
        replies: &mut Replies,
    ) -> Poll<Result<(), Error>> {
        let mut broken = None;
        loop {
            self.sort(wanted, replies)?;
            if self.has(wanted) {
                return Poll::Ready(Ok(()));
            }
            let read = self.read(cx)?;
            // What is here already answers nothing that has yet to be written.
            self.sort(wanted, replies)?;
            let wrote = match self.write(cx) {
                Ok(wrote) => wrote,
                // A server that closes may have said why.
                Err(error) => {
                    broken.get_or_insert(error);
                    false
                }
            };
            if !read && !wrote {
                return match broken {
                    Some(error) => Poll::Ready(Err(error)),
                    None => Poll::Pending,
                };
            }
        }
    }

    fn has(&self, wanted: Wanted) -> bool {
        match wanted {
            Wanted::Answers => self.pending.is_empty(),
            Wanted::Push => !self.pushes.is_empty(),
        }
    }

    /// Gives the frames that have come to whom they belong (R1), as far as they
    /// are wanted: the others lie where they are.
    fn sort(&mut self, wanted: Wanted, replies: &mut Replies) -> Result<(), Error> {
        while !self.has(wanted)
            && let Some(frame) = self.inbox.front()
        {
            let head = self.pending.front();
            let is_push =
                self.inbox.next_is_push() == Some(true) || self.session.is_push(frame, head);
            let is_asked = head.is_some() && (self.stale > 0 || self.sent > 0);
            let is_line = self.session.monitor && !is_asked;
            if !is_push && !is_line && !is_asked {
                let how = "the server sent a reply that nobody had asked for";
                return Err(Error::lost(&self.address, how, None));
            }
            let Some(frame) = self.inbox.take_front() else {
                return Ok(());
            };
            if is_push {
                let awaited = match self.pending.front_mut() {
                    Some(Kind::Subscription(awaited)) => Some(&mut **awaited),
                    _ => None,
                };
                match self.session.subscriptions.meet(&frame, awaited) {
                    Met::Confirmed => {}
                    Met::Last => self.answered(frame, replies),
                    Met::Other => self.keep(frame)?,
                }
            } else if is_line {
                self.keep(frame)?;
            } else {
                self.answered(frame, replies);
            }
        }
        Ok(())
    }

    fn answered(&mut self, frame: Bytes, replies: &mut Replies) {
        let Some(kind) = self.pending.pop_front() else {
            return;
        };
        self.session.note(&kind, &frame);
        if self.stale > 0 {
            self.stale -= 1;
        } else if !matches!(kind, Kind::Id) {
            let end = frame.len();
            replies.push_segment(frame, [end]);
        }
    }

    fn keep(&mut self, push: Bytes) -> Result<(), Error> {
        self.pushed += push.len() + PER_PUSH;
        if self.pushed > KEPT && !self.pushes.is_empty() {
            let how = "more pushes came before a reply than are kept";
            return Err(Error::lost(&self.address, how, None));
        }
        self.pushes.push_back(push);
        Ok(())
    }

    fn read(&mut self, cx: &mut Context<'_>) -> Result<bool, Error> {
        let lost = |how, source| Err(Error::lost(&self.address, how, source));
        match self.stream.poll_read(cx, self.inbox.room()) {
            Poll::Pending => Ok(false),
            Poll::Ready(Ok(0)) => lost(CLOSED, None),
            Poll::Ready(Err(error)) => lost("reading failed", Some(error.into())),
            Poll::Ready(Ok(_)) => match self.inbox.scan() {
                Ok(()) => Ok(true),
                Err(error) => lost("the server sent no RESP", Some(error.into())),
            },
        }
    }

    fn write(&mut self, cx: &mut Context<'_>) -> Result<bool, Error> {
        let lost = |source| Err(Error::lost(&self.address, "writing failed", source));
        // To read has told no more than what the runtime knows, which may not have
        // been told of the end yet (E6).
        if self.is_untouched() && !self.out.is_spent() && self.has_ended() {
            return Err(Error::lost(&self.address, CLOSED, None));
        }
        let mut wrote = false;
        while !self.out.is_spent() {
            let stream = &mut self.stream;
            match self.out.write_with(|pieces| stream.poll_write(cx, pieces)) {
                Poll::Pending => break,
                Poll::Ready(Ok(0)) => return lost(None),
                Poll::Ready(Err(error)) => return lost(Some(error.into())),
                Poll::Ready(Ok(bytes)) => {
                    self.out.advance(bytes);
                    self.sent += bytes;
                    wrote = true;
                }
            }
        }
        if wrote && self.out.is_spent() {
            self.out.clear();
        }
        match self.stream.poll_flush(cx) {
            Poll::Ready(Err(error)) => lost(Some(error.into())),
            _ => Ok(wrote),
        }
    }

    /// What it is fit for, now that its holder is done with it.
    pub(super) fn condition(&mut self) -> Condition {
        let is_settled = self.pending.is_empty() && self.out.is_spent();
        if !is_settled || self.skip_pushes().is_err() || !self.inbox.is_empty() {
            return Condition::Dirty;
        }
        self.session.condition()
    }

    /// Brings a transaction to its end, so that there is nothing of it left.
    ///
    /// # Errors
    /// The connection is lost.
    pub(super) async fn tidy(&mut self) -> Result<(), Error> {
        let mut buffer = CommandBuffer::new();
        if self.session.multi {
            buffer.begin_named("DISCARD");
        }
        buffer.begin_named("UNWATCH");
        self.begin(&buffer.freeze())?;
        let mut replies = Replies::new();
        poll_fn(|cx| self.poll_answers(cx, &mut replies)).await
    }

    /// Lets go of what the last holder made it keep.
    pub(super) fn shrink(&mut self) {
        self.out = Chunk::default();
        self.pending = VecDeque::new();
        self.pushes = VecDeque::new();
        self.pushed = 0;
        if self.inbox.is_oversized() {
            self.inbox = Inbox::new(self.limits);
        }
    }

    /// Whether it can be lent: the peer has neither closed it nor said anything
    /// that nobody had asked for (E6).
    pub(super) fn is_quiet(&mut self) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        let looked = pin!(unconstrained(poll_fn(|cx| Poll::Ready(self.watch(cx)))));
        let is_open = matches!(looked.poll(&mut cx), Poll::Ready(true));
        is_open && self.inbox.is_empty() && !self.has_unread()
    }

    /// Whether the peer has closed, and nothing is left to read.
    fn has_ended(&self) -> bool {
        self.stream
            .direct()
            .is_some_and(|direct| direct.has_ended())
    }

    /// Whether there is anything to read, be it the end, of which the system knows
    /// and the runtime has not been told yet.
    fn has_unread(&self) -> bool {
        self.stream
            .direct()
            .is_some_and(|direct| direct.has_unread())
    }

    /// Reads what comes while nobody has it, and sees to it that `cx` is woken
    /// when more does. False if it is of no more use.
    pub(super) fn watch(&mut self, cx: &mut Context<'_>) -> bool {
        for _ in 0..IDLE_READS {
            match self.read(cx) {
                Ok(true) if self.skip_pushes().is_ok() => {}
                Ok(false) => return true,
                _ => return false,
            }
        }
        false
    }

    /// Drops the pushes that have come; an error if there is anything else.
    fn skip_pushes(&mut self) -> Result<(), ()> {
        while let Some(is_push) = self.inbox.next_is_push() {
            if !is_push {
                return Err(());
            }
            self.inbox.skip();
        }
        Ok(())
    }
}
