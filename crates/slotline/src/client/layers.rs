//! Layers of the user's own, kept until the stack they go around is made.

use std::sync::Arc;

use slotline_pipeline::{BoxError, Request, Response};
use tower::util::BoxCloneSyncService;
use tower::{Layer, Service, ServiceExt};

use crate::stack::Layered;

/// Puts one more layer around.
pub(super) type Wrap = Arc<dyn Fn(Layered) -> Layered + Send + Sync>;

/// Forgets the type of a layer.
pub(super) fn wrap<L>(layer: L) -> Wrap
where
    L: Layer<Layered> + Send + Sync + 'static,
    L::Service: Service<Request, Response = Response> + Clone + Send + Sync + 'static,
    <L::Service as Service<Request>>::Error: Into<BoxError>,
    <L::Service as Service<Request>>::Future: Send,
{
    Arc::new(move |inner| BoxCloneSyncService::new(layer.layer(inner).map_err(Into::into)))
}
