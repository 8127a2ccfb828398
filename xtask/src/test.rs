//! `test`: everything that a newcomer should see pass.

use anyhow::Result;
use clap::Args;

use crate::{integration::Integration, workspace};

/// Runs unit and doc tests, then the suites against a real server.
#[derive(Args)]
pub(crate) struct Test;

impl Test {
    pub(crate) fn run(self) -> Result<()> {
        workspace::run(workspace::cargo().args([
            "test",
            "--workspace",
            "--exclude",
            "slotline-tests",
        ]))?;
        Integration::default().run()
    }
}
