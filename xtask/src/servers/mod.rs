//! `servers`: which server binaries there are, and getting one.

mod catalogue;
mod launcher;
mod provision;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use slotline_testkit::ServerBinary;
use std::path::PathBuf;

pub(crate) use catalogue::SERVERS;

/// Lists server binaries, or provisions one under target/servers (Debian; no
/// root, no system service).
#[derive(Args)]
pub(crate) struct Servers {
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Subcommand)]
enum What {
    /// Shows the server that would be used, and those that can be provisioned.
    List,
    /// Provisions a server and prints its path.
    Get {
        /// redis-7.0, valkey-8.0, redis-8.0 or valkey-8.1.
        name: String,
    },
}

impl Servers {
    pub(crate) fn run(self) -> Result<()> {
        match self.what.unwrap_or(What::List) {
            What::List => list(),
            What::Get { name } => println!("{}", get(&name)?.display()),
        }
        Ok(())
    }
}

fn list() {
    match found() {
        Some(path) => println!("{:<12} {}", "found", path.display()),
        None => println!(
            "{:<12} no server on the PATH, SLOTLINE_SERVER is not set",
            "found"
        ),
    }
    for server in SERVERS {
        let path = provision::path_of(server);
        let state = if path.is_file() {
            path.display().to_string()
        } else {
            "not provisioned".to_owned()
        };
        println!("{:<12} {state}", server.name);
    }
}

/// Provisions the server of that name, if it is not there yet.
pub(crate) fn get(name: &str) -> Result<PathBuf> {
    provision::get(catalogue::by_name(name)?)
}

/// The server to use: the one that `--server` names, by name or by path, else
/// one that is there already, else one that is provisioned.
pub(crate) fn choose(name: Option<&str>) -> Result<PathBuf> {
    match name {
        Some(path) if path.contains('/') => {
            std::fs::canonicalize(path).with_context(|| format!("there is no server at {path}"))
        }
        Some(name) => get(name),
        None => found().map_or_else(|| provision::get(catalogue::default()), Ok),
    }
}

/// A server that this machine has. One that SLOTLINE_SERVER names is used
/// whatever is wrong with it, so that the mistake shows.
fn found() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("SLOTLINE_SERVER").filter(|path| !path.is_empty()) {
        return Some(named.into());
    }
    let binary = ServerBinary::find().ok()?;
    Some(binary.path().to_path_buf())
}
