//! The project's own commands: `cargo xtask VERB`, one file per verb.
#![forbid(unsafe_code)]

mod servers;
mod workspace;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Slotline's own commands. Each sets up what it needs by itself.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    Servers(servers::Servers),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().verb {
        Verb::Servers(verb) => verb.run(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
