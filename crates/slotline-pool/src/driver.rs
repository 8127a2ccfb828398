//! Moves the bytes of one connection. Both directions advance on every turn (R3).

use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::time::Instant;

use crate::dial::{Ready, Socket};
use crate::error::{CLOSED, Error, SILENT};
use crate::events::EventKind;
use crate::keeper::Alarm;
use crate::protocol::{Chunk, Inbox};
use crate::shared::{Parked, Shared, State};

/// After so much has been read on one turn, those who were given it run first:
/// memory that they let go of is then used for what comes next.
const TURN: usize = 256 << 10;

/// How long after a connection seemed dead it is looked at again.
const SECOND_LOOK: Duration = Duration::from_millis(1);

/// How a connection ended.
#[derive(Debug)]
pub(crate) enum End {
    /// The pool was closed.
    Closed,
    /// It is of no more use. What was written on it has no more replies to come.
    Lost(Error),
}

pub(crate) struct Driver<'a> {
    shared: &'a Shared,
    stream: Socket,
    inbox: Inbox,
    alarm: &'a mut Alarm,
    /// Whether a write has been put off already.
    has_waited: bool,
    /// New credentials are to be asked for.
    asks: bool,
    /// What is to be told once the lock has been let go.
    events: Vec<EventKind>,
    /// The stream has ended, and what came before is still to be handed out.
    ended: Option<Error>,
    /// A write failed. Replies that are here already are still read.
    broken: Option<Error>,
    /// Callers who have their replies and have not been woken, and how many more may be
    /// on this turn.
    woken: VecDeque<Waker>,
    may_wake: usize,
}

/// So many callers are woken at once. The next are when these have run: what they send
/// next goes out first, so that the server has something to do meanwhile. All together
/// they would keep it waiting, and it them.
const WAKES: usize = 64;

/// What one attempt to read brought.
enum Read {
    /// So many bytes, and whether there may be more at once.
    Some(usize, bool),
    Nothing,
    End(Error),
}

/// What there is to write.
enum Taken {
    Chunk(Option<Chunk>),
    /// There will be more of it when the callers have run that were woken.
    Later,
    /// First the push that comes next is to be passed on.
    Push,
}

/// What one attempt to write brought.
struct Wrote {
    chunk: Option<Chunk>,
    bytes: usize,
    is_blocked: bool,
}

