//! Getting a server: its packages, and the scripts that start its programs.

use anyhow::Result;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::catalogue::Server;
use super::launcher::Tree;
use crate::packages::Packages;
use crate::workspace;

/// How to get a server where none can be provisioned.
const BY_HAND: &str = "install valkey-server or redis-server (7.0 or newer) with this \
     system's package manager, or set SLOTLINE_SERVER to the path of a server binary";

/// A server's launcher within its folder.
const LAUNCHER: &str = "bin/server";

/// The path of a provisioned server's launcher, whether it is there or not.
pub(crate) fn path_of(server: &Server) -> PathBuf {
    folder().join(server.name).join(LAUNCHER)
}

/// The launcher of `server`, fetched and unpacked first unless it was before.
pub(crate) fn get(server: &Server) -> Result<PathBuf> {
    let programs = server.packages();
    let packages = Packages {
        name: server.name,
        folder: folder(),
        suites: server.suites,
        packages: programs
            .iter()
            .map(String::as_str)
            .chain(server.libraries.iter().copied())
            .collect(),
        by_hand: BY_HAND,
    };
    let place = packages.get(LAUNCHER, |whole| finish(server, whole))?;
    Ok(place.join(LAUNCHER))
}

fn folder() -> PathBuf {
    workspace::target().join("servers")
}

/// Writes the scripts and sees that the server runs.
fn finish(server: &Server, whole: &Path) -> Result<()> {
    let tree = Tree::read(&whole.join("root"))?;
    let main = format!("{}-server", server.family);
    tree.check(&main)?;
    let script = whole.join(LAUNCHER);
    tree.write_launcher(&script, &main)?;
    for part in ["cli", "benchmark"] {
        tree.write_launcher(
            &whole.join("bin").join(part),
            &format!("{}-{part}", server.family),
        )?;
    }
    let version = workspace::output(Command::new(&script).arg("--version"))?;
    eprintln!("{}", version.trim());
    Ok(())
}
