//! `servers`: which server binaries there are, and getting one.

mod catalogue;
mod launcher;
mod mirror;
mod provision;

use anyhow::Result;
use clap::{Args, Subcommand};
use std::path::{Path, PathBuf};

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

/// What `--server` may name: a path, or a server of the catalogue.
pub(crate) fn resolve(name: &str) -> Result<PathBuf> {
    let path = Path::new(name);
    if name.contains('/') && path.is_file() {
        return Ok(path.canonicalize()?);
    }
    get(name)
}
