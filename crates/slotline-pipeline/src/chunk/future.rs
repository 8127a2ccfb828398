use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use slotline_resp::Commands;
use tower::Service;

use super::layer::Limits;
use crate::attempt::Attempt;
use crate::error::{BoxError, Error};
use crate::request::{Request, Targets};
use crate::response::Response;
use crate::route::changes_session;

pin_project! {
    /// The future of [`Chunk`](super::Chunk). Dropping it drops the piece under
    /// way; pieces behind it are not sent.
    pub struct ChunkFuture<S>
    where
        S: Service<Request>,
    {
        #[pin]
        state: State<S>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S>
    where
        S: Service<Request>,
    {
        Whole { commands: usize, #[pin] future: S::Future },
        Cut { #[pin] piece: Attempt<S, Request>, piece_end: usize, rest: Rest<S> },
    }
}

/// What is left to send, and the outcomes so far.
#[derive(Debug)]
struct Rest<S> {
    service: S,
    limits: Limits,
    request: Request,
    response: Response,
    /// The first command that changes its connection: it will be refused, and
    /// pieces behind it are not sent.
    refused: Option<usize>,
}

impl<S: Service<Request> + Clone> ChunkFuture<S> {
    pub(super) fn whole(commands: usize, future: S::Future) -> ChunkFuture<S> {
        ChunkFuture {
            state: State::Whole { commands, future },
        }
    }

    /// `ready` takes the first piece; the others go to clones of `service`.
    pub(super) fn cut(ready: S, service: S, limits: Limits, request: Request) -> ChunkFuture<S> {
        let commands = &request.commands;
        let refused = commands.refused_when_shared().and_then(|_| {
            let mut all = commands.iter();
            all.position(changes_session)
        });
        let mut rest = Rest {
            refused,
            service,
            limits,
            request,
            response: Response::default(),
        };
        let (piece, piece_end) = rest.piece(ready, 0);
        ChunkFuture {
            state: State::Cut {
                piece,
                piece_end,
                rest,
            },
        }
    }
}

impl<S: Service<Request> + Clone> Rest<S> {
    /// If what is refused lies before `piece_end`, ends all that is left with it.
    fn refuse_behind(&mut self, piece_end: usize) {
        let commands = &self.request.commands;
        let refused = self.refused.filter(|at| *at < piece_end);
        let Some(refused) = refused.and_then(|at| commands.get(at)) else {
            return;
        };
        for command in (piece_end..commands.len()).filter_map(|at| commands.get(at)) {
            let error = Error::behind(command.name(), refused.name());
            self.response.push_failure(error);
        }
    }

    /// The piece that begins with the command at `start`, and where it ends.
    fn piece(&mut self, service: S, start: usize) -> (Attempt<S, Request>, usize) {
        let end = piece_end(&self.request.commands, start, self.limits);
        let commands = self.request.commands.slice(start..end);
        let request = self.request.part(commands, Targets::BySlot);
        let deadline = self.request.deadline;
        (Attempt::new(service, request, deadline), end)
    }
}

/// Where the piece that begins at `start` ends: behind at least one command.
fn piece_end(commands: &Commands, start: usize, limits: Limits) -> usize {
    let mut bytes = 0;
    let most = limits.commands.min(commands.len() - start);
    let fitting = (start..start + most).take_while(|index| {
        let command = commands.get(*index);
        bytes += command.map_or(0, |command| command.byte_len());
        bytes <= limits.bytes
    });
    start + fitting.count().max(1)
}

impl<S> Future for ChunkFuture<S>
where
    S: Service<Request, Response = Response> + Clone,
    S::Error: Into<BoxError>,
{
    type Output = Result<Response, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            match state.as_mut().project() {
                StateProjection::Whole { commands, future } => {
                    let outcome = ready!(future.poll(cx));
                    return Poll::Ready(Ok(Response::of_call(outcome, *commands)));
                }
                StateProjection::Cut {
                    mut piece,
                    piece_end,
                    rest,
                } => {
                    let outcome = ready!(piece.as_mut().poll(cx));
                    let start = rest.response.len();
                    let part = Response::of_call(outcome, *piece_end - start);
                    rest.response.append(&part);
                    rest.refuse_behind(*piece_end);
                    if rest.response.len() >= rest.request.len() {
                        return Poll::Ready(Ok(std::mem::take(&mut rest.response)));
                    }
                    let (next, end) = rest.piece(rest.service.clone(), *piece_end);
                    piece.set(next);
                    *piece_end = end;
                }
            }
        }
    }
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
        let limits = |commands, bytes| Limits { commands, bytes };
        assert_eq!(ends(&[1; 5], limits(2, 1 << 20)), [2, 4, 5]);
        assert_eq!(ends(&[1; 3], limits(9, 45)), [2, 3]);
        assert_eq!(ends(&[900, 1, 900], limits(9, 100)), [1, 2, 3]);
        assert_eq!(ends(&[1; 2], limits(1, 0)), [1, 2]);
    }
}
