//! Counting instructions, by callgrind.

use anyhow::{Context, Result};
use std::path::PathBuf;
use std::process::Command;

use super::tools;
use crate::workspace;

/// A valgrind that runs here.
pub(crate) struct Callgrind(PathBuf);

impl Callgrind {
    /// The one on the PATH, else one that is provisioned.
    ///
    /// # Errors
    /// There is none, and none can be fetched.
    pub(crate) fn find() -> Result<Self> {
        tools::valgrind().map(Self)
    }

    /// Runs a program to the end; tells how many instructions it took.
    pub(crate) fn count(&self, program: &Command) -> Result<u64> {
        let listed = tempfile::NamedTempFile::new()?;
        let mut counted = Command::new(&self.0);
        counted
            .args(["--tool=callgrind", "--quiet"])
            .arg(format!("--callgrind-out-file={}", listed.path().display()))
            .arg(program.get_program())
            .args(program.get_args());
        workspace::output(&mut counted)?;
        total(&std::fs::read_to_string(listed.path())?).context("callgrind told no total")
    }
}

/// What one operation costs: counted for a shorter and a longer run, whose difference
/// is the operations' own, since both have their beginning and their end in common.
pub(crate) fn of_each([few, more]: [u64; 2], count: impl Fn(u64) -> Result<u64>) -> Result<f64> {
    let (less, all) = (count(few)?, count(more)?);
    Ok(all.saturating_sub(less) as f64 / (more - few) as f64)
}

/// What callgrind's list says of all of it.
fn total(list: &str) -> Option<u64> {
    let line = list.lines().find_map(|line| {
        let rest = line.strip_prefix("totals:");
        rest.or_else(|| line.strip_prefix("summary:"))
    });
    line?.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_is_read_from_the_list() {
        let list = "version: 1\nevents: Ir\n\nfn=(1) main\n3 17\n\ntotals: 4711\n";
        assert_eq!(total(list), Some(4711));
        assert_eq!(total("events: Ir\n"), None);
    }

    #[test]
    fn what_both_runs_have_in_common_is_nobodys() {
        let each = of_each([4, 12], |operations| Ok(1_000 + 3 * operations));
        assert_eq!(each.unwrap(), 3.0);
    }
}
