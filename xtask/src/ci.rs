//! `ci`: every check, in the order in which they are quickest to fail.

use anyhow::{Context, Result};
use clap::Args;
use std::time::Instant;

use crate::codegen::Codegen;
use crate::gate::Gate;
use crate::metadata::Metadata;
use crate::{simulate::Simulate, test::Test, tidy::Tidy, workspace};

/// Checks format, lints, docs and house rules, then runs all tests.
#[derive(Args)]
pub(crate) struct Ci;

/// A check's name and what it runs.
type Step = (&'static str, fn() -> Result<()>);

const STEPS: [Step; 9] = [
    ("fmt", || {
        workspace::run(workspace::cargo().args(["fmt", "--all", "--check"]))
    }),
    ("tidy", || Tidy.run()),
    ("codegen", || Codegen::CHECKED.run()),
    ("clippy", || {
        clippy(&["--workspace", "--all-targets"])?;
        clippy(&["-p", CODEC, "--all-targets", "--all-features"])?;
        clippy(&["-p", "slotline-fuzz", "--bins", "--features", "targets"])
    }),
    ("features", features),
    ("doc", || {
        doc(&["--workspace"])?;
        doc(&["-p", CODEC, "--all-features"])
    }),
    ("simulate", || Simulate::few().run()),
    ("gate", || Gate::of_ci().run()),
    ("test", || Test { no_skips: true }.run()),
];

/// The crates that have features which stand alone.
const CODEC: &str = "slotline-resp";
const COMMANDS: &str = "slotline-commands";

fn clippy(what: &[&str]) -> Result<()> {
    let mut command = workspace::cargo();
    command.arg("clippy").args(what);
    workspace::run(command.args(["--", "-D", "warnings"]))
}

/// Without any feature, and with each alone. Only the library: the tests' own
/// dependencies would switch on what it forgot to ask for.
fn features() -> Result<()> {
    let metadata = Metadata::of_this_workspace()?;
    for package in [CODEC, COMMANDS] {
        let alone = ["-p", package, "--lib", "--no-default-features"];
        clippy(&alone)?;
        for feature in metadata.features(package) {
            clippy(&[&alone[..], &["--features", &feature]].concat())?;
        }
    }
    clippy(&["-p", "slotline", "--lib", "--no-default-features"])
}

fn doc(what: &[&str]) -> Result<()> {
    let mut command = workspace::cargo();
    command.args(["doc", "--no-deps"]).args(what);
    workspace::run(command.env("RUSTDOCFLAGS", "-D warnings"))
}

impl Ci {
    pub(crate) fn run(self) -> Result<()> {
        let mut report = String::new();
        for (name, step) in STEPS {
            let start = Instant::now();
            let outcome = step();
            report.push_str(&format!(
                "{name:<8}{:>7.1} s\n",
                start.elapsed().as_secs_f64()
            ));
            if outcome.is_err() {
                eprint!("{report}");
            }
            outcome.with_context(|| format!("step {name}"))?;
        }
        eprint!("{report}");
        Ok(())
    }
}
