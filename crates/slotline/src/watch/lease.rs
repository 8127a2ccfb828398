use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use slotline_commands::{Output, Run};
use slotline_pipeline::{self as pipeline, Asked, Intent, Request, Response, WhileAway};
use slotline_pool::Lease;
use slotline_resp::{CommandInfo, Commands, Replies, known};
use slotline_topology::{Endpoint, Slot, slot_of};
use tokio::sync::Mutex;

use super::lost::unless_lost;
use crate::alone::Kept;
use crate::error::{Error, Result};
use crate::nodes::part_response;
use crate::runner::{Runner, decode_at};

/// Runs commands one after another on a connection that nobody else has.
pub struct OnLease {
    /// Keeps the client's pools open.
    runner: Runner,
    lease: Mutex<Lease>,
    node: Endpoint,
    /// Whether the node serves the slot for those only that say ASKING.
    is_asking: bool,
    /// The slot of what is watched, where that matters.
    slot: Option<Slot>,
}

impl OnLease {
    pub(super) fn new(runner: Runner, kept: Kept, slot: Option<Slot>) -> OnLease {
        OnLease {
            runner,
            lease: Mutex::new(kept.lease),
            node: kept.node,
            is_asking: kept.is_asking,
            slot,
        }
    }

    /// Sends a command, or a whole transaction.
    pub(super) async fn send(&self, commands: Commands, is_transaction: bool) -> Response {
        let len = commands.len();
        if let Err(error) = self.examine(&commands) {
            return Response::failed(len, &error);
        }
        let timeout = self.runner.settings.timeout;
        let deadline = Request::deadline_within(&commands, timeout);
        let before = usize::from(self.is_asking);
        let sent = match self.is_asking {
            // Before the command, or before all of a transaction, which it is for.
            true => commands.behind(&known::ASKING),
            false => commands,
        };
        let mut answer = self.lease.lock().await.call(sent, deadline).await;
        if before > 0 {
            let mut replies = Replies::with_capacity(len);
            for index in before..answer.replies.len() {
                replies.push_from(&answer.replies, index);
            }
            answer.replies = replies;
            if let Some(failure) = &mut answer.failure {
                failure.first_unsent = failure.first_unsent.saturating_sub(before);
            }
        }
        let part = part_response(answer, &self.node, WhileAway::Wait);
        let asked = Asked::new(self.node.clone(), Intent::ReadWrite);
        Response::of_node(part, asked, len, is_transaction)
    }

    /// On this connection there is one slot.
    fn examine(&self, commands: &Commands) -> Result<(), pipeline::Error> {
        let Some(slot) = self.slot else {
            return Ok(());
        };
        let other = commands
            .iter()
            .find(|command| command.keys().any(|key| slot_of(key) != slot));
        match other {
            Some(command) => {
                let names = format!("WATCH and {}", command.name());
                Err(pipeline::Error::cross_slot(&names))
            }
            None => Ok(()),
        }
    }
}

impl Run for OnLease {
    type Error = Error;
    /// Nothing is routed, so that there is nothing to be explained.
    type Explain = Infallible;
    type Running<'a, C: Output> = Running<'a, C>;

    fn run<C: Output>(&self, command: Commands, _: Option<&Infallible>) -> Running<'_, C> {
        let info = command.get(0).map(|command| command.info());
        Running {
            info: info.unwrap_or(&CommandInfo::UNKNOWN),
            sending: Box::pin(self.send(command, false)),
            kind: PhantomData,
        }
    }
}

/// A command on its way over a connection that nobody else has.
///
/// # Cancel safety
/// Dropping it is always safe: unless a byte of it was written, the command never is;
/// otherwise its reply is read and thrown away. If it is one that blocks, the connection
/// is closed, and the watch is lost with it.
pub struct Running<'a, C> {
    info: &'static CommandInfo,
    sending: Pin<Box<dyn Future<Output = Response> + Send + 'a>>,
    kind: PhantomData<fn() -> C>,
}

impl<C: Output> Future for Running<'_, C> {
    type Output = Result<C::T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let response = ready!(self.sending.as_mut().poll(cx));
        let result = decode_at(&response, 0, self.info, C::decode);
        Poll::Ready(result.map_err(|error| {
            let error = error.of_command(self.info.name);
            unless_lost(error, self.info.is_readonly())
        }))
    }
}

impl fmt::Debug for OnLease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnLease")
            .field("node", &self.node)
            .finish_non_exhaustive()
    }
}
