//! Asking servers what commands they have.

use anyhow::{Context, Result};
use slotline_testkit::{LocalServer, ServerBinary};

use super::table::{self, Table};
use super::{Find, docs, facts};

/// Asked in this order: for what servers disagree on, the first one counts,
/// but for the flags that decide what is safe (see `Facts::merge`).
const ASKED: [&str; 4] = ["redis-8.0", "valkey-8.1", "valkey-8.0", "redis-7.0"];

/// What all of them say.
pub(crate) fn servers(find: Find<'_>) -> Result<Table> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut table = Table::new();
    for name in ASKED {
        let asked = runtime.block_on(one(name, find, &mut table));
        let count = asked.with_context(|| format!("asking {name}"))?;
        eprintln!("{name}: {count} commands");
    }
    Ok(table)
}

async fn one(name: &str, find: Find<'_>, table: &mut Table) -> Result<usize> {
    let binary = ServerBinary::at(find(name)?)?;
    let server = LocalServer::start(&binary).await?;
    let facts = facts::read(&server.call(&["COMMAND"]).await?)?;
    let docs = docs::read(&server.call(&["COMMAND", "DOCS"]).await?)?;
    let count = facts.len();
    table::merge(table, name, facts, &docs)?;
    Ok(count)
}
