//! `integration`: the suites that need a server, once per server.

use anyhow::{Result, bail};
use clap::Args;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::{servers, workspace};

/// Runs the suites against real servers, provisioning them first.
#[derive(Args, Default)]
pub(crate) struct Integration {
    /// A server of `servers list`, or a path; may be given several times.
    /// Default: SLOTLINE_SERVER, else one on the PATH, else one that is provisioned.
    #[arg(long)]
    server: Vec<String>,
    /// Runs only tests whose names contain this.
    filter: Option<String>,
    /// Arguments for the test programs.
    #[arg(last = true)]
    libtest: Vec<String>,
}

impl Integration {
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
        let mut summary = String::new();
        let mut failed = 0;
        for (name, path) in &servers {
            let start = Instant::now();
            let outcome = self.suites(path);
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

    fn suites(&self, server: &Path) -> Result<()> {
        if self.filter.is_some() && self.matching(server)? == 0 {
            bail!("no test has a name that contains the filter");
        }
        let mut command = self.cargo_test(server);
        workspace::run(command.args(["--no-fail-fast", "--"]).args(&self.libtest))
    }

    /// How many tests the filter leaves; none would pass in silence.
    fn matching(&self, server: &Path) -> Result<usize> {
        let mut command = self.cargo_test(server);
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

    fn cargo_test(&self, server: &Path) -> Command {
        let mut command = workspace::cargo();
        command
            .args(["test", "-p", "slotline-tests"])
            .args(&self.filter)
            .env("SLOTLINE_SERVER", server);
        command
    }
}
