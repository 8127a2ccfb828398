//! One direction of one connection, as plain data: what it holds, what is wrong
//! with it, and so what is to be done with it next. No IO, its time an argument.

use std::collections::VecDeque;
use std::task::Waker;
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::time::Instant;

use super::faults::{Cut, Faults, Here, Order, Rewriter, Since, Start, When};
use super::frames::Piece;
use super::traffic::Traffic;

/// What a direction holds at the most, unless the test has said.
const HELD: usize = 64 << 10;
/// The same while there is a delay, which holds whatever is on its way.
const HELD_BY_DELAY: usize = 16 << 20;

/// How the sender has ended its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tail {
    /// It has said all it had to say.
    End,
    /// It is gone.
    Reset,
}

/// What is to be done next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Pass on what can be of these, and say how much that was.
    Write(Bytes),
    /// Nothing, before this time or a change.
    Wait(Option<Instant>),
    /// End the connection.
    Cut(Cut),
    /// Tell the receiver how the stream has ended.
    End(Tail),
}

#[derive(Debug)]
struct Held {
    bytes: Bytes,
    /// When it came; an injection that is not delayed has no such time.
    since: Option<Instant>,
    is_injection: bool,
}

#[derive(Debug)]
pub(super) struct Lane {
    faults: Faults,
    pub(super) traffic: Traffic,
    /// What the test allows it to hold.
    bound: Option<usize>,
    queue: VecDeque<Held>,
    held: usize,
    tail: Option<(Tail, Instant)>,
    /// Whether the present pause, or halt of reading, has been counted.
    is_pause_counted: bool,
    is_unread_counted: bool,
    /// There is no receiver, or none any more.
    pub(super) is_deaf: bool,
    /// The task that moves the bytes, while it waits.
    waker: Option<Waker>,
}

impl Lane {
    pub(super) fn new(faults: Faults, bound: Option<usize>) -> Lane {
        Lane {
            faults,
            traffic: Traffic::default(),
            bound,
            queue: VecDeque::new(),
            held: 0,
            tail: None,
            is_pause_counted: false,
            is_unread_counted: false,
            is_deaf: false,
            waker: None,
        }
    }

    fn here(&self) -> Here {
        Here {
            arrived: self.traffic.arrived,
            gone: self.traffic.passed + self.traffic.swallowed,
        }
    }

    /// Does what the test asks for from here on, or from a byte on.
    #[must_use = "who moves the bytes has to be woken"]
    pub(super) fn take_order(&mut self, order: &Order, start: Start) -> Option<Waker> {
        self.faults.take(order, start, self.here());
        match order {
            Order::Pause => self.is_pause_counted = false,
            Order::StopReading => self.is_unread_counted = false,
            _ => {}
        }
        self.waker.take()
    }

    pub(super) fn park(&mut self, waker: &Waker) {
        self.waker = Some(waker.clone());
    }

    /// How many bytes may be read now.
    pub(super) fn room(&self) -> usize {
        let most = match (self.bound, &self.faults.delay) {
            (Some(bound), _) => bound,
            (None, Some(_)) => HELD_BY_DELAY,
            (None, None) => HELD,
        };
        let room = most.saturating_sub(self.held);
        match &self.faults.stop {
            Some(stop) => {
                let before = stop.from.saturating_sub(self.traffic.arrived);
                room.min(usize::try_from(before).unwrap_or(usize::MAX))
            }
            None => room,
        }
    }

    /// Whether reading has been stopped, and bytes that come are to be noticed.
    pub(super) fn minds_unread(&self) -> bool {
        let stopped = self.faults.stop.as_ref();
        !self.is_unread_counted && stopped.is_some_and(|it| it.at(self.traffic.arrived).is_some())
    }

    /// Bytes have come while reading was stopped.
    pub(super) fn note_unread(&mut self) {
        self.is_unread_counted = true;
        self.traffic.left_unread += 1;
    }

    pub(super) fn rewriter(&self) -> Option<Since<Rewriter>> {
        self.faults.rewrite.clone()
    }

    /// So many bytes have come, and these are to go on. `boundary` says where the
    /// next frame begins, unless one has been begun.
    pub(super) fn take_in(
        &mut self,
        arrived: usize,
        pieces: Vec<Piece>,
        boundary: Option<u64>,
        now: Instant,
    ) {
        self.traffic.arrived += arrived as u64;
        // What came together goes on together, as without a proxy.
        let mut together = Vec::new();
        for piece in pieces {
            self.traffic.rewritten += u64::from(piece.is_rewritten);
            self.traffic.frames += u64::from(piece.ends_at.is_some());
            together.push(piece.bytes);
            if let Some(end) = piece.ends_at {
                self.inject_at_boundary(end, &mut together, now);
            }
        }
        if let Some(boundary) = boundary {
            self.inject_at_boundary(boundary, &mut together, now);
        }
        self.hold(joined(together), now, false);
    }

