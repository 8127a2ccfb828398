use std::sync::Arc;

use tower::Layer;

use super::policy::{RetryPolicy, StandardPolicy};
use super::service::Retry;

/// Sends failed commands again as a [`RetryPolicy`] allows, each on its own, until
/// the request's deadline.
#[derive(Debug, Clone)]
#[must_use]
pub struct RetryLayer {
    policy: Arc<dyn RetryPolicy>,
}

impl RetryLayer {
    /// Retries as `policy` says.
    pub fn new(policy: impl RetryPolicy) -> RetryLayer {
        RetryLayer {
            policy: Arc::new(policy),
        }
    }
}

impl Default for RetryLayer {
    /// Retries as [`StandardPolicy`] says.
    fn default() -> RetryLayer {
        RetryLayer::new(StandardPolicy::new())
    }
}

impl<S> Layer<S> for RetryLayer {
    type Service = Retry<S>;

    fn layer(&self, inner: S) -> Retry<S> {
        Retry::new(inner, Arc::clone(&self.policy))
    }
}
