//! Debian packages without root: fetched with lists of our own and unpacked
//! into a folder. No service, nothing of the system's touched.

mod apt;
mod mirror;

use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

/// Packages that are unpacked together.
#[derive(Debug)]
pub(crate) struct Packages<'a> {
    /// What they are called, and their folder.
    pub(crate) name: &'a str,
    /// The folder that their folder lies in.
    pub(crate) folder: PathBuf,
    /// The suites that they are in; none for the machine's own release.
    pub(crate) suites: &'a [&'a str],
    /// Their names.
    pub(crate) packages: Vec<&'a str>,
    /// What to do where they cannot be had.
    pub(crate) by_hand: &'a str,
}

impl Packages<'_> {
    /// The folder that holds them, fetched and unpacked first unless `program`
    /// is in it. They are unpacked under `root`; `finish` is given the folder
    /// while it is made, and adds `program` to it.
    pub(crate) fn get(
        &self,
        program: &str,
        finish: impl Fn(&Path) -> Result<()>,
    ) -> Result<PathBuf> {
        let place = self.folder.join(self.name);
        if place.join(program).is_file() {
            return Ok(place);
        }
        for tool in ["apt-get", "dpkg"] {
            if Command::new(tool).arg("--version").output().is_err() {
                bail!(
                    "{} can be provisioned on Debian only ({tool} is not here): {}",
                    self.name,
                    self.by_hand
                );
            }
        }
        eprintln!("provisioning {} …", self.name);
        fs::create_dir_all(&self.folder)?;
        sweep(&self.folder);
        let mut failures = String::new();
        for mirror in mirror::of_this_machine()? {
            // Everything happens beside the final place and arrives there
            // whole, by one rename, or not at all.
            let work = tempfile::Builder::new()
                .prefix(&format!(".{}.", self.name))
                .tempdir_in(&self.folder)?;
            let whole = work.path().join("whole");
            fs::create_dir_all(whole.join("bin"))?;
            let made = apt::unpack(self, &mirror, work.path(), &whole.join("root"))
                .and_then(|()| finish(&whole));
            match made {
                Ok(()) => return self.keep(&whole, program),
                Err(error) => failures.push_str(&format!("\n{error:#}")),
            }
        }
        bail!(
            "{} could not be had from this machine's package mirror; {}{failures}",
            self.name,
            self.by_hand,
        )
    }

    fn keep(&self, whole: &Path, program: &str) -> Result<PathBuf> {
        let place = self.folder.join(self.name);
        if let Err(error) = fs::rename(whole, &place) {
            // Another run may have been first.
            if !place.join(program).is_file() {
                return Err(error).with_context(|| format!("moving {} into place", self.name));
            }
        }
        Ok(place)
    }
}

/// Writes a program that is a shell script.
pub(crate) fn write_script(path: &Path, text: &str) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::write(path, text).with_context(|| format!("writing {}", path.display()))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
    Ok(())
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
        // `cargo install` keeps files of its own beside ours.
        if hidden && old && entry.path().is_dir() {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
