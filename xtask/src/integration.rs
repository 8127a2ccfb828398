//! `integration`: the suites that need a server, once per server.

use anyhow::{Result, bail};
use clap::Args;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::metadata::Metadata;
use crate::{servers, workspace};

/// The package that the suites are test targets of.
const SUITES: &str = "slotline-tests";

/// Runs the suites against real servers, provisioning them first.
#[derive(Args, Default)]
pub(crate) struct Integration {
    /// A server of `servers list`, or a path; may be given several times.
    /// Default: SLOTLINE_SERVER, else one on the PATH, else one that is provisioned.
    #[arg(long)]
    server: Vec<String>,
    /// A test that cannot show anything here fails, instead of saying so.
    #[arg(long)]
    no_skips: bool,
    /// A suite, such as `protocol`: runs the whole of it and nothing else. Any other
    /// word: runs the tests of every suite whose names contain it.
    filter: Option<String>,
    /// Arguments for the test programs.
    #[arg(last = true)]
    libtest: Vec<String>,
}

impl Integration {
    /// Whether no test may be skipped.
    pub(crate) fn no_skips(mut self, no_skips: bool) -> Integration {
        self.no_skips = no_skips;
        self
    }

    pub(crate) fn run(self) -> Result<()> {
        let mut names: Vec<_> = self.server.iter().map(|name| Some(name.as_str())).collect();
        if names.is_empty() {
            names.push(None);
        }
        // All of them before the first run, so that a wrong name fails at once.
        let mut servers = Vec::new();
        for name in names {
            let path = servers::choose(name)?;
            servers.push((
                name.map_or_else(|| path.display().to_string(), str::to_owned),
                path,
            ));
        }
        let chosen = match &self.filter {
            Some(filter) => chosen(filter, &suites()?),
            None => Vec::new(),
        };
        let mut summary = String::new();
        let mut failed = 0;
        for (name, path) in &servers {
            let start = Instant::now();
            let outcome = self.test(path, &chosen);
            let seconds = start.elapsed().as_secs_f64();
            match outcome {
                Ok(()) => summary.push_str(&format!("{name:<12} passed in {seconds:.0} s\n")),
                Err(error) => {
                    failed += 1;
                    summary.push_str(&format!("{name:<12} FAILED in {seconds:.0} s: {error:#}\n"));
                }
            }
        }
        print!("{summary}");
        if failed > 0 {
            bail!("the suites failed on {failed} of {} servers", servers.len());
        }
        Ok(())
    }

    fn test(&self, server: &Path, chosen: &[String]) -> Result<()> {
        if let Some(filter) = &self.filter
            && matching(server, chosen)? == 0
        {
            let suites = suites()?.join(", ");
            bail!("{filter:?} is no suite ({suites}), and no test has a name that contains it");
        }
        let mut command = cargo_test(server, chosen);
        if self.no_skips {
            command.env("SLOTLINE_NO_SKIPS", "1");
        }
        workspace::run(command.args(["--no-fail-fast", "--"]).args(&self.libtest))
    }
}

/// How many tests are left; none would pass in silence.
fn matching(server: &Path, chosen: &[String]) -> Result<usize> {
    let mut command = cargo_test(server, chosen);
    let list = ["--", "--list", "--format", "terse"];
    let listed = command.args(list).stderr(Stdio::inherit()).output()?;
    if !listed.status.success() {
        bail!("the suites could not be built");
    }
    let listed = String::from_utf8_lossy(&listed.stdout);
    Ok(listed
        .lines()
        .filter(|line| line.ends_with(": test"))
        .count())
}

fn cargo_test(server: &Path, chosen: &[String]) -> Command {
    let mut command = workspace::cargo();
    command
        .args(["test", "-p", SUITES])
        .args(chosen)
        .env("SLOTLINE_SERVER", server);
    command
}

/// What cargo is told in order to run what the filter means.
fn chosen(filter: &str, suites: &[String]) -> Vec<String> {
    if suites.iter().any(|suite| suite == filter) {
        return vec!["--test".to_owned(), filter.to_owned()];
    }
    vec![filter.to_owned()]
}

/// The suites' names.
fn suites() -> Result<Vec<String>> {
    Ok(Metadata::of_this_workspace()?.targets(SUITES, "test"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suite_is_chosen_whole_and_anything_else_is_a_part_of_a_name() {
        let suites = ["protocol", "failover"].map(str::to_owned);
        assert_eq!(chosen("protocol", &suites), ["--test", "protocol"]);
        for word in ["proto", "it", "slotline_tests", "a_frozen_node"] {
            assert_eq!(chosen(word, &suites), [word]);
        }
    }
}
