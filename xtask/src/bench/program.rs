//! The programs of a bench: the bench targets of `slotline-benches`, which print
//! lines of JSON.

use anyhow::{Context, Result};
use serde_json::Value;
use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Command;

use crate::workspace;

fn cargo_bench(target: &str) -> Command {
    let mut command = workspace::cargo();
    command.args(["bench", "-p", "slotline-benches", "--bench", target]);
    command
}

/// Builds and runs one bench target for what it prints.
pub(super) fn run(target: &str, path: &OsStr, arguments: &[&str]) -> Result<Vec<Value>> {
    let mut command = cargo_bench(target);
    command.args(["--quiet", "--"]).args(arguments);
    let printed = workspace::printed(command.env("PATH", path))?;
    lines(&printed).with_context(|| format!("of {target}"))
}

/// Builds one bench target, to be run again and again; tells where it is.
pub(super) fn build(target: &str) -> Result<PathBuf> {
    built(cargo_bench(target).arg("--no-run"), target)
}

/// Has cargo build something; tells where the program for that target is.
pub(super) fn built(cargo: &mut Command, target: &str) -> Result<PathBuf> {
    let printed = workspace::printed(cargo.arg("--message-format=json"))?;
    let built = lines(&printed)?.into_iter().find_map(|message| {
        let is_it = message["target"]["name"] == target;
        let program = message["executable"].as_str().filter(|_| is_it)?;
        Some(PathBuf::from(program))
    });
    built.with_context(|| format!("cargo names no program for {target}"))
}

/// The lines of JSON that a program printed.
pub(super) fn lines(printed: &str) -> Result<Vec<Value>> {
    let lines = printed.lines().filter(|line| !line.is_empty());
    lines
        .map(|line| serde_json::from_str(line).with_context(|| format!("no JSON: {line:?}")))
        .collect()
}
