//! `test`: everything that a newcomer should see pass.

use anyhow::Result;
use clap::Args;

use crate::{integration::Integration, workspace};

/// Runs unit and doc tests, then the suites against a real server.
#[derive(Args)]
pub(crate) struct Test {
    /// A test that cannot show anything on this machine fails, instead of saying so.
    #[arg(long)]
    pub(crate) no_skips: bool,
}

impl Test {
    pub(crate) fn run(self) -> Result<()> {
        // The codec as those get it who ask for no feature of it, then all of it.
        let rest = ["slotline-tests", "slotline-resp", "slotline-fuzz"];
        let mut others = workspace::cargo();
        others.args(["test", "--workspace"]);
        for package in rest {
            others.args(["--exclude", package]);
        }
        workspace::run(&mut others)?;
        let codec = ["test", "-p", "slotline-resp", "--all-features"];
        workspace::run(workspace::cargo().args(codec))?;
        // The inputs that fuzzing has left, without fuzzing.
        workspace::run(workspace::cargo().args(["test", "-p", "slotline-fuzz"]))?;
        Integration::default().no_skips(self.no_skips).run()
    }
}
