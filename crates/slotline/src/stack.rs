//! The layers, put together.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use slotline_pipeline::chunk::Chunk;
use slotline_pipeline::hedge::Hedge;
use slotline_pipeline::redirect::Redirect;
use slotline_pipeline::retry::Retry;
use slotline_pipeline::route::{Pinned, Route};
use slotline_pipeline::{
    BoxError, ChunkLayer, Cluster, Error, HedgeLayer, Intent, LearnLayer, RedirectLayer, Request,
    Response, RetryLayer, RouteLayer, SpreadLayer,
};
use slotline_topology::Endpoint;
use tower::util::BoxCloneSyncService;
use tower::{Layer, Service, ServiceBuilder};

use crate::gate::Gate;
use crate::nodes::Nodes;

/// The way of what one node can answer, to a cluster or to one server that is none.
type Narrow = Chunk<Retry<Redirect<Route<Hedge<Nodes>>>>>;

/// The whole way: all go through the layers of [`Narrow`], and few through those above.
#[derive(Clone)]
pub(crate) struct Plain {
    narrow: Narrow,
    above: Arc<Above>,
}

/// What a command goes through before, if one node cannot answer it.
struct Above {
    learn: LearnLayer,
    spread: SpreadLayer,
}

/// The way to one node.
pub(crate) type OneNode = Chunk<Retry<Pinned<Nodes>>>;
/// The whole way with layers of the user's own around it.
pub(crate) type Layered = BoxCloneSyncService<Request, Response, BoxError>;

/// What a command goes through. Without layers of the user's own nothing is
/// boxed.
#[derive(Clone)]
pub(crate) enum Stack {
    Plain(Plain),
    /// The same before anybody knows where it leads.
    Lazy(Gate, Plain),
    OneNode(OneNode),
    Layered(Layered),
}

impl Stack {
    pub(crate) fn plain(
        nodes: Nodes,
        cluster: &Cluster,
        (chunk, retry): (ChunkLayer, RetryLayer),
        (route, hedge): (RouteLayer, HedgeLayer),
    ) -> Plain {
        let narrow = ServiceBuilder::new()
            .layer(chunk)
            .layer(retry)
            .layer(RedirectLayer::new(cluster.clone()).nodes(nodes.clone()))
            .layer(route)
            .layer(hedge)
            .service(nodes);
        let above = Above {
            learn: LearnLayer::new(cluster.clone()),
            spread: SpreadLayer::new(cluster.clone()),
        };
        Plain {
            narrow,
            above: Arc::new(above),
        }
    }

    pub(crate) fn one_node(
        nodes: Nodes,
        node: Endpoint,
        intent: Intent,
        chunk: ChunkLayer,
        retry: RetryLayer,
    ) -> Stack {
        let service = ServiceBuilder::new().layer(chunk).layer(retry);
        Stack::OneNode(service.service(Pinned::new(nodes, node, intent)))
    }
}

impl Service<Request> for Plain {
    type Response = Response;
    type Error = Error;
    type Future = StackFuture;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.narrow.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, request: Request) -> StackFuture {
        if self.above.spread.concerns(&request) {
            return self.go_above(request);
        }
        StackFuture::Narrow {
            future: self.narrow.call(request),
        }
    }
}

impl Plain {
    /// Boxed, so that the others do not carry its future along.
    #[cold]
    fn go_above(&mut self, request: Request) -> StackFuture {
        // The service that is ready holds what it has reserved for this call.
        let next = self.narrow.clone();
        let ready = std::mem::replace(&mut self.narrow, next);
        let Above { learn, spread } = &*self.above;
        StackFuture::Boxed {
            future: Box::pin(learn.layer(spread.layer(ready)).call(request)),
        }
    }
}

impl Service<Request> for Stack {
    type Response = Response;
    type Error = Error;
    type Future = StackFuture;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        match self {
            Stack::Plain(stack) | Stack::Lazy(_, stack) => stack.poll_ready(cx),
            Stack::OneNode(stack) => stack.poll_ready(cx),
            Stack::Layered(stack) => stack.poll_ready(cx).map_err(Error::of_layer),
        }
    }

    #[inline]
    fn call(&mut self, request: Request) -> StackFuture {
        match self {
            Stack::Plain(stack) => stack.call(request),
            Stack::Lazy(gate, stack) if gate.is_open() => stack.call(request),
            Stack::Lazy(gate, stack) => StackFuture::Boxed {
                future: Box::pin(gate.clone().send(stack.clone(), request)),
            },
            Stack::OneNode(stack) => StackFuture::OneNode {
                future: stack.call(request),
            },
            Stack::Layered(stack) => StackFuture::Layered {
                commands: request.len(),
                future: stack.call(request),
            },
        }
    }
}

/// A request that waits until a node is found, or is more than one node's.
type Boxed = Pin<Box<dyn Future<Output = Result<Response, Error>> + Send>>;

pin_project! {
    /// A request on its way.
    #[project = StackProjection]
    pub(crate) enum StackFuture {
        Narrow { #[pin] future: <Narrow as Service<Request>>::Future },
        Boxed { future: Boxed },
        OneNode { #[pin] future: <OneNode as Service<Request>>::Future },
        Layered { commands: usize, #[pin] future: <Layered as Service<Request>>::Future },
    }
}

impl Future for StackFuture {
    type Output = Result<Response, Error>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            StackProjection::Narrow { future } => future.poll(cx),
            StackProjection::Boxed { future } => future.as_mut().poll(cx),
            StackProjection::OneNode { future } => future.poll(cx),
            StackProjection::Layered { commands, future } => future
                .poll(cx)
                .map(|outcome| Ok(Response::of_call(outcome, *commands))),
        }
    }
}
