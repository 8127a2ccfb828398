use std::sync::Arc;
use std::task::{Context, Poll};

use tower::Service;

use super::future::{AsPolicySays, RetryFuture};
use super::policy::RetryPolicy;
use crate::error::{BoxError, Error};
use crate::request::Request;
use crate::resend::Resending;
use crate::response::Response;

/// The service that [`RetryLayer`](super::RetryLayer) makes.
#[derive(Debug, Clone)]
pub struct Retry<S> {
    inner: S,
    policy: Arc<dyn RetryPolicy>,
}

impl<S> Retry<S> {
    pub(crate) fn new(inner: S, policy: Arc<dyn RetryPolicy>) -> Retry<S> {
        Retry { inner, policy }
    }
}

impl<S> Service<Request> for Retry<S>
where
    S: Service<Request, Response = Response> + Clone,
    S::Error: Into<BoxError>,
{
    type Response = Response;
    type Error = Error;
    type Future = RetryFuture<S>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx).map_err(Error::of_layer)
    }

    #[inline]
    fn call(&mut self, request: Request) -> RetryFuture<S> {
        self.policy.sent(request.len());
        let decide = AsPolicySays::new(Arc::clone(&self.policy));
        RetryFuture::new(Resending::new(&mut self.inner, request, decide))
    }
}
