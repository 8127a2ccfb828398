use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use slotline_topology::{Endpoint, Topology};
use tower::Service;

use super::future::HedgeFuture;
use super::layer::Shared;
use crate::error::{BoxError, Error};
use crate::node::{Intent, MOST_MEASURED, Nodes, Part, PartResponse};

/// The service that [`HedgeLayer`](super::HedgeLayer) makes.
#[derive(Debug, Clone)]
pub struct Hedge<S> {
    inner: S,
    shared: Option<Arc<Shared>>,
    most_lag: Option<u64>,
}

impl<S> Hedge<S> {
    pub(super) fn new(inner: S, shared: Option<Arc<Shared>>, most_lag: Option<u64>) -> Hedge<S> {
        Hedge {
            inner,
            shared,
            most_lag,
        }
    }
}

impl<S> Service<Part> for Hedge<S>
where
    S: Service<Part, Response = PartResponse> + Clone,
    S::Error: Into<BoxError>,
    S::Future: Unpin,
{
    type Response = PartResponse;
    type Error = Error;
    type Future = HedgeFuture<S>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx).map_err(Error::of_layer)
    }

    #[inline]
    fn call(&mut self, part: Part) -> HedgeFuture<S> {
        let shared = self.shared.as_ref().filter(|_| {
            part.intent == Intent::ReadOnly
                && part.alone.is_none()
                && part.commands.len() <= MOST_MEASURED
        });
        let Some(shared) = shared else {
            return HedgeFuture::plain(self.inner.call(part));
        };
        shared.reads.fetch_add(1, Ordering::Relaxed);
        shared.budget.deposit(1);
        let first = self.inner.call(part.clone());
        let shared = Arc::clone(shared);
        HedgeFuture::watched(first, self.inner.clone(), part, shared, self.most_lag)
    }
}

impl<S: Nodes> Nodes for Hedge<S> {
    fn is_reachable(&self, node: &Endpoint) -> bool {
        self.inner.is_reachable(node)
    }

    fn give_back(&self, node: &Endpoint) {
        self.inner.give_back(node);
    }

    fn known(&self, topology: &Topology) {
        self.inner.known(topology);
    }

    fn quarantine(&self, node: &Endpoint, intent: Intent) {
        self.inner.quarantine(node, intent);
    }

    fn is_used(&self, node: &Endpoint) -> bool {
        self.inner.is_used(node)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// Takes down what it is told.
    #[derive(Default)]
    struct Told(Mutex<Vec<&'static str>>);

    impl Told {
        fn add(&self, what: &'static str) {
            self.0.lock().unwrap().push(what);
        }
    }

    impl Nodes for Told {
        fn is_reachable(&self, _: &Endpoint) -> bool {
            self.add("is_reachable");
            false
        }

        fn give_back(&self, _: &Endpoint) {
            self.add("give_back");
        }

        fn known(&self, _: &Topology) {
            self.add("known");
        }

        fn quarantine(&self, _: &Endpoint, _: Intent) {
            self.add("quarantine");
        }

        fn is_used(&self, _: &Endpoint) -> bool {
            self.add("is_used");
            false
        }
    }

    /// Fails when one of them is left to the trait's default.
    #[test]
    fn the_nodes_below_are_told_everything() {
        let hedge = Hedge::new(Told::default(), None, None);
        let node = Endpoint::new("node", 7000);
        assert!(!hedge.is_reachable(&node));
        hedge.give_back(&node);
        hedge.known(&Topology::single(node.clone()));
        hedge.quarantine(&node, Intent::ReadOnly);
        hedge.is_used(&node);
        let told = hedge.inner.0.lock().unwrap();
        let all = [
            "is_reachable",
            "give_back",
            "known",
            "quarantine",
            "is_used",
        ];
        assert_eq!(*told, all);
    }
}