impl<'a> Driver<'a> {
    pub(crate) fn new(shared: &'a Shared, ready: Ready, alarm: &'a mut Alarm) -> Driver<'a> {
        Driver {
            shared,
            stream: ready.stream,
            inbox: ready.inbox,
            alarm,
            has_waited: false,
            asks: false,
            events: Vec::new(),
            ended: None,
            broken: None,
            woken: VecDeque::new(),
            may_wake: 0,
        }
    }

    /// Lets those run who have their replies, some of them at once.
    fn wake(&mut self) {
        while self.may_wake > 0
            && let Some(waker) = self.woken.pop_front()
        {
            self.may_wake -= 1;
            waker.wake();
        }
    }

    /// Reads before it writes, so that a peer that has closed is noticed before
    /// it is given anything (E6).
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        self.may_wake = WAKES;
        let polled = self.advance(cx);
        self.wake();
        if !self.woken.is_empty() && polled.is_pending() {
            cx.waker().wake_by_ref();
        }
        polled
    }

    fn advance(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        // Replies of one turn lie ready at the most: whoever has not been woken has one,
        // and no more are read until all have been.
        let may_read = self.woken.is_empty();
        let mut blocked = false;
        let mut turn = 0;
        loop {
            if turn >= TURN {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            // What cannot be given to anybody yet comes first.
            let has_held = !self.inbox.is_drained();
            let read = match may_read && !has_held {
                true => self.read(cx),
                false => Read::Nothing,
            };
            if let Read::Some(bytes, _) = read {
                turn += bytes;
            }
            let now = Instant::now();
            let taken = self.take_over(&read, now, !blocked);
            self.wake();
            if !self.events.is_empty() {
                for event in self.events.drain(..) {
                    self.shared.tell(event);
                }
            }
            let chunk = match taken {
                Ok(Taken::Chunk(chunk)) => chunk,
                Ok(Taken::Later) => {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Ok(Taken::Push) => {
                    self.pass_on_push(read);
                    continue;
                }
                Err(end) => return Poll::Ready(end),
            };
            if let Read::End(error) = read {
                return Poll::Ready(End::Lost(error));
            }
            // Whoever has not asked for more is not told when there is.
            let has_asked = may_read && (!has_held || !self.inbox.is_drained());
            let is_quiet = matches!(read, Read::Nothing | Read::Some(_, false)) && has_asked;
            if is_quiet && let Some(error) = self.broken.take() {
                self.put_back(Wrote::of_nothing(chunk), now, None);
                return Poll::Ready(End::Lost(error));
            }
            let mut wrote = Wrote::of_nothing(chunk);
            self.write(cx, &mut wrote);
            blocked |= wrote.is_blocked;
            wrote.is_blocked = blocked;
            let park = (is_quiet && self.broken.is_none()).then(|| cx.waker());
            if let Some(until) = self.put_back(wrote, now, park) {
                self.alarm.set(cx, until);
                return Poll::Pending;
            }
            if !may_read {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
        }
    }

    /// Outside the lock, and before any reply behind it is handed out. What was
    /// read before the end of the stream comes before that end.
    fn pass_on_push(&mut self, read: Read) {
        let shared = self.shared;
        if let (Some(pushes), Some(frame)) =
            (shared.config.listeners.push_sender(), self.inbox.front())
        {
            pushes.message(shared.index, frame);
        }
        self.inbox.skip();
        if let Read::End(error) = read {
            self.ended = Some(error);
        }
    }

    /// Whether new credentials are to be asked for; told once.
    pub(crate) fn asks(&mut self) -> bool {
        std::mem::take(&mut self.asks)
    }

    fn read(&mut self, cx: &mut Context<'_>) -> Read {
        if let Some(error) = self.ended.take() {
            return Read::End(error);
        }
        let address = &self.shared.config.address;
        let lost = |how, source| Read::End(Error::lost(address, how, source));
        match self.stream.poll_read(cx, self.inbox.room()) {
            Poll::Pending => Read::Nothing,
            Poll::Ready(Ok(0)) => lost(CLOSED, None),
            Poll::Ready(Err(error)) => lost("reading failed", Some(error.into())),
            Poll::Ready(Ok(bytes)) => match self.inbox.scan() {
                Ok(()) => Read::Some(bytes, self.stream.may_have_more(cx)),
                Err(error) => lost("the server sent no RESP", Some(error.into())),
            },
        }
    }

    /// Hands over what was read, and takes what is to be written.
    fn take_over(&mut self, read: &Read, now: Instant, may_write: bool) -> Result<Taken, End> {
        let config = &self.shared.config;
        let inbox = &mut self.inbox;
        let wants_pushes = config.listeners.push_sender().is_some();
        let (has_waited, asks) = (&mut self.has_waited, &mut self.asks);
        let events = &mut self.events;
        let alarm = &*self.alarm;
        let has_ended = self.ended.is_some() || matches!(read, Read::End(_));
        let may_write = may_write && self.broken.is_none() && !has_ended;
        let others_come_later = !self.woken.is_empty();
        let mut rests = false;
        let taken = self.shared.with_driver(&mut self.woken, |state| {
            if state.is_closed {
                return Err(End::Closed);
            }
            state.note_use(now);
            if let Read::Some(bytes, _) = read {
                state.statistics.bytes_read += *bytes as u64;
                (state.heard, state.alive) = (now, now);
            }
            if state.protocol.distribute(inbox, wants_pushes).is_err() {
                let how = "the server sent a reply that nobody had asked for";
                return Err(End::Lost(Error::lost(&config.address, how, None)));
            }
            if inbox.next_is_push() == Some(true) {
                state.statistics.pushes += 1;
                return Ok(Taken::Push);
            }
            state.awaits_writer = !inbox.is_drained();
            state.expire(now, config);
            if state.has_closed(now, config) {
                return Err(End::Closed);
            }
            if state.protocol.owed() == 0 {
                state.alive = now;
            }
            let is_silent = state.silent_at(config).is_some_and(|at| at <= now);
            let looked = state.look_after(now, config, events);
            rests = looked == Ok(true);
            if let Some(how) = looked.err().or(is_silent.then_some(SILENT)) {
                // A runtime that had no time may not have told us what has come.
                match state.second_look {
                    Some(at) if alarm.has_rung(at) => {
                        return Err(End::Lost(Error::lost(&config.address, how, None)));
                    }
                    Some(_) => {}
                    None => state.second_look = Some(now + SECOND_LOOK),
                }
            } else {
                state.second_look = None;
            }
            *asks |= state.upkeep.reauth.asks(now);
            let is_due = state.upkeep.reauth.due().is_some();
            state.awaits_writer |= is_due && state.protocol.is_in_hand();
            let holds_back = state.holds_back();
            if holds_back && state.is_quarantined && state.protocol.owed() == 0 {
                return Err(End::Lost(Error::lost(&config.address, "quarantined", None)));
            }
            if !may_write || holds_back || !state.protocol.has_unwritten() {
                return Ok(Taken::Chunk(None));
            }
            if state.has_ended() {
                return Err(End::Lost(Error::lost(&config.address, CLOSED, None)));
            }
            // Once: those who were woken just now come first, so that what they
            // send next goes out in this write and not in one each.
            let filling = state.protocol.is_filling() && !others_come_later;
            *has_waited = filling && !*has_waited;
            if *has_waited {
                return Ok(Taken::Later);
            }
            Ok(Taken::Chunk(state.protocol.take()))
        });
        if rests {
            self.inbox.rest();
            self.woken.shrink_to_fit();
        }
        taken
    }

    /// Writes what can be written of it.
    fn write(&mut self, cx: &mut Context<'_>, wrote: &mut Wrote) {
        let address = &self.shared.config.address;
        let mut fail = |source| {
            self.broken = Some(Error::lost(address, "writing failed", source));
        };
        if let Some(chunk) = &wrote.chunk {
            match chunk.write_with(|pieces| self.stream.poll_write(cx, pieces)) {
                Poll::Pending => wrote.is_blocked = true,
                Poll::Ready(Ok(0)) => fail(None),
                Poll::Ready(Ok(bytes)) => wrote.bytes = bytes,
                Poll::Ready(Err(error)) => fail(Some(error.into())),
            }
        }
        if let Poll::Ready(Err(error)) = self.stream.poll_flush(cx) {
            fail(Some(error.into()));
        }
    }

    /// Gives back what was not written. With a waker, and unless there is more to
    /// write, the task is parked: the outer `Some`; the inner one says until when.
    fn put_back(
        &mut self,
        wrote: Wrote,
        now: Instant,
        park: Option<&Waker>,
    ) -> Option<Option<Instant>> {
        let alarm = &*self.alarm;
        let config = &self.shared.config;
        self.shared
            .with_driver(&mut self.woken, |state: &mut State| {
                if let Some(chunk) = wrote.chunk {
                    state.wrote(chunk, wrote.bytes, now);
                }
                let may_write = !wrote.is_blocked && !state.holds_back();
                let more = may_write && state.protocol.has_unwritten();
                let waker = park.filter(|_| !more && !state.is_closed)?;
                let until = alarm.until(state.next_due(config), now);
                state.parked = Some(Parked {
                    waker: waker.clone(),
                    for_bytes: may_write,
                    gathers: !wrote.is_blocked && state.protocol.gathers(),
                    until,
                });
                Some(until)
            })
    }
}

impl Drop for Driver<'_> {
    /// Whoever has its replies is to find them, whatever becomes of the connection.
    fn drop(&mut self) {
        self.woken.drain(..).for_each(Waker::wake);
    }
}

impl Wrote {
    fn of_nothing(chunk: Option<Chunk>) -> Wrote {
        Wrote {
            chunk,
            bytes: 0,
            is_blocked: false,
        }
    }
}
