//! `command-table`: the static facts about each command, asked of real servers.

mod facts;
mod keys;
mod overrides;
mod render;

use anyhow::{Context, Result, bail};
use clap::Args;
use slotline_testkit::{LocalServer, ServerBinary, Value};
use std::collections::BTreeMap;

use crate::{servers, workspace};
use facts::Facts;

/// Writes the table of commands in slotline-resp from what real servers say.
#[derive(Args)]
pub(crate) struct CommandTable {
    /// Writes nothing; fails if the table is not what would be written.
    #[arg(long)]
    check: bool,
}

/// Asked in this order: for what servers disagree on, the first one counts,
/// but for the flags that decide what is safe (see `Facts::merge`).
const ASKED: [&str; 4] = ["redis-8.0", "valkey-8.1", "valkey-8.0", "redis-7.0"];

const FILE: &str = "crates/slotline-resp/src/command/table.rs";

impl CommandTable {
    pub(crate) fn run(self) -> Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let mut table = BTreeMap::new();
        for name in ASKED {
            let answer = runtime
                .block_on(ask(name))
                .with_context(|| format!("asking {name}"))?;
            let mut count = 0;
            for facts in facts::read(&answer)? {
                count += 1;
                merge(&mut table, facts, name);
            }
            eprintln!("{name}: {count} commands");
        }
        overrides::apply(&mut table)?;
        let text = render::file(&table);
        let path = workspace::root().join(FILE);
        let old = std::fs::read_to_string(&path).unwrap_or_default();
        if old == text {
            println!("{FILE} is up to date: {} commands", table.len());
        } else if self.check {
            bail!("{FILE} is not what the servers say; run `cargo xtask command-table`");
        } else {
            std::fs::write(&path, text).with_context(|| format!("writing {FILE}"))?;
            println!("{FILE} written: {} commands", table.len());
        }
        Ok(())
    }
}

async fn ask(name: &str) -> Result<Value> {
    let binary = ServerBinary::at(servers::get(name)?)?;
    let server = LocalServer::start(&binary).await?;
    Ok(server.call(&["COMMAND"]).await?)
}

fn merge(table: &mut BTreeMap<String, Facts>, facts: Facts, server: &str) {
    match table.get_mut(&facts.name) {
        Some(known) => {
            for difference in known.merge(&facts) {
                eprintln!("{server}: {}: {difference}", facts.name);
            }
        }
        None => {
            table.insert(facts.name.clone(), facts);
        }
    }
}
