//! Commands that are sent one by one.

use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use pin_project_lite::pin_project;
use slotline_pipeline::{Explain, ReadFrom, Request, Response, Trouble};
use slotline_resp::{CommandBuffer, CommandInfo, Commands, FromReplyOwned, Replies};
use tower::Service;

use crate::error::{Error, Result};
use crate::stack::{Stack, StackFuture};

/// What can be asked of a [`Client`](crate::Client) or a [`Node`](crate::Node),
/// one command at a time.
#[derive(Clone)]
pub struct Direct {
    pub(crate) stack: Stack,
    pub(crate) settings: Arc<Settings>,
}

/// How commands are sent.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) timeout: Duration,
    pub(crate) read_from: ReadFrom,
}

impl Direct {
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

impl std::fmt::Debug for Direct {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Direct")
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

/// What a command's reply becomes.
pub trait Output {
    /// The type of the result.
    type T;

    /// Makes it out of the reply at `index`.
    #[doc(hidden)]
    fn decode(replies: &Replies, index: usize) -> Option<slotline_resp::Result<Self::T>>;
}

/// A command that is bound to where it will run, or to nothing yet.
///
/// It does nothing until it is awaited; awaiting it sends it. It borrows its
/// client, so a task of its own is given an `async move` block that owns a clone.
#[must_use = "a command does nothing until it is awaited"]
pub struct On<X, C> {
    pub(crate) to: X,
    pub(crate) buffer: CommandBuffer,
    pub(crate) kind: PhantomData<fn() -> C>,
}

impl<'a, C> On<&'a Direct, C> {
    pub(crate) fn new(
        to: &'a Direct,
        encode: impl FnOnce(&mut CommandBuffer),
    ) -> On<&'a Direct, C> {
        let mut buffer = CommandBuffer::new();
        encode(&mut buffer);
        On {
            to,
            buffer,
            kind: PhantomData,
        }
    }
}

impl<X, C> On<X, C> {
    /// The same command with another result.
    pub(crate) fn cast<D>(self) -> On<X, D> {
        On {
            to: self.to,
            buffer: self.buffer,
            kind: PhantomData,
        }
    }

    /// The same command, its reply decoded as `T`.
    pub fn returning<T: FromReplyOwned>(self) -> On<X, crate::commands::Returning<T>> {
        self.cast()
    }
}

impl<'a, C> On<&'a Direct, C> {
    /// Has `explain` record what becomes of the command: which node it went to and
    /// why, every redirect, every wait, every retry, with times. Its place in the
    /// record is 0.
    ///
    /// ```no_run
    /// # async fn example(client: slotline::Client) -> slotline::Result<()> {
    /// let explain = slotline::Explain::new();
    /// let value: Option<String> = client.get("k").explain(&explain).await?;
    /// println!("{explain}");
    /// # let _ = value; Ok(()) }
    /// ```
    pub fn explain(self, explain: &Explain) -> Explained<'a, C> {
        Explained {
            on: self,
            explain: explain.clone(),
        }
    }

    fn sent(self, with: impl FnOnce(Request) -> Request) -> Sent<'a, C> {
        let commands = self.buffer.freeze();
        let command = commands.get(0);
        Sent {
            info: command.map_or(&CommandInfo::UNKNOWN, |command| command.info()),
            sending: self.to.send(with(self.to.request(commands))),
            kind: PhantomData,
        }
    }
}

impl<'a, C: Output> IntoFuture for On<&'a Direct, C> {
    type Output = Result<C::T>;
    type IntoFuture = Sent<'a, C>;

    fn into_future(self) -> Sent<'a, C> {
        self.sent(|request| request)
    }
}

/// A command that is watched: see [`On::explain`].
#[must_use = "a command does nothing until it is awaited"]
pub struct Explained<'a, C> {
    on: On<&'a Direct, C>,
    explain: Explain,
}

impl<'a, C: Output> IntoFuture for Explained<'a, C> {
    type Output = Result<C::T>;
    type IntoFuture = Sent<'a, C>;

    fn into_future(self) -> Sent<'a, C> {
        let explain = self.explain;
        self.on.sent(|request| request.explain(&explain))
    }
}

pin_project! {
    /// A command on its way.
    ///
    /// # Cancel safety
    /// Dropping it is always safe: unless a byte of it was written, the command
    /// never is; otherwise its reply is read and thrown away.
    pub struct Sent<'a, C> {
        info: &'static CommandInfo,
        #[pin]
        sending: Sending,
        kind: PhantomData<(&'a Direct, fn() -> C)>,
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
