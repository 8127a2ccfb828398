use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use super::merge::merged;
use super::parts::Parts;
use crate::error::{BoxError, Error};
use crate::response::Response;

pin_project! {
    /// The future of [`Spread`](super::Spread). Dropping it drops all parts under way.
    #[derive(Debug)]
    pub struct SpreadFuture<F> {
        #[pin]
        future: F,
        sent: usize,
        // Of a request some of whose commands were spread.
        parts: Option<Arc<Parts>>,
    }
}

impl<F> SpreadFuture<F> {
    #[inline]
    pub(super) fn new(future: F, sent: usize, parts: Option<Arc<Parts>>) -> SpreadFuture<F> {
        SpreadFuture {
            future,
            sent,
            parts,
        }
    }
}

impl<F, E> Future for SpreadFuture<F>
where
    F: Future<Output = Result<Response, E>>,
    E: Into<BoxError>,
{
    type Output = Result<Response, Error>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let outcome = ready!(this.future.poll(cx));
        Poll::Ready(match this.parts {
            None => outcome.map_err(Error::of_layer),
            Some(parts) => Ok(merged(parts, Response::of_call(outcome, *this.sent))),
        })
    }
}
