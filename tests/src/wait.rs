use std::time::Duration;

use tokio::time::Instant;

/// How long a test waits for a condition before it gives up.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until `condition` holds.
///
/// # Panics
/// It does not within [`PATIENCE`]: the test has failed, and `what` says at what.
pub async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition().await {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Runs a test that must not hang.
///
/// # Panics
/// It has not ended within [`PATIENCE`].
pub async fn in_time<T>(test: impl IntoFuture<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, test.into_future()).await {
        Ok(outcome) => outcome,
        Err(_) => panic!("it hangs"),
    }
}
