use std::sync::Arc;
use std::task::{Context, Poll};

use tower::Service;

use super::future::{Follow, RedirectFuture};
use super::layer::Way;
use crate::error::{BoxError, Error};
use crate::request::Request;
use crate::resend::Resending;
use crate::response::Response;

/// The service that [`RedirectLayer`](super::RedirectLayer) makes.
#[derive(Debug, Clone)]
pub struct Redirect<S> {
    inner: S,
    way: Arc<Way>,
}

impl<S> Redirect<S> {
    pub(super) fn new(inner: S, way: Arc<Way>) -> Redirect<S> {
        Redirect { inner, way }
    }
}

impl<S> Service<Request> for Redirect<S>
where
    S: Service<Request, Response = Response> + Clone,
    S::Error: Into<BoxError>,
{
    type Response = Response;
    type Error = Error;
    type Future = RedirectFuture<S>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx).map_err(Error::of_layer)
    }

    #[inline]
    fn call(&mut self, request: Request) -> RedirectFuture<S> {
        let decide = Follow::new(Arc::clone(&self.way));
        RedirectFuture::new(Resending::new(&mut self.inner, request, decide))
    }
}
