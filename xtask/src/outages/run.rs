//! The beginning of a run, and its end before its time.

use std::path::Path;

use anyhow::{Result, bail};
use tokio::runtime::{Builder, Handle};
use tokio::signal::unix::{SignalKind, signal};

/// Fails if no report can be written to `file`: that is said now, not when
/// everything has been done.
pub(crate) fn check_report(file: Option<&Path>) -> Result<()> {
    if let Some(folder) = file.and_then(Path::parent)
        && !folder.as_os_str().is_empty()
        && !folder.is_dir()
    {
        bail!("--json: there is no folder {}", folder.display());
    }
    Ok(())
}

/// Runs `play`, which is given a runtime for its clients: what is done to the cluster
/// and what is measured there must not wait behind them. It is dropped at the first
/// Ctrl-C or request to end, so that its servers end too.
pub(crate) fn run<T>(play: impl AsyncFnOnce(&Handle) -> Result<T>) -> Result<T> {
    let clients = Builder::new_multi_thread().enable_all().build()?;
    let stage = Builder::new_current_thread().enable_all().build()?;
    let outcome = stage.block_on(async {
        tokio::select! {
            outcome = play(clients.handle()) => outcome,
            interrupted = interrupted() => {
                interrupted?;
                bail!("interrupted")
            }
        }
    });
    clients.shutdown_background();
    outcome
}

async fn interrupted() -> Result<()> {
    let mut end = signal(SignalKind::terminate())?;
    tokio::select! {
        outcome = tokio::signal::ctrl_c() => outcome?,
        _ = end.recv() => {}
    }
    Ok(())
}
