use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tower::Service;

use super::layer::Limits;
use super::pieces::Pieces;
use crate::error::{BoxError, Error};
use crate::request::Request;
use crate::response::Response;
use crate::track::Track;

pin_project! {
    /// The future of [`Chunk`](super::Chunk). Dropping it drops the pieces under
    /// way; pieces behind them are not sent.
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
        Whole { commands: usize, track: Option<Arc<Track>>, #[pin] future: S::Future },
        Cut { pieces: Pieces<S> },
    }
}

impl<S: Service<Request> + Clone> ChunkFuture<S> {
    #[inline]
    pub(super) fn whole(
        commands: usize,
        track: Option<Arc<Track>>,
        future: S::Future,
    ) -> ChunkFuture<S> {
        ChunkFuture {
            state: State::Whole {
                commands,
                track,
                future,
            },
        }
    }

    /// `ready` takes the first piece; the others go to clones of `service`.
    pub(super) fn cut(ready: S, service: S, limits: Limits, request: Request) -> ChunkFuture<S> {
        ChunkFuture {
            state: State::Cut {
                pieces: Pieces::new(ready, service, limits, request),
            },
        }
    }
}

impl<S> Future for ChunkFuture<S>
where
    S: Service<Request, Response = Response> + Clone,
    S::Error: Into<BoxError>,
{
    type Output = Result<Response, Error>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProjection::Whole {
                commands,
                track,
                future,
            } => {
                let outcome = ready!(future.poll(cx));
                if let Some(track) = track {
                    track.answered(0..*commands as u32);
                }
                Poll::Ready(Ok(Response::of_call(outcome, *commands)))
            }
            StateProjection::Cut { pieces } => pieces.poll(cx).map(Ok),
        }
    }
}
