//! `bench` without more: Slotline beside the other clients, in processes of their
//! own that take turns.

mod build;
mod c_client;
mod cell;
mod chart;
mod docs;
mod fill;
mod measure;
mod peer;
mod process;
mod report;
mod rig;
mod row;
mod table;

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::Args;
use slotline_testkit::ServerBinary;

use super::cores::Cores;
use super::strace::Strace;
use crate::servers;
use c_client::CClient;
use cell::Cell;
use measure::{Measurer, Times};
use peer::Peer;
use report::Report;
use rig::Rig;
use row::{Place, Row};

/// The oldest: what is measured is not the server.
const SERVER: &str = "redis-7.0";

#[derive(Args)]
pub(crate) struct Peers {
    /// Fewer and shorter rounds: for a first look, not for a document.
    #[arg(long)]
    quick: bool,
    /// Which clients, by name and with commas: slotline, redis-1, redis-1-by-node,
    /// redis-2, fred, rustis, redis-tower, valkey-glide, floor, redis-benchmark; or
    /// all. Default: all but valkey-glide, which takes many minutes to build.
    #[arg(long, value_name = "LIST")]
    peers: Option<String>,
    /// Which workloads, W1 to W10 with commas, each standalone and on a cluster
    /// unless it says where, as in W2-cluster.
    #[arg(long, value_name = "LIST")]
    workloads: Option<String>,
    /// How many rounds. Default: five, quick three.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    rounds: Option<u16>,
    /// Writes all figures of all rounds to a file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Writes tables and charts to docs/benchmarks.md.
    #[arg(long)]
    docs: bool,
}

impl Peers {
    pub(crate) fn run(self) -> Result<()> {
        let peers = peer::choose(self.peers.as_deref())?;
        let rows = row::choose(self.workloads.as_deref())?;
        let times = self.times();
        let cores = Cores::of_this_machine()?;
        let path = servers::get(SERVER)?;
        let binary = ServerBinary::at(&path)?;
        let (strace, untraced) = match Strace::find() {
            Ok(strace) => (Some(strace), None),
            Err(error) => (None, Some(format!("{error:#}"))),
        };
        let is_asked = |name: &str| peers.iter().any(|peer| peer.name == name);
        let measurer = Measurer {
            times,
            programs: programs(&peers)?,
            c_client: is_asked(peer::C)
                .then(|| CClient::beside(&path))
                .transpose()?,
            strace,
        };
        let cells = measure(&measurer, &binary, &cores, &rows, &peers)?;
        let report = Report {
            command: self.command(),
            quick: self.quick,
            times,
            server: binary.version().to_string(),
            cores: (cores.server, cores.clients),
            clients: peers,
            untraced,
        };
        print!("{}\n{}", report.heading(), report.tables(&cells, false));
        if let Some(file) = &self.json {
            let written = fs::write(file, report.to_json(&cells)?);
            written.with_context(|| format!("writing {}", file.display()))?;
        }
        if self.docs {
            docs::write(&report, &cells)?;
        }
        Ok(())
    }

    fn times(&self) -> Times {
        let (rounds, run, warm_up) = if self.quick {
            (3, 300, 100)
        } else {
            (5, 1_000, 300)
        };
        Times {
            rounds: self.rounds.map_or(rounds, usize::from),
            run: Duration::from_millis(run),
            warm_up: Duration::from_millis(warm_up),
        }
    }

    /// What to type to have the same again.
    fn command(&self) -> String {
        let mut command = "cargo xtask bench".to_owned();
        if self.quick {
            command.push_str(" --quick");
        }
        let rounds = self.rounds.map(|rounds| rounds.to_string());
        for (name, value) in [
            ("peers", &self.peers),
            ("workloads", &self.workloads),
            ("rounds", &rounds),
        ] {
            if let Some(value) = value {
                command.push_str(&format!(" --{name} {value}"));
            }
        }
        command
    }
}

fn programs(peers: &[&'static Peer]) -> Result<HashMap<&'static str, build::Programs>> {
    let mut programs = HashMap::new();
    for peer in peers {
        eprintln!("building: {}", peer.name);
        if let Some(built) = build::programs(peer)? {
            programs.insert(peer.name, built);
        }
    }
    Ok(programs)
}

/// Row by row, each with servers of its own kind, which are started for as many
/// rows as can share them.
fn measure(
    measurer: &Measurer,
    binary: &ServerBinary,
    cores: &Cores,
    rows: &[Row],
    peers: &[&'static Peer],
) -> Result<Vec<Cell>> {
    let mut cells = Vec::new();
    for place in Place::ALL {
        for tls in [false, true] {
            let is_here = |row: &&Row| row.place == place && row.workload.tls() == tls;
            let rows: Vec<&Row> = rows.iter().filter(is_here).collect();
            if rows.is_empty() {
                continue;
            }
            let rig = Rig::start(binary, place, tls, cores)?;
            for row in rows {
                cells.extend(measure_row(measurer, &rig, *row, peers)?);
            }
        }
    }
    // As one reads them, not as they were measured.
    cells.sort_by_key(|cell| {
        (
            cell.row.place.name() == "cluster",
            cell.row.workload as usize,
        )
    });
    Ok(cells)
}

fn measure_row(
    measurer: &Measurer,
    rig: &Rig,
    row: Row,
    peers: &[&'static Peer],
) -> Result<Vec<Cell>> {
    let mut cells: Vec<Cell> = peers.iter().map(|peer| Cell::new(row, peer)).collect();
    for round in 0..measurer.times.rounds {
        eprintln!("{row}: round {} of {}", round + 1, measurer.times.rounds);
        // One after the other, so that all of them have the same machine.
        for cell in &mut cells {
            measurer.round(rig, cell)?;
        }
    }
    eprintln!("{row}: counting");
    for cell in &mut cells {
        measurer.count(rig, cell)?;
    }
    Ok(cells)
}
