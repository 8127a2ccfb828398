//! `ci`: every check, in the order in which they are quickest to fail.

use anyhow::{Context, Result};
use clap::Args;
use std::time::Instant;

use crate::{test::Test, tidy::Tidy, workspace};

/// Checks format, lints, docs and house rules, then runs all tests.
#[derive(Args)]
pub(crate) struct Ci;

/// A check's name and what it runs.
type Step = (&'static str, fn() -> Result<()>);

const STEPS: [Step; 5] = [
    ("fmt", || {
        workspace::run(workspace::cargo().args(["fmt", "--all", "--check"]))
    }),
    ("tidy", || Tidy.run()),
    ("clippy", || {
        let lint = [
            "clippy",
            "--workspace",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ];
        workspace::run(workspace::cargo().args(lint))
    }),
    ("doc", || {
        let doc = ["doc", "--workspace", "--no-deps"];
        workspace::run(
            workspace::cargo()
                .args(doc)
                .env("RUSTDOCFLAGS", "-D warnings"),
        )
    }),
    ("test", || Test.run()),
];

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
