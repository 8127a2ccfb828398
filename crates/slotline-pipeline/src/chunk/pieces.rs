//! Several pieces of one request on their way.

use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use slotline_resp::{CommandInfo, Commands};
use tokio::time::Instant;
use tower::Service;

use super::layer::Limits;
use crate::attempt::Attempt;
use crate::error::{BoxError, Error};
use crate::ledger::Ledger;
use crate::order;
use crate::request::{Request, Targets};
use crate::response::Response;
use crate::route::changes_session;

/// A call whose place is used again for the next one.
type Call<S> = Pin<Box<Attempt<S, Request>>>;

/// The pieces under way, what is left to send, and the outcomes so far.
pub(super) struct Pieces<S: Service<Request>> {
    /// For the first piece.
    ready: Option<S>,
    service: S,
    limits: Limits,
    request: Request,
    ledger: Arc<Ledger>,
    response: Response,
    /// Where the next piece begins.
    next: usize,
    /// What is behind this is not sent: a command before it changes its
    /// connection, and will be refused.
    end: usize,
    under_way: Vec<UnderWay<S>>,
    /// Calls that have ended, for their places.
    spare: Vec<Call<S>>,
    /// What a piece could not send again without crossing another (O1).
    behind: Option<(Call<S>, Vec<u32>)>,
}

struct UnderWay<S: Service<Request>> {
    call: Call<S>,
    piece: usize,
    range: Range<usize>,
}

impl<S: Service<Request> + Clone> Pieces<S> {
    pub(super) fn new(ready: S, service: S, limits: Limits, request: Request) -> Pieces<S> {
        let commands = request.commands.clone();
        let mut pieces = Pieces {
            ready: Some(ready),
            service,
            limits,
            ledger: Arc::new(Ledger::new(commands.clone())),
            response: Response::unset(commands.len()),
            next: 0,
            end: commands.len(),
            under_way: Vec::with_capacity(limits.in_flight),
            spare: Vec::new(),
            behind: None,
            request,
        };
        pieces.end_with_the_refused();
        pieces
    }

    /// If a command changes its connection, it will be refused, and what is behind
    /// it counts on what it would have set: pieces behind its own are not sent.
    fn end_with_the_refused(&mut self) {
        let commands = self.request.commands.clone();
        let refused = commands
            .refused_when_shared()
            .and_then(|_| commands.iter().position(changes_session));
        let Some(refused) = refused else {
            return;
        };
        let mut end = 0;
        while end <= refused {
            end = piece_end(&commands, end, self.limits);
        }
        self.end = end;
        let name = commands.get(refused).map_or("", |command| command.name());
        for at in end..commands.len() {
            if let Some(command) = commands.get(at) {
                self.response.fail(at, Error::behind(command.name(), name));
            }
        }
        self.made_progress(end as u32..commands.len() as u32);
    }

    fn made_progress(&self, indexes: impl Iterator<Item = u32>) {
        if let Some(track) = self.request.rare().track.as_deref() {
            track.answered(indexes);
        }
    }

    /// Begins a piece, if one can be begun now: in their order, and no more than
    /// are allowed at once.
    fn begin(&mut self) -> bool {
        // One that waits for room is called first: those behind it stay there.
        let waits = self
            .under_way
            .last()
            .is_some_and(|last| !last.call.is_called());
        if waits || self.next >= self.end || self.under_way.len() >= self.limits.in_flight {
            return false;
        }
        let end = piece_end(&self.request.commands, self.next, self.limits);
        let range = self.next..end;
        let piece = self.ledger.begin(range.clone());
        let request = self.request.piece(range.clone(), &self.ledger, piece);
        let service = self.ready.take().unwrap_or_else(|| self.service.clone());
        let call = self.call(service, request);
        self.under_way.push(UnderWay { call, piece, range });
        self.next = end;
        true
    }

    fn call(&mut self, service: S, request: Request) -> Call<S> {
        let attempt = Attempt::new(service, request, self.request.deadline);
        match self.spare.pop() {
            Some(mut spare) => {
                spare.set(attempt);
                spare
            }
            None => Box::pin(attempt),
        }
    }

