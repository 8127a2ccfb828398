//! What counting instructions takes: valgrind, and the program that runs it.

use anyhow::{Context, Result, bail};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::packages::{Packages, write_script};
use crate::workspace;

/// How to get valgrind where it cannot be provisioned.
const BY_HAND: &str = "install valgrind with this system's package manager";

/// Starts an unpacked valgrind, which would look for its parts where the
/// package is meant to be installed.
const LAUNCHER: &str = "bin/valgrind";

/// A PATH with both on it, provisioned first where they are missing.
pub(super) fn path() -> Result<OsString> {
    let mut folders = vec![runner()?];
    let valgrind = valgrind()?;
    let folder = valgrind.parent().filter(|folder| *folder != Path::new(""));
    folders.extend(folder.map(Path::to_path_buf));
    let path = std::env::var_os("PATH").unwrap_or_default();
    folders.extend(std::env::split_paths(&path));
    Ok(std::env::join_paths(folders)?)
}

pub(super) fn folder() -> PathBuf {
    workspace::target().join("tools")
}

pub(super) fn runs(program: &Path) -> bool {
    let output = Command::new(program).arg("--version").output();
    output.is_ok_and(|output| output.status.success())
}

/// The folder of gungraun-runner, which must be of the library's version.
fn runner() -> Result<PathBuf> {
    let id = workspace::output(workspace::cargo().args(["pkgid", "gungraun"]))?;
    let version = id.trim().rsplit(['@', '#']).next().unwrap_or_default();
    let folder = folder();
    let runner = folder.join("bin/gungraun-runner");
    let there = Command::new(&runner).arg("--version").output();
    let there = there.is_ok_and(|said| {
        let said = String::from_utf8_lossy(&said.stdout).into_owned();
        said.split_whitespace().last() == Some(version)
    });
    if !there {
        workspace::run(
            workspace::cargo()
                .args(["install", "--quiet", "--locked", "--force", "--root"])
                .arg(&folder)
                .args(["--version", &format!("={version}"), "gungraun-runner"]),
        )?;
    }
    Ok(folder.join("bin"))
}

/// The valgrind on the PATH, else one that is unpacked here. That is of the machine's
/// own release, since it reads the machine's own libraries.
pub(super) fn valgrind() -> Result<PathBuf> {
    let there = PathBuf::from("valgrind");
    if runs(&there) {
        return Ok(there);
    }
    let packages = Packages {
        name: "valgrind",
        folder: folder(),
        suites: &[],
        packages: vec!["valgrind"],
        by_hand: BY_HAND,
    };
    let place = packages.get(LAUNCHER, |whole| {
        let tools = folder_of("callgrind-", &whole.join("root"))?;
        // The package's own `valgrind` is a script around this one.
        let program = ["usr/bin/valgrind.bin", "usr/bin/valgrind"]
            .into_iter()
            .find(|program| whole.join("root").join(program).is_file())
            .context("the package holds no valgrind")?;
        let script = whole.join(LAUNCHER);
        write_script(
            &script,
            &format!(
                "#!/bin/sh\n# Starts valgrind with the parts beside it.\n\
                 root=\"${{0%/*}}/../root\"\n\
                 VALGRIND_LIB=\"$root/{tools}\" exec \"$root/{program}\" \"$@\"\n"
            ),
        )?;
        // Whether it finds its parts shows only when it runs something.
        workspace::output(Command::new(&script).args(["--tool=none", "--quiet", "true"]))?;
        let version = workspace::output(Command::new(&script).arg("--version"))?;
        eprintln!("{}", version.trim());
        Ok(())
    })?;
    Ok(place.join(LAUNCHER))
}

/// The folder under `root` that holds a file whose name begins so.
pub(super) fn folder_of(name: &str, root: &Path) -> Result<String> {
    let mut folders = vec![root.join("usr")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            } else if entry.file_name().to_string_lossy().starts_with(name) {
                return Ok(folder.strip_prefix(root)?.display().to_string());
            }
        }
    }
    bail!("the packages hold no {name}*")
}
