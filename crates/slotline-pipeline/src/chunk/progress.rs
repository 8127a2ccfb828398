use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

/// How far a request has come. Given to it with
/// [`Request::progress`](crate::Request::progress); a clone looks at the same. It
/// moves on whenever a piece has all its outcomes.
#[derive(Debug, Clone, Default)]
pub struct Progress(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    answered: AtomicUsize,
    changed: Notify,
}

impl Progress {
    /// Of nothing yet.
    #[must_use]
    pub fn new() -> Progress {
        Progress::default()
    }

    /// How many commands have their outcomes.
    #[must_use]
    pub fn answered(&self) -> usize {
        self.0.answered.load(Ordering::Acquire)
    }

    /// Waits until more than `seen` commands have their outcomes, and tells how
    /// many. It waits for ever if that never comes to be: select it beside the
    /// request.
    ///
    /// # Cancel safety
    /// It can be dropped at any time.
    pub async fn beyond(&self, seen: usize) -> usize {
        loop {
            let mut changed = std::pin::pin!(self.0.changed.notified());
            changed.as_mut().enable();
            let answered = self.answered();
            if answered > seen {
                return answered;
            }
            changed.await;
        }
    }

    pub(crate) fn add(&self, commands: usize) {
        if commands > 0 {
            self.0.answered.fetch_add(commands, Ordering::AcqRel);
            self.0.changed.notify_waiters();
        }
    }
}