    /// Puts what is to be injected at a boundary behind what comes before it.
    fn inject_at_boundary(&mut self, boundary: u64, before: &mut Vec<Bytes>, now: Instant) {
        let is_due = |it: &mut Since<Bytes>| it.at(boundary).is_some();
        let due: Vec<_> = self.faults.between.extract_if(.., is_due).collect();
        if due.is_empty() {
            return;
        }
        self.hold(joined(std::mem::take(before)), now, false);
        for injection in due {
            self.hold(injection.what, now, true);
        }
    }

    fn hold(&mut self, bytes: Bytes, now: Instant, is_injection: bool) {
        if bytes.is_empty() {
            return;
        }
        self.held += bytes.len();
        self.queue.push_back(Held {
            bytes,
            since: Some(now),
            is_injection,
        });
    }

    /// The sender has ended its stream.
    pub(super) fn end(&mut self, tail: Tail, now: Instant) {
        self.tail = Some((tail, now));
    }

    /// What is to be done now.
    pub(super) fn next(&mut self, now: Instant) -> Next {
        loop {
            let position = self.here().gone;
            if let Some(how) = self.cut(position, When::AtOnce) {
                return Next::Cut(how);
            }
            self.inject_here(position);
            let holds = |fault: &Option<Since<()>>| {
                let fault = fault.as_ref();
                fault.is_some_and(|it| it.at(position).is_some())
            };
            if holds(&self.faults.pause) {
                let holds_back = !self.queue.is_empty() || self.tail.is_some();
                if holds_back && !self.is_pause_counted {
                    self.is_pause_counted = true;
                    self.traffic.pauses += 1;
                }
                return Next::Wait(None);
            }
            let swallows = self.is_deaf || holds(&self.faults.swallow);
            let Some(front) = self.queue.front_mut() else {
                return self.next_end(swallows, now);
            };
            let alike = usize::try_from(self.faults.alike(position)).unwrap_or(usize::MAX);
            let len = front.bytes.len().min(alike);
            if swallows {
                front.bytes.advance(len);
                self.held = self.held.saturating_sub(len);
                self.traffic.swallowed += len as u64;
                if front.bytes.is_empty() {
                    self.queue.pop_front();
                }
                continue;
            }
            if let Some(due) = self.due(position, now) {
                return Next::Wait(Some(due));
            }
            if let Some(how) = self.cut(position, When::InsteadOfMore) {
                return Next::Cut(how);
            }
            let pieces = self.faults.pieces.as_ref().and_then(|it| it.at(position));
            let len = len.min(pieces.copied().unwrap_or(usize::MAX));
            let front = self.queue.front().map(|it| it.bytes.slice(..len));
            return Next::Write(front.unwrap_or_default());
        }
    }

    /// The cut that is due, which is then no longer wanted.
    fn cut(&mut self, position: u64, now: When) -> Option<Cut> {
        let (when, how) = *self.faults.cut.as_ref()?.at(position)?;
        if when != now {
            return None;
        }
        self.faults.cut = None;
        self.traffic.cuts += 1;
        Some(how)
    }

    /// When what is at the front may go on, if that is later.
    fn due(&self, position: u64, now: Instant) -> Option<Instant> {
        let since = self.queue.front()?.since?;
        let due = since + self.delay(position)?;
        (due > now).then_some(due)
    }

    fn delay(&self, position: u64) -> Option<Duration> {
        let delay = self.faults.delay.as_ref()?;
        delay.at(position).copied()
    }

    fn next_end(&self, swallows: bool, now: Instant) -> Next {
        let Some((tail, since)) = self.tail else {
            return Next::Wait(None);
        };
        // Nothing comes through a line that swallows, an end neither; but whoever
        // speaks to nobody has ended when it has.
        if swallows && !self.is_deaf {
            return Next::Wait(None);
        }
        let due = self.delay(self.here().gone).map(|delay| since + delay);
        match due.filter(|due| *due > now) {
            Some(due) => Next::Wait(Some(due)),
            None => Next::End(tail),
        }
    }

    /// Puts in front what is to be injected at this byte.
    fn inject_here(&mut self, position: u64) {
        let is_due = |it: &mut Since<Bytes>| it.at(position).is_some();
        let due: Vec<_> = self.faults.injections.extract_if(.., is_due).collect();
        for injection in due.into_iter().rev() {
            self.held += injection.what.len();
            self.queue.push_front(Held {
                bytes: injection.what,
                since: None,
                is_injection: true,
            });
        }
    }

    /// So many of the bytes of the last [`Next::Write`] have been passed on.
    /// Whether they were a piece, behind which others get a chance to run.
    pub(super) fn wrote(&mut self, bytes: usize) -> bool {
        let position = self.here().gone;
        let is_delayed = self.delay(position).is_some();
        let is_piece = self.faults.pieces.as_ref();
        let is_piece = is_piece.is_some_and(|it| it.at(position).is_some());
        self.traffic.passed += bytes as u64;
        self.traffic.pieces += u64::from(is_piece);
        self.held = self.held.saturating_sub(bytes);
        if let Some(front) = self.queue.front_mut() {
            if is_delayed && front.since.is_some() {
                self.traffic.delayed += bytes as u64;
            }
            front.bytes.advance(bytes.min(front.bytes.len()));
            if front.bytes.is_empty() {
                self.traffic.injected += u64::from(front.is_injection);
                self.queue.pop_front();
            }
        }
        is_piece
    }
}

