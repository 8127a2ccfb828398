//! Counting system calls, by strace.

use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::tools;
use crate::packages::{Packages, write_script};
use crate::workspace;

/// How to get strace where it cannot be provisioned.
const BY_HAND: &str = "install strace with this system's package manager";

/// Starts an unpacked strace with the libraries beside it.
const LAUNCHER: &str = "bin/strace";

/// A strace that runs here and may trace.
pub(crate) struct Strace(PathBuf);

impl Strace {
    /// The one on the PATH, else one that is provisioned.
    ///
    /// # Errors
    /// There is none, or tracing is not permitted on this machine.
    pub(crate) fn find() -> Result<Self> {
        let there = Path::new("strace");
        let strace = if tools::runs(there) {
            Self(there.to_path_buf())
        } else {
            Self(provision()?)
        };
        strace.count(&Command::new("true"))?;
        Ok(strace)
    }

    /// Runs a program to the end; tells how many system calls it and its threads
    /// made, and what it printed.
    pub(crate) fn count(&self, program: &Command) -> Result<(u64, String)> {
        let list = tempfile::NamedTempFile::new()?;
        let mut traced = Command::new(&self.0);
        traced.args(["-c", "-f", "-o"]).arg(list.path());
        traced.arg("--").arg(program.get_program());
        let printed = workspace::output(traced.args(program.get_args()))?;
        let list = std::fs::read_to_string(list.path())?;
        match calls(&list) {
            0 => bail!("strace counted nothing"),
            calls => Ok((calls, printed)),
        }
    }
}

/// Adds up strace's table: a line for every system call, with a share, seconds,
/// microseconds each, how many, how many failed if any did, and the name. The
/// line of the total has not the same columns in every version.
fn calls(list: &str) -> u64 {
    let calls = list.lines().filter_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (&name, figures) = fields.split_last()?;
        let is_call = figures.iter().all(|figure| figure.parse::<f64>().is_ok());
        let calls: u64 = figures.get(3)?.parse().ok()?;
        (is_call && name != "total").then_some(calls)
    });
    calls.sum()
}

/// strace's launcher, fetched and unpacked first unless it was before. It is of
/// the machine's own release.
fn provision() -> Result<PathBuf> {
    let packages = Packages {
        name: "strace",
        folder: tools::folder(),
        suites: &[],
        packages: vec!["strace", "libunwind8"],
        by_hand: BY_HAND,
    };
    let place = packages.get(LAUNCHER, |whole| {
        let libraries = tools::folder_of("libunwind.so", &whole.join("root"))?;
        let script = whole.join(LAUNCHER);
        // What is traced is to be without those libraries again.
        write_script(
            &script,
            &format!(
                "#!/bin/sh\n# Starts strace with the libraries beside it.\n\
                 root=\"${{0%/*}}/../root\"\n\
                 LD_LIBRARY_PATH=\"$root/{libraries}\" \
                 exec \"$root/usr/bin/strace\" -E LD_LIBRARY_PATH \"$@\"\n"
            ),
        )?;
        let version = workspace::output(Command::new(&script).arg("-V"))?;
        eprintln!("{}", version.lines().next().context("no version")?);
        Ok(())
    })?;
    Ok(place.join(LAUNCHER))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_added_up_whether_or_not_any_failed() {
        let list = "\
% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 60.00    0.000600           0         7           read
 40.00    0.000400           2       123       120 epoll_wait
------ ----------- ----------- --------- --------- ----------------
100.00    0.001000                   130       120 total
";
        assert_eq!(calls(list), 130);
        assert_eq!(calls("strace: ptrace(PTRACE_TRACEME): not permitted\n"), 0);
    }
}
