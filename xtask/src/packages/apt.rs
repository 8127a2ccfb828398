//! An apt of our own: the system's settings, but its lists, caches and sources
//! in a folder of ours.

use anyhow::Result;
use std::fs;
use std::path::Path;
use std::process::Command;

use super::Packages;
use super::mirror::Mirror;
use crate::workspace;

/// Downloads the packages and unpacks them into `root`; everything else that
/// apt needs is kept under `work`.
pub(super) fn unpack(
    packages: &Packages<'_>,
    mirror: &Mirror,
    work: &Path,
    root: &Path,
) -> Result<()> {
    for dir in [
        "lists/partial",
        "cache/archives/partial",
        "state",
        "sources",
        "debs",
    ] {
        fs::create_dir_all(work.join(dir))?;
    }
    fs::write(
        work.join("sources/slotline.sources"),
        mirror.sources(packages.suites),
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
    workspace::output(apt().arg("download").args(&packages.packages))?;
    for entry in fs::read_dir(work.join("debs"))? {
        workspace::output(Command::new("dpkg").arg("-x").arg(entry?.path()).arg(root))?;
    }
    Ok(())
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
