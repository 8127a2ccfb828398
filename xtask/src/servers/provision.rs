//! Provisioning on Debian: packages fetched with lists of our own and unpacked
//! into a folder. No root, no service, nothing of the system's touched.

use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use super::catalogue::Server;
use super::launcher::Tree;
use super::mirror::{self, Mirror};
use crate::workspace;

/// How to get a server where none can be provisioned.
pub(crate) const BY_HAND: &str = "install valkey-server or redis-server (7.0 or newer) with this \
     system's package manager, or set SLOTLINE_SERVER to the path of a server binary";

/// The path of a provisioned server's launcher, whether it is there or not.
pub(crate) fn path_of(server: &Server) -> PathBuf {
    folder().join(server.name).join("bin/server")
}

/// The launcher of `server`, fetched and unpacked first unless it was before.
pub(crate) fn get(server: &Server) -> Result<PathBuf> {
    let path = path_of(server);
    if path.is_file() {
        return Ok(path);
    }
    for tool in ["apt-get", "dpkg"] {
        if Command::new(tool).arg("--version").output().is_err() {
            bail!(
                "{} can be provisioned on Debian only ({tool} is not here): {BY_HAND}",
                server.name
            );
        }
    }
    eprintln!("provisioning {} …", server.name);
    fs::create_dir_all(folder())?;
    sweep(&folder());
    let mut failures = String::new();
    for mirror in mirror::of_this_machine()? {
        // Everything happens beside the final place and arrives there whole,
        // by one rename, or not at all.
        let work = tempfile::Builder::new()
            .prefix(&format!(".{}.", server.name))
            .tempdir_in(folder())?;
        match unpack(server, &mirror, work.path()) {
            Ok(()) => return keep(server, &work.path().join("whole")),
            Err(error) => failures.push_str(&format!("\n{error:#}")),
        }
    }
    bail!(
        "{} could not be had from this machine's package mirror (suites {}); {BY_HAND}{failures}",
        server.name,
        server.suites.join(", "),
    )
}

fn folder() -> PathBuf {
    workspace::target().join("servers")
}

/// Removes what interrupted runs left behind; what is young may be at work.
fn sweep(folder: &Path) {
    let long_ago = SystemTime::now() - Duration::from_secs(3600);
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        let old = entry
            .metadata()
            .and_then(|meta| meta.modified())
            .is_ok_and(|at| at < long_ago);
        if hidden && old {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn unpack(server: &Server, mirror: &Mirror, work: &Path) -> Result<()> {
    for dir in [
        "lists/partial",
        "cache/archives/partial",
        "state",
        "sources",
        "debs",
        "whole/bin",
    ] {
        fs::create_dir_all(work.join(dir))?;
    }
    fs::write(
        work.join("sources/slotline.sources"),
        mirror.sources(server.suites),
    )?;
    fs::write(work.join("apt.conf"), configuration(work))?;
    let apt = || {
        let mut command = Command::new("apt-get");
        command
            .arg("-c")
            .arg(work.join("apt.conf"))
            .arg("-q")
            .current_dir(work.join("debs"));
        command
    };
    workspace::output(apt().args(["-o", "APT::Update::Error-Mode=any", "update"]))?;
    workspace::output(
        apt()
            .arg("download")
            .args(server.packages())
            .args(server.libraries),
    )?;

    let root = work.join("whole/root");
    for entry in fs::read_dir(work.join("debs"))? {
        workspace::output(Command::new("dpkg").arg("-x").arg(entry?.path()).arg(&root))?;
    }
    let tree = Tree::read(&root)?;
    let main = format!("{}-server", server.family);
    tree.check(&main)?;
    let script = work.join("whole/bin/server");
    tree.write_launcher(&script, &main)?;
    for part in ["cli", "benchmark"] {
        tree.write_launcher(
            &work.join("whole/bin").join(part),
            &format!("{}-{part}", server.family),
        )?;
    }
    let version = workspace::output(Command::new(&script).arg("--version"))?;
    eprintln!("{}", version.trim());
    Ok(())
}

fn keep(server: &Server, whole: &Path) -> Result<PathBuf> {
    let path = path_of(server);
    if let Err(error) = fs::rename(whole, folder().join(server.name)) {
        // Another run may have been first.
        if !path.is_file() {
            return Err(error).with_context(|| format!("moving {} into place", server.name));
        }
    }
    Ok(path)
}

/// An apt that reads the system's settings (proxies, say) but keeps its lists,
/// caches and sources under `work`, and runs none of the system's hooks.
fn configuration(work: &Path) -> String {
    let work = work.display();
    let mut text = String::new();
    for hook in [
        "APT::Update::Pre-Invoke",
        "APT::Update::Post-Invoke",
        "APT::Update::Post-Invoke-Success",
    ] {
        text.push_str(&format!("#clear {hook};\n"));
    }
    // Descriptions, icons and file lists are of no use here.
    text.push_str("#clear Acquire::IndexTargets::deb::DEP-11;\n");
    for (name, value) in [
        ("Dir::State", "state"),
        ("Dir::State::Lists", "lists"),
        ("Dir::Cache", "cache"),
        ("Dir::Etc::SourceParts", "sources"),
    ] {
        text.push_str(&format!("{name} \"{work}/{value}\";\n"));
    }
    for name in [
        "Dir::State::status",
        "Dir::Etc::SourceList",
        "Dir::Etc::Preferences",
        "Dir::Etc::PreferencesParts",
    ] {
        text.push_str(&format!("{name} \"/dev/null\";\n"));
    }
    text.push_str("Acquire::Languages \"none\";\n");
    if is_root() {
        // Root's apt would drop to a user that cannot read our folders.
        text.push_str("APT::Sandbox::User \"root\";\n");
    }
    text
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|id| id.stdout.trim_ascii() == b"0")
}
