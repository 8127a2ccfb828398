//! The layers, put together.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use slotline_pipeline::chunk::Chunk;
use slotline_pipeline::hedge::Hedge;
use slotline_pipeline::learn::Learn;
use slotline_pipeline::redirect::Redirect;
use slotline_pipeline::retry::Retry;
use slotline_pipeline::route::{Pinned, Route};
use slotline_pipeline::spread::Spread;
use slotline_pipeline::{
    BoxError, ChunkLayer, Cluster, Error, HedgeLayer, Intent, LearnLayer, RedirectLayer, Request,
    Response, RetryLayer, RouteLayer, SpreadLayer,
};
use slotline_topology::Endpoint;
use tower::util::BoxCloneSyncService;
use tower::{Service, ServiceBuilder};

use crate::gate::Gate;
use crate::nodes::Nodes;

/// The whole way to a cluster, or to one server that is none.
pub(crate) type Plain = Learn<Spread<Chunk<Retry<Redirect<Route<Hedge<Nodes>>>>>>>;
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
        ServiceBuilder::new()
            .layer(LearnLayer::new(cluster.clone()))
            .layer(SpreadLayer::new(cluster.clone()))
            .layer(chunk)
            .layer(retry)
            .layer(RedirectLayer::new(cluster.clone()).nodes(nodes.clone()))
            .layer(route)
            .layer(hedge)
            .service(nodes)
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
            Stack::Plain(stack) => StackFuture::Plain {
                future: stack.call(request),
            },
            Stack::Lazy(gate, stack) if gate.is_open() => StackFuture::Plain {
                future: stack.call(request),
            },
            Stack::Lazy(gate, stack) => StackFuture::Waiting {
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

/// A request that waits until a node is found.
type Waiting = Pin<Box<dyn Future<Output = Result<Response, Error>> + Send>>;

pin_project! {
    /// A request on its way.
    #[project = StackProjection]
    pub(crate) enum StackFuture {
        Plain { #[pin] future: <Plain as Service<Request>>::Future },
        Waiting { future: Waiting },
        OneNode { #[pin] future: <OneNode as Service<Request>>::Future },
        Layered { commands: usize, #[pin] future: <Layered as Service<Request>>::Future },
    }
}

impl Future for StackFuture {
    type Output = Result<Response, Error>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            StackProjection::Plain { future } => future.poll(cx),
            StackProjection::Waiting { future } => future.as_mut().poll(cx),
            StackProjection::OneNode { future } => future.poll(cx),
            StackProjection::Layered { commands, future } => future
                .poll(cx)
                .map(|outcome| Ok(Response::of_call(outcome, *commands))),
        }
    }
}
