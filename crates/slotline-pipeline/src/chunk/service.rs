use std::task::{Context, Poll};

use tower::Service;

use super::ChunkFuture;
use super::layer::Limits;
use crate::error::{BoxError, Error};
use crate::request::Request;
use crate::response::Response;

/// The service that [`ChunkLayer`](super::ChunkLayer) makes.
#[derive(Debug, Clone)]
pub struct Chunk<S> {
    inner: S,
    limits: Limits,
}

impl<S> Chunk<S> {
    pub(crate) fn new(inner: S, limits: Limits) -> Chunk<S> {
        Chunk { inner, limits }
    }
}

impl<S> Service<Request> for Chunk<S>
where
    S: Service<Request, Response = Response> + Clone,
    S::Error: Into<BoxError>,
{
    type Response = Response;
    type Error = Error;
    type Future = ChunkFuture<S>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx).map_err(Error::of_layer)
    }

    #[inline]
    fn call(&mut self, request: Request) -> ChunkFuture<S> {
        let commands = request.commands();
        let fits =
            commands.len() <= self.limits.commands && commands.byte_len() <= self.limits.bytes;
        if fits || request.rare().is_transaction {
            let track = request.rare().track.as_ref();
            let followed = track.filter(|track| track.progress.is_some()).cloned();
            return ChunkFuture::whole(request.len(), followed, self.inner.call(request));
        }
        // The service that is ready holds what it has reserved for this call.
        let next = self.inner.clone();
        let ready = std::mem::replace(&mut self.inner, next.clone());
        ChunkFuture::cut(ready, next, self.limits, request)
    }
}