    fn info(&self, index: usize) -> &'static CommandInfo {
        let command = self.request.commands.get(index);
        command.map_or(&CommandInfo::UNKNOWN, |command| command.info())
    }

    /// Sends again what the pieces handed over, as far as nothing is in its way.
    fn send_what_stayed_behind(&mut self) -> bool {
        if self.behind.is_some() {
            return false;
        }
        let ready = self.ledger.ready();
        if ready.is_empty() {
            return false;
        }
        let forbidden = order::forbidden(&self.request.commands, &ready, |index| {
            self.response.is_set(index) && self.response.may_have_run(index, self.info(index))
        });
        let is_over = Instant::now() >= self.request.deadline;
        let mut again = Vec::with_capacity(ready.len());
        let mut final_now = Vec::new();
        for index in ready {
            if forbidden.contains(&index) {
                let info = self.info(index as usize);
                self.response.forbid(index as usize, info);
                final_now.push(index);
            } else if is_over {
                final_now.push(index);
            } else {
                again.push(index);
            }
        }
        self.ledger.settled(&final_now);
        self.made_progress(final_now.iter().copied());
        let most = prefix(&self.request.commands, &again, self.limits);
        again.truncate(most);
        if again.is_empty() {
            return !final_now.is_empty();
        }
        let request = self.request.pick(&again, Targets::BySlot);
        let service = self.service.clone();
        let call = self.call(service, request);
        self.behind = Some((call, again));
        true
    }
}

impl<S> Pieces<S>
where
    S: Service<Request, Response = Response> + Clone,
    S::Error: Into<BoxError>,
{
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Response> {
        loop {
            while self.begin() {}
            let mut moved = self.poll_pieces(cx);
            moved |= self.poll_behind(cx);
            moved |= self.send_what_stayed_behind();
            if self.under_way.is_empty() && self.behind.is_none() && self.next >= self.end {
                return Poll::Ready(std::mem::take(&mut self.response));
            }
            if !moved {
                return Poll::Pending;
            }
        }
    }

    /// Whether any piece came further, so that there is more to be done.
    fn poll_pieces(&mut self, cx: &mut Context<'_>) -> bool {
        let mut moved = false;
        let mut at = 0;
        while let Some(under_way) = self.under_way.get_mut(at) {
            let waited = !under_way.call.is_called();
            let Poll::Ready(outcome) = under_way.call.as_mut().poll(cx) else {
                moved |= waited && under_way.call.is_called();
                at += 1;
                continue;
            };
            moved = true;
            let UnderWay { call, piece, range } = self.under_way.remove(at);
            self.spare.push(call);
            let part = Response::of_call(outcome, range.len());
            let all = range.start as u32..range.end as u32;
            self.response.take_part(range, part);
            self.ledger.done(piece);
            self.made_progress(all.filter(|index| !self.ledger.is_handed(*index)));
        }
        moved
    }

    fn poll_behind(&mut self, cx: &mut Context<'_>) -> bool {
        let Some((call, _)) = &mut self.behind else {
            return false;
        };
        let Poll::Ready(outcome) = call.as_mut().poll(cx) else {
            return false;
        };
        if let Some((call, again)) = self.behind.take() {
            self.spare.push(call);
            let part = Response::of_call(outcome, again.len());
            let indexes = again.iter().map(|index| *index as usize);
            self.response.take_part(indexes, part);
            self.ledger.settled(&again);
            self.made_progress(again.iter().copied());
        }
        true
    }
}

/// Where the piece that begins at `start` ends: behind at least one command.
fn piece_end(commands: &Commands, start: usize, limits: Limits) -> usize {
    let rest = (start..commands.len()).take(limits.commands);
    start + fitting(commands, rest, limits)
}

/// How many of the commands at `indexes` fit into one piece.
fn prefix(commands: &Commands, indexes: &[u32], limits: Limits) -> usize {
    let indexes = indexes.iter().map(|index| *index as usize);
    fitting(commands, indexes.take(limits.commands), limits)
}

fn fitting(commands: &Commands, indexes: impl Iterator<Item = usize>, limits: Limits) -> usize {
    let mut bytes = 0;
    let fitting = indexes.take_while(|index| {
        let command = commands.get(*index);
        bytes += command.map_or(0, |command| command.byte_len());
        bytes <= limits.bytes
    });
    fitting.count().max(1)
}

#[cfg(test)]
mod tests {
    use slotline_resp::{CommandBuffer, known};

    use super::*;

    fn ends(sizes: &[usize], limits: Limits) -> Vec<usize> {
        let mut buffer = CommandBuffer::new();
        for size in sizes {
            buffer.begin(&known::GET, 1).key(&"k".repeat(*size));
        }
        let commands = buffer.freeze();
        let mut ends = vec![0];
        while ends[ends.len() - 1] < commands.len() {
            ends.push(piece_end(&commands, ends[ends.len() - 1], limits));
        }
        ends.split_off(1)
    }

    #[test]
    fn a_piece_ends_at_either_limit_and_never_before_one_command() {
        let limits = |commands, bytes| Limits {
            commands,
            bytes,
            in_flight: 1,
        };
        assert_eq!(ends(&[1; 5], limits(2, 1 << 20)), [2, 4, 5]);
        assert_eq!(ends(&[1; 3], limits(9, 45)), [2, 3]);
        assert_eq!(ends(&[900, 1, 900], limits(9, 100)), [1, 2, 3]);
        assert_eq!(ends(&[1; 2], limits(1, 0)), [1, 2]);
    }
}
