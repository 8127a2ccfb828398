use std::sync::Arc;
use std::task::{Context, Poll};

use slotline_resp::{CommandBuffer, CommandInfo, CommandRef, Commands, Value, known};
use tokio::time::Instant;
use tower::Service;

use super::LearnFuture;
use super::described::described;
use super::known::{Facts, Known};
use crate::attempt::Attempt;
use crate::cluster::Cluster;
use crate::error::{BoxError, Error};
use crate::request::Request;
use crate::response::Response;

/// No command has a longer name.
const LONGEST_NAME: usize = 64;

/// The service that [`LearnLayer`](super::LearnLayer) makes.
#[derive(Debug, Clone)]
pub struct Learn<S> {
    inner: S,
    cluster: Cluster,
    known: Arc<Known>,
}

impl<S> Learn<S> {
    pub(super) fn new(inner: S, cluster: Cluster, known: Arc<Known>) -> Learn<S> {
        Learn {
            inner,
            cluster,
            known,
        }
    }
}

impl<S> Service<Request> for Learn<S>
where
    S: Service<Request, Response = Response> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
{
    type Response = Response;
    type Error = Error;
    type Future = LearnFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx).map_err(Error::of_layer)
    }

    #[inline]
    fn call(&mut self, request: Request) -> LearnFuture<S::Future> {
        match request.commands.may_spread() {
            false => LearnFuture::called(self.inner.call(request)),
            true => self.look(request),
        }
    }
}

impl<S> Learn<S>
where
    S: Service<Request, Response = Response> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
{
    #[cold]
    fn look(&mut self, mut request: Request) -> LearnFuture<S::Future> {
        let strangers: Vec<String> = request.commands.iter().filter_map(stranger).collect();
        if strangers.is_empty() || self.cluster.snapshot().topology().is_single_node() {
            return LearnFuture::called(self.inner.call(request));
        }
        let is_open = |name: &String| self.known.facts(name) == Facts::Open;
        let open: Vec<String> = strangers.into_iter().filter(is_open).collect();
        if open.is_empty() {
            request.commands = with_facts(&request.commands, &self.known);
            return LearnFuture::called(self.inner.call(request));
        }
        // The service that is ready holds what it has reserved for this call.
        let next = self.inner.clone();
        let mut ready = std::mem::replace(&mut self.inner, next.clone());
        let known = Arc::clone(&self.known);
        LearnFuture::asking(async move {
            for name in open {
                let ask = ask(next.clone(), &name, request.deadline);
                known.learn(&name, ask).await;
            }
            request.commands = with_facts(&request.commands, &known);
            ready.call(request).await.map_err(Error::of_layer)
        })
    }
}

/// The name in upper case of a command about which nothing is known, if it can be asked
/// for.
fn stranger(command: CommandRef<'_>) -> Option<String> {
    if command.info().is_known() || command.keys().next().is_some() {
        return None;
    }
    let name = command.name();
    let is_word = name.len() <= LONGEST_NAME && name.bytes().all(|byte| byte.is_ascii_graphic());
    (is_word && !name.is_empty()).then(|| name.to_ascii_uppercase())
}

/// The same commands, with the facts that were learned.
fn with_facts(commands: &Commands, known: &Known) -> Commands {
    let mut buffer = CommandBuffer::with_capacity(commands.len());
    for command in commands.iter() {
        let facts = stranger(command).map(|name| known.facts(&name));
        let Some(Facts::Are(info)) = facts else {
            buffer.append(command);
            continue;
        };
        let args = command.runs().skip(1);
        buffer.begin(info, command.runs().count().saturating_sub(1));
        for arg in args {
            buffer.arg(&arg);
        }
    }
    buffer.freeze()
}

async fn ask<S>(service: S, name: &str, deadline: Instant) -> Option<&'static CommandInfo>
where
    S: Service<Request, Response = Response>,
    S::Error: Into<BoxError>,
{
    let mut buffer = CommandBuffer::new();
    buffer.begin(&known::COMMAND_INFO, 1).arg(name);
    let request = Request::new(buffer.freeze(), deadline);
    let response = Attempt::new(service, request, deadline).await.ok()?;
    let at = response.reply(0)?;
    let answer: Value = response.replies().decode(at)?.ok()?;
    described(name, &answer)
}
