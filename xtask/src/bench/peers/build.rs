//! The programs of `benches/peers`: one for each client, and one that counts its
//! heap allocations.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::super::program;
use super::peer::Peer;
use crate::workspace;

/// Where a peer's programs are.
#[derive(Debug)]
pub(super) struct Programs {
    pub(super) time: PathBuf,
    pub(super) count: PathBuf,
}

/// The peers' workspace.
pub(super) fn folder() -> PathBuf {
    workspace::root().join("benches/peers")
}

/// Builds both; `None` if it has none.
pub(super) fn programs(peer: &Peer) -> Result<Option<Programs>> {
    let Some(features) = peer.features else {
        return Ok(None);
    };
    let target = workspace::target().join("peers");
    let kept = target.join("programs");
    fs::create_dir_all(&kept).with_context(|| format!("making {}", kept.display()))?;
    let build = |features: &str, name: &str| -> Result<PathBuf> {
        let mut command = workspace::cargo();
        command
            .args(["build", "--release", "--locked", "--bin", "peer"])
            .args(["--features", features, "--manifest-path"])
            .arg(folder().join("Cargo.toml"))
            .arg("--target-dir")
            .arg(&target);
        let built = program::built(&mut command, "peer")?;
        // Each has the same name, and would replace the one before it.
        keep(&built, &kept.join(name))
    };
    Ok(Some(Programs {
        time: build(features, peer.name)?,
        count: build(
            &format!("{features},count"),
            &format!("{}-count", peer.name),
        )?,
    }))
}

fn keep(built: &Path, kept: &Path) -> Result<PathBuf> {
    fs::copy(built, kept).with_context(|| format!("copying to {}", kept.display()))?;
    Ok(kept.to_path_buf())
}
