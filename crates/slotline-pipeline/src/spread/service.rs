use std::sync::Arc;
use std::task::{Context, Poll};

use tower::Service;

use super::SpreadFuture;
use super::parts::Parts;
use super::split::split;
use crate::cluster::Cluster;
use crate::error::{BoxError, Error};
use crate::observe::What;
use crate::request::Request;
use crate::response::Response;

/// The service that [`SpreadLayer`](super::SpreadLayer) makes.
#[derive(Debug, Clone)]
pub struct Spread<S> {
    inner: S,
    cluster: Cluster,
}

impl<S> Spread<S> {
    pub(super) fn new(inner: S, cluster: Cluster) -> Spread<S> {
        Spread { inner, cluster }
    }

    /// What the request becomes if some command of it is to be spread.
    #[cold]
    fn spread(&self, request: Request) -> (Request, Option<Arc<Parts>>) {
        if request.rare().is_transaction {
            return (request, None);
        }
        let snapshot = self.cluster.snapshot();
        let Some((commands, parts)) = split(&request.commands, snapshot.topology()) else {
            return (request, None);
        };
        drop(snapshot);
        for spread in parts.all() {
            request.note([spread.at], || What::Spread {
                parts: spread.parts.len(),
            });
        }
        let parts = Arc::new(parts);
        (request.spread(commands, &parts), Some(parts))
    }
}

impl<S> Service<Request> for Spread<S>
where
    S: Service<Request, Response = Response>,
    S::Error: Into<BoxError>,
{
    type Response = Response;
    type Error = Error;
    type Future = SpreadFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx).map_err(Error::of_layer)
    }

    #[inline]
    fn call(&mut self, request: Request) -> SpreadFuture<S::Future> {
        if !request.commands.may_spread() {
            return SpreadFuture::new(self.inner.call(request), 0, None);
        }
        let (request, parts) = self.spread(request);
        let sent = request.len();
        SpreadFuture::new(self.inner.call(request), sent, parts)
    }
}
