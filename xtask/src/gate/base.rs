//! Which commit is compared with, and how the scenarios are built over it.

use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::workspace;

const PACKAGE: &str = "slotline-gate";
const FOLDER: &str = "benches/gate";

fn git(arguments: &[&str]) -> Result<String> {
    let mut git = Command::new("git");
    let said = workspace::output(git.current_dir(workspace::root()).args(arguments))?;
    Ok(said.trim().to_owned())
}

/// The full name of the commit to compare with; `None` if there is none.
pub(super) fn choose(asked: Option<&str>) -> Result<Option<String>> {
    let commit = |name: &str| {
        git(&[
            "rev-parse",
            "--verify",
            "--quiet",
            &format!("{name}^{{commit}}"),
        ])
    };
    if let Some(asked) = asked {
        return commit(asked)
            .with_context(|| format!("no commit {asked}"))
            .map(Some);
    }
    let noted = fs::read_to_string(workspace::root().join(FOLDER).join("BASE"))?;
    let noted = commit(noted.trim());
    Ok(noted.or_else(|_| commit("HEAD^")).ok())
}

/// Builds the scenarios over this checkout; tells where the program is.
pub(super) fn build_here() -> Result<PathBuf> {
    built(&workspace::root(), "here")
}

/// Builds them over `commit`, as they are here; `None` if that is too early.
pub(super) fn build(commit: &str) -> Result<Option<PathBuf>> {
    let tree = folder().join("tree");
    if tree.exists() {
        fs::remove_dir_all(&tree)?;
    }
    let place = tree.display().to_string();
    git(&["clone", "--quiet", "--shared", "--no-checkout", ".", &place])?;
    git(&["-C", &place, "checkout", "--quiet", "--detach", commit])?;
    let scenarios = tree.join(FOLDER);
    if !scenarios.exists() {
        return Ok(None);
    }
    // The same work at both: it is the crates that are compared.
    for source in fs::read_dir(workspace::root().join(FOLDER).join("src"))? {
        let source = source?;
        fs::copy(
            source.path(),
            scenarios.join("src").join(source.file_name()),
        )?;
    }
    built(&tree, "base").map(Some)
}

fn folder() -> PathBuf {
    workspace::target().join("gate")
}

/// In a folder of its own: cargo tells crates of two checkouts apart by what they are called
/// within them, and takes an older file for one that it has built already.
fn built(tree: &Path, name: &str) -> Result<PathBuf> {
    let target = folder().join(format!("target-{name}"));
    let mut build = workspace::cargo();
    build.args(["build", "--quiet", "--release", "--package", PACKAGE]);
    workspace::run(build.current_dir(tree).env("CARGO_TARGET_DIR", &target))?;
    Ok(target.join("release").join(PACKAGE))
}
