//! Waiting for a condition, never longer than allowed.

use std::borrow::Cow;
use std::future::Future;
use std::time::Duration;
use tokio::time::Instant;

use crate::error::{Error, Result};

/// Calls `probe` until it succeeds. Its errors say what is still missing; the
/// last one is part of the error when `within` has passed.
pub(crate) async fn until<T, F, Fut>(
    within: Duration,
    step: impl Into<Cow<'static, str>>,
    mut probe: F,
) -> Result<T>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, String>>,
{
    let deadline = Instant::now() + within;
    let mut pause = Duration::from_millis(2);
    let mut last = String::new();
    loop {
        match tokio::time::timeout_at(deadline, probe()).await {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(reason)) => last = reason,
            Err(_) => return Err(Error::timeout(step, within, last)),
        }
        if Instant::now() + pause >= deadline {
            return Err(Error::timeout(step, within, last));
        }
        tokio::time::sleep(pause).await;
        // Short enough not to add to what is waited for, long enough to leave
        // a small machine to its servers.
        pause = (pause * 2).min(Duration::from_millis(25));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[tokio::test]
    async fn it_returns_on_success_and_tells_the_last_reason_at_the_deadline() {
        let calls = Cell::new(0);
        let third = || async {
            calls.set(calls.get() + 1);
            if calls.get() == 3 {
                Ok(calls.get())
            } else {
                Err("not yet".to_owned())
            }
        };
        assert_eq!(
            until(Duration::from_secs(5), "counting", third)
                .await
                .unwrap(),
            3
        );
        let never = || async { Err::<(), _>("still dark".to_owned()) };
        let error = until(Duration::from_millis(20), "waiting for light", never)
            .await
            .unwrap_err();
        assert!(error.is_timeout());
        assert_eq!(
            error.to_string(),
            "waiting for light: not done after 20ms: still dark"
        );
    }

    #[tokio::test]
    async fn a_probe_that_hangs_is_cut_off() {
        let hang = || std::future::pending::<Result<(), String>>();
        assert!(
            until(Duration::from_millis(20), "hanging", hang)
                .await
                .unwrap_err()
                .is_timeout()
        );
    }
}
