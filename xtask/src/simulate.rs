//! `simulate`: the model checker, which is a package of its own.

use anyhow::Result;
use clap::Args;

use crate::workspace;

/// Runs the client on a fake cluster, seed by seed, under a paused clock, and
/// checks every history. A seed that fails is shrunk to the shortest that does.
#[derive(Args)]
pub(crate) struct Simulate {
    /// How many seeds.
    #[arg(long, value_name = "N")]
    seeds: Option<u64>,
    /// Runs this seed alone, and prints its whole history.
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// The first seed.
    #[arg(long, value_name = "S")]
    from: Option<u64>,
    /// Plants one defect after the other instead, and checks that each is found.
    #[arg(long)]
    defects: bool,
}

impl Simulate {
    /// Few enough for every change.
    pub(crate) fn few() -> Simulate {
        Simulate {
            seeds: Some(FEW),
            seed: None,
            from: None,
            defects: false,
        }
    }

    pub(crate) fn run(self) -> Result<()> {
        let mut command = workspace::cargo();
        command.args(["run", "--quiet", "--package", PACKAGE, "--"]);
        for (name, number) in [
            ("--seeds", self.seeds),
            ("--seed", self.seed),
            ("--from", self.from),
        ] {
            if let Some(number) = number {
                command.args([name, &number.to_string()]);
            }
        }
        if self.defects {
            command.arg("--defects");
        }
        workspace::run(&mut command)
    }
}

const PACKAGE: &str = "slotline-simulation";

const FEW: u64 = 200;
