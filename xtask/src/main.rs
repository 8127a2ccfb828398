//! The project's own commands: `cargo xtask VERB`, one file per verb.
#![forbid(unsafe_code)]

mod bench;
mod chaos;
mod ci;
mod cluster;
mod codegen;
mod demo;
mod fuzz;
mod gate;
mod integration;
mod metadata;
mod outages;
mod packages;
mod servers;
mod simulate;
mod test;
mod tidy;
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
    Bench(bench::Bench),
    Chaos(chaos::Chaos),
    Cluster(cluster::Cluster),
    Codegen(codegen::Codegen),
    Demo(demo::Demo),
    Integration(integration::Integration),
    Simulate(simulate::Simulate),
    Fuzz(fuzz::Fuzz),
    Gate(gate::Gate),
    Test(test::Test),
    Tidy(tidy::Tidy),
    Ci(ci::Ci),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().verb {
        Verb::Servers(verb) => verb.run(),
        Verb::Bench(verb) => verb.run(),
        Verb::Chaos(verb) => verb.run(),
        Verb::Cluster(verb) => verb.run(),
        Verb::Codegen(verb) => verb.run(),
        Verb::Demo(verb) => verb.run(),
        Verb::Integration(verb) => verb.run(),
        Verb::Simulate(verb) => verb.run(),
        Verb::Fuzz(verb) => verb.run(),
        Verb::Gate(verb) => verb.run(),
        Verb::Test(verb) => verb.run(),
        Verb::Tidy(verb) => verb.run(),
        Verb::Ci(verb) => verb.run(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
