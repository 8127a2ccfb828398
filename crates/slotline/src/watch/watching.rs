use std::fmt;
use std::future::Future;
use std::time::Duration;

use slotline_pipeline::Cluster;
use slotline_resp::Commands;
use tokio::time::sleep;

use super::watched::{Watched, watch};
use crate::error::{Error, Result};
use crate::runner::Runner;

/// The first wait's ceiling, and that of all waits.
const FIRST_WAIT: Duration = Duration::from_millis(2);
const MOST_WAIT: Duration = Duration::from_millis(100);

/// A transaction on watched keys that is begun again until nobody came in between: see
/// [`Client::watching`](crate::Client::watching).
#[must_use = "nothing is watched until it is run"]
pub struct Watching {
    runner: Runner,
    cluster: Cluster,
    watch: Commands,
    attempts: u32,
}

impl Watching {
    pub(crate) fn new(runner: Runner, cluster: Cluster, watch: Commands) -> Watching {
        Watching {
            runner,
            cluster,
            watch,
            attempts: 32,
        }
    }

    /// How often it is tried in all, at least once; 32 times by default.
    pub fn attempts(mut self, attempts: u32) -> Watching {
        self.attempts = attempts.max(1);
        self
    }

    /// Watches the keys and calls `attempt`, which reads them and ends with a
    /// [transaction](Watched::transaction); once that has run, its results are the
    /// results of this. If a key was changed meanwhile (`None`), or the watch was lost
    /// ([`Error::is_watch_lost`](crate::Error::is_watch_lost)), all of it is done again,
    /// after a wait by chance, up to 2 milliseconds at first and 100 later.
    ///
    /// What `attempt` does elsewhere than in the transaction it may do several times.
    ///
    /// # Errors
    /// [`Error::is_contended`](crate::Error::is_contended) after the last attempt: nothing
    /// has run. Else the first error that does not say that nothing has run and the watch
    /// was lost; among them is an EXEC that was sent and not answered, which is never
    /// sent again.
    ///
    /// # Cancel safety
    /// As with [`Watched::transaction`].
    pub async fn run<T, F>(self, mut attempt: impl FnMut(Watched) -> F) -> Result<T>
    where
        F: Future<Output = Result<Option<T>>>,
    {
        let mut last = None;
        for tried in 0..self.attempts {
            if tried > 0 {
                let jitter = self.cluster.jitter(FIRST_WAIT, MOST_WAIT, tried - 1);
                sleep(jitter).await;
            }
            let tried = match watch(&self.runner, &self.cluster, self.watch.clone()).await {
                Ok(watched) => attempt(watched).await,
                Err(error) => Err(error),
            };
            match tried {
                Ok(Some(done)) => return Ok(done),
                Ok(None) => last = None,
                Err(error) if error.is_watch_lost() => last = Some(error),
                Err(error) => return Err(error),
            }
        }
        Err(Error::contended(self.attempts, last))
    }
}

impl fmt::Debug for Watching {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watching")
            .field("attempts", &self.attempts)
            .finish_non_exhaustive()
    }
}
