//! Ending a run early, so that its servers end too.

use anyhow::Result;
use tokio::signal::unix::{SignalKind, signal};

/// Returns at the first Ctrl-C or request to end.
pub(crate) async fn interrupted() -> Result<()> {
    let mut end = signal(SignalKind::terminate())?;
    tokio::select! {
        outcome = tokio::signal::ctrl_c() => outcome?,
        _ = end.recv() => {}
    }
    Ok(())
}
