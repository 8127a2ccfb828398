//! `tidy`: the house rules that no other tool checks.

mod graph;
mod layout;
mod peers;
mod promises;
mod source;

use anyhow::{Context, Result, bail};
use clap::Args;
use std::collections::HashSet;
use std::path::Path;
use std::process::Command;

use crate::workspace;

/// Checks the house rules: crate graph, file sizes and names, what the pure
/// crates may use, no unsafe code, no hosts or machine paths, that the tests exist
/// which the tables of invariants and of failures name, and that the lock file of the
/// benched peers fits our manifests.
#[derive(Args)]
pub(crate) struct Tidy;

impl Tidy {
    pub(crate) fn run(self) -> Result<()> {
        let mut problems = Vec::new();
        let mut functions = HashSet::new();
        let files = files()?;
        for path in &files {
            problems.extend(layout::name(path));
            // What is no text has no rules.
            let Ok(text) = std::fs::read_to_string(workspace::root().join(path)) else {
                continue;
            };
            problems.extend(source::check(path, &text));
            if path.ends_with(".rs") {
                functions.extend(promises::functions(&text).map(str::to_owned));
            }
        }
        for name in promises::TABLES {
            let table = std::fs::read_to_string(workspace::root().join(name));
            let table = table.with_context(|| format!("tidy compares {name} with the tests"))?;
            problems.extend(promises::check(name, &table, &functions));
        }
        let crates = layout::crates(&files);
        for folder in &crates {
            problems.extend(layout::furniture(folder, &files, |path| {
                std::fs::read_to_string(workspace::root().join(path)).unwrap_or_default()
            }));
        }
        problems.extend(graph::check(&crates)?);
        problems.extend(peers::check()?);
        for problem in &problems {
            println!("{problem}");
        }
        if !problems.is_empty() {
            bail!("{} house rules broken", problems.len());
        }
        println!(
            "tidy: {} files, {} crates, no complaint",
            files.len(),
            crates.len()
        );
        Ok(())
    }
}

/// Every file that is or could be committed, by its path from the root.
fn files() -> Result<Vec<String>> {
    let list = [
        "ls-files",
        "--cached",
        "--others",
        "--exclude-standard",
        "-z",
    ];
    let text = workspace::output(
        Command::new("git")
            .current_dir(workspace::root())
            .args(list),
    )
    .context("tidy looks at the files that git knows")?;
    let files = text
        .split('\0')
        .filter(|path| !path.is_empty())
        .map(str::to_owned);
    // One that was deleted is listed until that is committed.
    Ok(files
        .filter(|path| Path::new(&workspace::root()).join(path).is_file())
        .collect())
}
