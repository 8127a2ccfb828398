//! How long errors are borne that will pass by themselves.

use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::error::{Error, Result};

/// Between attempts.
const PAUSE: Duration = Duration::from_millis(50);

/// How much longer errors are borne.
pub(crate) struct Patience {
    most: Duration,
    until: Option<Instant>,
}

impl Patience {
    /// For so long, from the first error on.
    #[cfg(feature = "stream")]
    pub(crate) fn from_first_error(most: Duration) -> Patience {
        Patience { most, until: None }
    }

    /// For so long, from now on.
    pub(crate) fn from_now(most: Duration) -> Patience {
        Patience {
            most,
            until: Some(Instant::now() + most),
        }
    }

    /// Waits a little, unless that was all.
    pub(crate) async fn or(&mut self, error: Error) -> Result<()> {
        let again = Instant::now() + PAUSE;
        if again >= *self.until.get_or_insert(again + self.most) {
            return Err(error);
        }
        sleep(PAUSE).await;
        Ok(())
    }
}

/// Does what may be done twice, again while what stands against it will pass.
pub(crate) async fn patiently<T, F: Future<Output = Result<T>>>(
    mut patience: Patience,
    mut act: impl FnMut() -> F,
) -> Result<T> {
    loop {
        match act().await {
            Err(error) if error.will_pass() => patience.or(error).await?,
            other => return other,
        }
    }
}
