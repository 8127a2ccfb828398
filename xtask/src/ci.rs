//! `ci`: every check, in the order in which they are quickest to fail.

use anyhow::{Context, Result};
use clap::Args;
use std::time::Instant;

use crate::gate::Gate;
use crate::metadata::Metadata;
use crate::{simulate::Simulate, test::Test, tidy::Tidy, workspace};

/// Checks format, lints, docs and house rules, then runs all tests.
#[derive(Args)]
pub(crate) struct Ci;

/// A check's name and what it runs.
type Step = (&'static str, fn() -> Result<()>);

const STEPS: [Step; 8] = [
    ("fmt", || {
        workspace::run(workspace::cargo().args(["fmt", "--all", "--check"]))
    }),
    ("tidy", || Tidy.run()),
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

/// The crate that has features.
const CODEC: &str = "slotline-resp";

fn clippy(what: &[&str]) -> Result<()> {
    let mut command = workspace::cargo();
    command.arg("clippy").args(what);
    workspace::run(command.args(["--", "-D", "warnings"]))
}

/// Without any feature, and with each alone. Only the library: the tests' own
/// dependencies would switch on what it forgot to ask for.
fn features() -> Result<()> {
    let alone = ["-p", CODEC, "--lib", "--no-default-features"];
    clippy(&alone)?;
    for feature in Metadata::of_this_workspace()?.features(CODEC) {
        clippy(&[&alone[..], &["--features", &feature]].concat())?;
    }
    Ok(())
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
