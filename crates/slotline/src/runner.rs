//! Commands that are sent one by one.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use pin_project_lite::pin_project;
use slotline_commands::{Output, Run};
use slotline_pipeline::{Explain, ReadFrom, Request, Response, Trouble};
use slotline_resp::{CommandInfo, Commands, Replies};
use tower::Service;

use crate::error::{Error, Result};
use crate::stack::{Stack, StackFuture};

/// What can be asked of a [`Client`](crate::Client) or a [`Node`](crate::Node), one command
/// at a time. The errors say what became of a command; see
/// [`Error::delivery`](crate::Error::delivery).
pub type Direct = slotline_commands::Direct<Runner>;

/// Runs the commands of a [`Client`](crate::Client) or a [`Node`](crate::Node).
#[derive(Clone)]
pub struct Runner {
    pub(crate) stack: Stack,
    pub(crate) settings: Arc<Settings>,
}

/// How commands are sent.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) timeout: Duration,
    pub(crate) read_from: ReadFrom,
}

impl Runner {
    /// A request for `commands`, as all are sent.
    #[inline]
    pub(crate) fn request(&self, commands: Commands) -> Request {
        Request::within(commands, self.settings.timeout).read_from(self.settings.read_from.clone())
    }

    /// Sends `request`: the one way that all commands take.
    #[inline]
    pub(crate) fn send(&self, request: Request) -> Sending {
        Sending::Waiting {
            stack: self.stack.clone(),
            request: Some(request),
        }
    }
}

impl std::fmt::Debug for Runner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runner")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

pin_project! {
    /// A batch on its way through the layers.
    #[project = SendingProjection]
    pub(crate) enum Sending {
        Waiting { stack: Stack, request: Option<Request> },
        Sent { #[pin] future: StackFuture },
    }
}

impl Future for Sending {
    type Output = Result<Response>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let future = match self.as_mut().project() {
                SendingProjection::Sent { future } => {
                    return future.poll(cx).map_err(Error::failed);
                }
                SendingProjection::Waiting { stack, request } => {
                    ready!(stack.poll_ready(cx)).map_err(Error::failed)?;
                    let Some(request) = request.take() else {
                        return Poll::Pending;
                    };
                    stack.call(request)
                }
            };
            self.set(Sending::Sent { future });
        }
    }
}

impl Run for Runner {
    type Error = Error;
    type Explain = Explain;
    type Running<'a, C: Output> = Sent<'a, C>;

    #[inline]
    fn run<C: Output>(&self, command: Commands, explain: Option<&Explain>) -> Sent<'_, C> {
        let info = command.get(0).map(|command| command.info());
        let mut request = self.request(command);
        if let Some(explain) = explain {
            request = request.explain(explain);
        }
        Sent {
            info: info.unwrap_or(&CommandInfo::UNKNOWN),
            sending: self.send(request),
            kind: PhantomData,
        }
    }
}

pin_project! {
    /// A command on its way.
    ///
    /// # Cancel safety
    /// Dropping it is always safe: unless a byte of it was written, the command
    /// never is; otherwise its reply is read and thrown away.
    ///
    /// Of a command that blocks, as BLPOP, the connection is closed, and once the server
    /// has seen that, it takes nothing any more. An element that it had popped by then is
    /// lost, as its answer was on its way to nobody; the same holds if the connection
    /// breaks. Where that must not be, take BLMOVE into a list of what is being done, or
    /// XREADGROUP, whose entries stay pending until they are acknowledged.
    pub struct Sent<'a, C> {
        info: &'static CommandInfo,
        #[pin]
        sending: Sending,
        kind: PhantomData<(&'a Runner, fn() -> C)>,
    }
}

impl<C: Output> Future for Sent<'_, C> {
    type Output = Result<C::T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = ready!(this.sending.poll(cx))?;
        let result = decode_at(&response, 0, this.info, C::decode);
        Poll::Ready(result.map_err(|error| error.of_command(this.info.name)))
    }
}

/// Decodes the outcome at `index`; an error says which node it came from.
pub(crate) fn decode_at<T>(
    response: &Response,
    index: usize,
    info: &CommandInfo,
    decode: impl FnOnce(&Replies, usize) -> Option<slotline_resp::Result<T>>,
) -> Result<T> {
    let at = response.outcome(index).map_err(Error::failed)?;
    let decoded = decode(response.replies(), at);
    let missing = || Err(slotline_resp::Error::server("ERR no reply".to_owned()));
    decoded.unwrap_or_else(missing).map_err(|error| {
        let node = match response.trouble(index) {
            Some(Trouble::Error(_, asked)) => asked.map(|asked| asked.node.clone()),
            _ => None,
        };
        Error::reply(error, info).at(node)
    })
}