/// All of them one after another.
fn joined(mut pieces: Vec<Bytes>) -> Bytes {
    if pieces.len() > 1 {
        return pieces.concat().into();
    }
    pieces.pop().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn lane(orders: &[(Order, u64)]) -> Lane {
        let mut lane = Lane::new(Faults::default(), None);
        for (order, from) in orders {
            assert!(lane.take_order(order, Start::Byte(*from)).is_none());
        }
        lane
    }

    fn arrive(lane: &mut Lane, bytes: &'static str, now: Instant) {
        let piece = Piece {
            bytes: Bytes::from_static(bytes.as_bytes()),
            is_rewritten: false,
            ends_at: None,
        };
        lane.take_in(bytes.len(), vec![piece], None, now);
    }

    /// Everything that goes out at this moment, `|` between the writes, and then
    /// what is to be waited for.
    fn out(lane: &mut Lane, now: Instant) -> (String, Next) {
        let mut writes = Vec::new();
        loop {
            match lane.next(now) {
                Next::Write(bytes) => {
                    writes.push(String::from_utf8_lossy(&bytes).into_owned());
                    lane.wrote(bytes.len());
                }
                next => return (writes.join("|"), next),
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_delay_counts_from_when_each_byte_came() {
        let start = Instant::now();
        let mut lane = lane(&[(Order::Delay(SECOND), 2)]);
        arrive(&mut lane, "abc", start);
        arrive(&mut lane, "def", start + SECOND / 2);
        lane.end(Tail::End, start + SECOND);
        let due = |half: u32| Next::Wait(Some(start + half * SECOND / 2));
        assert_eq!(out(&mut lane, start), ("ab".into(), due(2)));
        assert_eq!(out(&mut lane, start + SECOND), ("c".into(), due(3)));
        let end = start + 2 * SECOND;
        assert_eq!(out(&mut lane, end - SECOND / 4), ("def".into(), due(4)));
        assert_eq!(out(&mut lane, end), (String::new(), Next::End(Tail::End)));
        assert_eq!((lane.traffic.delayed, lane.held), (4, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn each_fault_begins_at_its_byte() {
        let now = Instant::now();
        let inject = |text: &'static str| Order::Inject(Bytes::from_static(text.as_bytes()));
        let at_once = |bytes| Order::Cut(bytes, When::AtOnce, Cut::Close);
        let beyond = |bytes| Order::Cut(bytes, When::InsteadOfMore, Cut::Close);
        for (orders, writes, next) in [
            (vec![], "0123456789", Next::Wait(None)),
            (
                vec![(Order::Pieces(3), 1)],
                "0|123|456|789",
                Next::Wait(None),
            ),
            (vec![(Order::Pieces(0), 0)], "0123456789", Next::Wait(None)),
            (vec![(Order::Pause, 4)], "0123", Next::Wait(None)),
            (vec![(Order::Swallow, 4)], "0123", Next::Wait(None)),
            (
                vec![(at_once(3), 4), (Order::Pieces(5), 0)],
                "01234|56",
                Next::Cut(Cut::Close),
            ),
            (vec![(at_once(10), 0)], "0123456789", Next::Cut(Cut::Close)),
            (vec![(beyond(9), 0)], "012345678", Next::Cut(Cut::Close)),
            (vec![(beyond(10), 0)], "0123456789", Next::Wait(None)),
            (
                vec![(beyond(2), 0), (Order::Pause, 2)],
                "01",
                Next::Wait(None),
            ),
            (
                vec![(inject("ab"), 2), (inject("c"), 2), (Order::Pause, 6)],
                "01|ab|c|2",
                Next::Wait(None),
            ),
            (
                vec![(Order::Pause, 2), (at_once(0), 2)],
                "01",
                Next::Cut(Cut::Close),
            ),
            (
                vec![(Order::Pause, 2), (Order::Swallow, 1), (Order::Heal, 0)],
                "0123456789",
                Next::Wait(None),
            ),
        ] {
            let mut lane = lane(&orders);
            arrive(&mut lane, "0123456789", now);
            assert_eq!(out(&mut lane, now), (writes.into(), next), "{orders:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn there_is_room_for_as_much_as_the_faults_need() {
        let now = Instant::now();
        let mut lane = lane(&[(Order::StopReading, 3)]);
        assert_eq!((lane.room(), lane.minds_unread()), (3, false));
        arrive(&mut lane, "abc", now);
        assert_eq!((lane.room(), lane.minds_unread()), (0, true));
        lane.note_unread();
        assert!(!lane.minds_unread());
        let _ = lane.take_order(&Order::Resume, Start::Now);
        assert_eq!(lane.room(), HELD - 3);
        let _ = lane.take_order(&Order::Delay(SECOND), Start::Now);
        assert_eq!(lane.room(), HELD_BY_DELAY - 3);
        lane.bound = Some(2);
        assert_eq!(lane.room(), 0);
    }
}
