//! The whole stack over a fake cluster, and its outcomes as text.

use std::time::Duration;

use slotline_pipeline::chunk::Chunk;
use slotline_pipeline::learn::Learn;
use slotline_pipeline::redirect::Redirect;
use slotline_pipeline::retry::Retry;
use slotline_pipeline::route::Route;
use slotline_pipeline::spread::Spread;
use slotline_pipeline::{
    ChunkLayer, Cluster, Error, LearnLayer, ReadFrom, RedirectLayer, Request, Response, RetryLayer,
    RouteLayer, SpreadLayer,
};
use slotline_resp::{CommandBuffer, Commands};
use tokio::time::Instant;
use tower::{Layer, Service, ServiceBuilder, ServiceExt};

use crate::fake::Fake;

pub(crate) type Stack = Chunk<Retry<Redirect<Route<Fake>>>>;

/// Far away under the paused clock, and as good as never.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) struct Rig {
    pub(crate) fake: Fake,
    pub(crate) cluster: Cluster,
    pub(crate) stack: Stack,
    pub(crate) read_from: ReadFrom,
}

impl Rig {
    pub(crate) fn new(primaries: u16, replicas: u16) -> Rig {
        Rig::with(
            primaries,
            replicas,
            ChunkLayer::new(),
            RetryLayer::default(),
        )
    }

    pub(crate) fn with(primaries: u16, replicas: u16, chunk: ChunkLayer, retry: RetryLayer) -> Rig {
        let fake = Fake::new(primaries, replicas);
        let cluster = Cluster::new(fake.topology());
        let stack = ServiceBuilder::new()
            .layer(chunk)
            .layer(retry)
            .layer(RedirectLayer::new(cluster.clone()).nodes(fake.clone()))
            .layer(RouteLayer::new(cluster.clone()))
            .service(fake.clone());
        Rig {
            fake,
            cluster,
            stack,
            read_from: ReadFrom::Primary,
        }
    }

    pub(crate) fn read_from(mut self, read_from: ReadFrom) -> Rig {
        self.read_from = read_from;
        self
    }

    pub(crate) fn request(&self, lines: &[&str]) -> Request {
        request(lines).read_from(self.read_from.clone())
    }

    /// The whole stack with Spread above it.
    pub(crate) fn spread(&self) -> Spread<Stack> {
        SpreadLayer::new(self.cluster.clone()).layer(self.stack.clone())
    }

    /// With Learn above that.
    pub(crate) fn learning(&self) -> Learn<Spread<Stack>> {
        LearnLayer::new(self.cluster.clone()).layer(self.spread())
    }

    /// Sends through Spread as well.
    pub(crate) async fn send_spread(&self, lines: &[&str]) -> Vec<String> {
        let answer = call(self.spread(), self.request(lines)).await;
        outcomes(&answer.unwrap())
    }

    pub(crate) async fn send(&self, lines: &[&str]) -> Vec<String> {
        outcomes(&self.answer(self.request(lines)).await)
    }

    pub(crate) async fn answer(&self, request: Request) -> Response {
        call(self.stack.clone(), request).await.unwrap()
    }
}

pub(crate) async fn call<S>(service: S, request: Request) -> Result<Response, S::Error>
where
    S: Service<Request, Response = Response>,
{
    service.oneshot(request).await
}

/// One command per line, its words its arguments.
pub(crate) fn commands(lines: &[&str]) -> Commands {
    let mut buffer = CommandBuffer::new();
    for line in lines {
        let mut words = line.split(' ');
        buffer.begin_named(words.next().unwrap());
        for word in words {
            buffer.arg(word);
        }
    }
    buffer.freeze()
}

pub(crate) fn request(lines: &[&str]) -> Request {
    Request::new(commands(lines), Instant::now() + PATIENCE)
}

/// Each outcome: a value as it is, an error with its `-`, a failure as `!not sent
/// unreachable`.
pub(crate) fn outcomes(response: &Response) -> Vec<String> {
    let one = |index| match response.outcome(index) {
        Ok(at) => {
            let bytes = response.replies().bytes(at).unwrap();
            let text = String::from_utf8_lossy(bytes).into_owned();
            let words: Vec<&str> = text.trim_end().split("\r\n").collect();
            match (text.as_bytes()[0], words.as_slice()) {
                (b'+' | b':', [line]) => line[1..].to_owned(),
                (b'$', [_, value]) => (*value).to_owned(),
                (b'$', _) => "nil".to_owned(),
                _ => words.join(" "),
            }
        }
        Err(error) => format!("!{} {}", error.delivery(), kind(&error)),
    };
    (0..response.len()).map(one).collect()
}

fn kind(error: &Error) -> &'static str {
    let kinds = [
        (error.is_order(), "order"),
        (error.is_displaced(), "displaced"),
        (error.is_unreachable(), "unreachable"),
        (error.is_refused(), "refused"),
        (error.is_network(), "network"),
        (error.is_timeout(), "timeout"),
        (error.is_no_owner(), "no owner"),
        (error.is_cluster(), "cluster"),
        (error.is_layer(), "layer"),
    ];
    kinds
        .iter()
        .find(|(is, _)| *is)
        .map_or("?", |(_, kind)| kind)
}
