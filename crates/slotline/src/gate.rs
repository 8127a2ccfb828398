//! What a client is behind that was made before its nodes were found.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use slotline_pipeline::{BoxError, Error, NodeFailure, Request, Response};
use slotline_topology::Endpoint;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};
use tower::ServiceExt;

use crate::stack::Plain;

/// Closed until a node is found. A clone is another handle on the same.
#[derive(Debug, Clone)]
pub(crate) struct Gate(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// Once it is, nothing else is looked at.
    is_open: AtomicBool,
    /// Why it is not open.
    why: watch::Sender<Why>,
    seed: Endpoint,
}

#[derive(Debug)]
enum Why {
    /// Nobody has looked at all nodes yet.
    Looking,
    Failed(Arc<NotFound>),
    /// It is open.
    Not,
}

/// Why none of the nodes that were named can be used.
#[derive(Debug)]
pub(crate) struct NotFound {
    pub(crate) reasons: Vec<(String, BoxError)>,
}

/// The same for each command that waited.
#[derive(Debug, Clone)]
pub(crate) struct Unfound(pub(crate) Arc<NotFound>);

impl Gate {
    pub(crate) fn new(seed: Endpoint) -> Gate {
        Gate(Arc::new(Inner {
            is_open: AtomicBool::new(false),
            why: watch::Sender::new(Why::Looking),
            seed,
        }))
    }

    pub(crate) fn is_open(&self) -> bool {
        // Whoever sees it open sees the topology that was set before.
        self.0.is_open.load(Ordering::Acquire)
    }

    pub(crate) fn open(&self) {
        self.0.is_open.store(true, Ordering::Release);
        self.0.why.send_replace(Why::Not);
    }

    /// All nodes were looked at, and none can be used.
    pub(crate) fn failed(&self, reasons: Vec<(String, BoxError)>) {
        let failed = Why::Failed(Arc::new(NotFound { reasons }));
        self.0.why.send_replace(failed);
    }

    /// Waits until it is open, or says why it is not by `deadline`.
    pub(crate) async fn opened_by(&self, deadline: Instant) -> Result<(), Error> {
        let mut why = self.0.why.subscribe();
        let opened = why.wait_for(|why| matches!(why, Why::Not));
        if timeout_at(deadline, opened).await.is_ok() {
            return Ok(());
        }
        let source: BoxError = match &*self.0.why.borrow() {
            Why::Failed(reasons) => Unfound(Arc::clone(reasons)).into(),
            _ => "no node has answered yet".into(),
        };
        let seed = self.0.seed.clone();
        Err(Error::of_node(NodeFailure::Unreachable, seed, source))
    }

    /// Sends the request once it is open; if it is not by then, it has its outcomes, not
    /// sent.
    pub(crate) async fn send(self, plain: Plain, request: Request) -> Result<Response, Error> {
        match self.opened_by(request.sent_by()).await {
            Ok(()) => plain.oneshot(request).await,
            Err(error) => Ok(Response::failed(request.len(), &error)),
        }
    }
}

impl fmt::Display for NotFound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no node can be used: ")?;
        for (at, (node, reason)) in self.reasons.iter().enumerate() {
            let separator = if at == 0 { "" } else { "; " };
            let reason = reason.to_string();
            // Most reasons name their node themselves.
            if reason.contains(node.as_str()) {
                write!(f, "{separator}{reason}")?;
            } else {
                write!(f, "{separator}{node}: {reason}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Unfound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl StdError for Unfound {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        let first = self.0.reasons.first();
        first.and_then(|(_, reason)| reason.source())
    }
}
