use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;
use rustc_hash::FxHashMap;
use slotline_resp::Delivery;
use tower::Service;

use super::policy::{Failed, RetryPolicy};
use crate::error::{BoxError, Error};
use crate::observe::What;
use crate::request::{Request, Target};
use crate::resend::{Again, Decide, Resend, Resending};
use crate::response::{Response, Trouble};

pin_project! {
    /// The future of [`Retry`](super::Retry). Dropping it drops the call under
    /// way; nothing is sent again after that.
    pub struct RetryFuture<S>
    where
        S: Service<Request>,
    {
        #[pin]
        inner: Resending<S, AsPolicySays>,
    }
}

impl<S: Service<Request>> RetryFuture<S> {
    pub(super) fn new(inner: Resending<S, AsPolicySays>) -> RetryFuture<S> {
        RetryFuture { inner }
    }
}

impl<S> Future for RetryFuture<S>
where
    S: Service<Request, Response = Response> + Clone,
    S::Error: Into<BoxError>,
{
    type Output = Result<Response, Error>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().inner.poll(cx)
    }
}

/// Asks the policy, command by command.
#[derive(Debug)]
pub(super) struct AsPolicySays {
    policy: Arc<dyn RetryPolicy>,
}

/// What the commands have behind them.
type AllTries = FxHashMap<u32, Tries>;

/// What one command has behind it.
#[derive(Debug, Default)]
pub(super) struct Tries {
    again: u32,
    lost: u32,
}

impl AsPolicySays {
    pub(super) fn new(policy: Arc<dyn RetryPolicy>) -> AsPolicySays {
        AsPolicySays { policy }
    }
}

impl AsPolicySays {
    /// How long to wait before the command at `index` goes again; `None` if it does
    /// not.
    fn wait<S: Clone>(
        &self,
        all: &mut AllTries,
        resend: &Resend<S>,
        (index, error): (u32, &Error),
    ) -> Option<Duration> {
        let command = resend.commands().get(index as usize)?;
        let tries = all.entry(index).or_default();
        let lost = u32::from(error.delivery() == Delivery::Ambiguous);
        tries.lost = tries.lost.saturating_add(lost);
        let failed = Failed {
            info: command.info(),
            is_idempotent: command.is_idempotent(),
            error,
            attempt: tries.again,
            lost: tries.lost,
            deadline: resend.request.deadline,
        };
        let wait = self.policy.retry(&failed)?;
        tries.again = tries.again.saturating_add(1);
        tracing::debug!(
            command = command.info().name,
            error = %error,
            ?wait,
            "a command goes again"
        );
        resend.request.note([index], || What::Retried {
            delivery: error.delivery(),
            error: error.to_string(),
        });
        Some(wait)
    }
}

impl Decide for AsPolicySays {
    type Memory = AllTries;

    fn decide<S: Clone>(&self, tries: &mut AllTries, resend: &Resend<S>) -> Again {
        let mut again = Again::default();
        if resend.time_left().is_zero() {
            return again;
        }
        let exec = resend.request.len().saturating_sub(1) as u32;
        for (index, _, trouble) in resend.troubles() {
            let Trouble::Failed(error) = trouble else {
                continue;
            };
            // What becomes of EXEC becomes of its transaction.
            if resend.request.rare().is_transaction && index != exec {
                continue;
            }
            let Some(wait) = self.wait(tries, resend, (index, error)) else {
                continue;
            };
            again.wait = again.wait.max(wait);
            if let Some(node) = error.node().filter(|_| !error.is_displaced()) {
                again.avoid.push(node.clone());
            }
            if resend.request.rare().is_transaction {
                again.commands = resend.whole(&Target::BySlot);
            } else {
                again.commands.push((index, Target::BySlot));
            }
        }
        again
    }
}
