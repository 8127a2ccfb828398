//! What is told at the end: on the terminal, in a file, in the documents.

use anyhow::Result;
use serde_json::{Value, json};

use super::super::machine;
use super::cell::{Cell, Measure};
use super::measure::Times;
use super::table::{Reasons, detail, of_row, overview, rows};
use super::{build, peer};

/// How it was measured.
pub(super) struct Report {
    pub(super) command: String,
    pub(super) quick: bool,
    pub(super) times: Times,
    pub(super) server: String,
    /// The servers' core and the clients'.
    pub(super) cores: (usize, Vec<usize>),
    pub(super) clients: Vec<&'static peer::Peer>,
    /// Why no system calls were counted.
    pub(super) untraced: Option<String>,
}

/// The measures that have a table of their own.
const OVERVIEWS: [Measure; 5] = [
    Measure::Cpu,
    Measure::Rate,
    Measure::P99,
    Measure::Allocations,
    Measure::Syscalls,
];

impl Report {
    /// Each client's name and version.
    fn versions(&self) -> Vec<(&'static str, String)> {
        let lock = std::fs::read_to_string(build::folder().join("Cargo.lock"));
        let lock = lock.unwrap_or_default();
        let of_client = |client: &&'static peer::Peer| {
            let version = match client.package {
                Some(package) => peer::version(&lock, package),
                None if client.features.is_none() => Some(format!("of {}", self.server)),
                None => Some("of benches/peers".to_owned()),
            };
            (client.name, version.unwrap_or_else(|| "unknown".to_owned()))
        };
        self.clients.iter().map(of_client).collect()
    }

    /// The command, the machine and the versions.
    pub(super) fn heading(&self) -> String {
        let Times {
            rounds,
            run,
            warm_up,
        } = self.times;
        let versions = self.versions().into_iter();
        let versions: Vec<String> = versions.map(|(name, it)| format!("{name} {it}")).collect();
        let (server, clients) = &self.cores;
        let clients: Vec<String> = clients.iter().map(usize::to_string).collect();
        let quick = if self.quick {
            "A quick run, to see that it works: a full one is longer, and on a machine that does \
             nothing else.\n\n"
        } else {
            ""
        };
        let mut text = format!(
            "{quick}`{}`\n\n\
             - machine: {}; servers on core {server}, clients on core {} (W9: {})\n\
             - servers: {}; {}, release profile as cargo has it\n\
             - clients: {}\n\
             - {rounds} rounds of {} ms after {} ms of warm-up, in which all clients take turns: \
             the median, with the least and the most\n",
            self.command,
            machine::describe(),
            clients.first().map_or("", String::as_str),
            clients.join(", "),
            self.server,
            machine::compiler(),
            versions.join(", "),
            run.as_millis(),
            warm_up.as_millis(),
        );
        if let Some(reason) = &self.untraced {
            text.push_str(&format!("- system calls were not traced: {reason}\n"));
        }
        text
    }

    /// The tables of measures, then those of rows.
    pub(super) fn tables(&self, cells: &[Cell], markdown: bool) -> String {
        let mut text = String::new();
        for measure in OVERVIEWS {
            let mut reasons = Reasons::default();
            if let Some(table) = overview(cells, measure, &mut reasons) {
                text.push_str(&table.show(markdown));
                text.push_str(&under(&reasons, markdown));
            }
        }
        for row in rows(cells) {
            let mut reasons = Reasons::default();
            let table = detail(&of_row(cells, row), &mut reasons);
            text.push_str(&table.show(markdown));
            text.push_str(&under(&reasons, markdown));
        }
        text
    }

    /// All of it for other programs.
    pub(super) fn to_json(&self, cells: &[Cell]) -> Result<String> {
        let versions: serde_json::Map<String, Value> = self
            .versions()
            .into_iter()
            .map(|(name, version)| (name.to_owned(), version.into()))
            .collect();
        let report = json!({
            "command": self.command,
            "quick": self.quick,
            "rounds": self.times.rounds,
            "run_ms": self.times.run.as_millis() as u64,
            "machine": machine::describe(),
            "compiler": machine::compiler(),
            "server": self.server,
            "server_core": self.cores.0,
            "client_cores": self.cores.1,
            "versions": versions,
            "untraced": self.untraced,
            "cells": cells.iter().map(Cell::to_json).collect::<Vec<_>>(),
        });
        Ok(serde_json::to_string_pretty(&report)? + "\n")
    }
}

/// The reasons, a paragraph or line each.
fn under(reasons: &Reasons, markdown: bool) -> String {
    let lines = reasons.lines();
    match markdown {
        true => format!("\n{}\n", lines.replace('\n', "  \n")),
        false => format!("{lines}\n"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::cell::Round;
    use super::super::row;
    use super::*;

    #[test]
    fn a_report_has_the_command_the_machine_the_versions_and_every_cell() {
        let clients = peer::choose(Some("slotline,redis-2")).unwrap();
        let report = Report {
            command: "cargo xtask bench --quick".to_owned(),
            quick: true,
            times: Times {
                rounds: 3,
                run: Duration::from_millis(300),
                warm_up: Duration::from_millis(100),
            },
            server: "redis 7.0.15".to_owned(),
            cores: (0, vec![1]),
            clients: clients.clone(),
            untraced: None,
        };
        let row = row::choose(Some("W2-cluster")).unwrap()[0];
        let mut cells: Vec<Cell> = clients.iter().map(|peer| Cell::new(row, peer)).collect();
        cells[0].rounds.push(Round::default());
        cells[1].failed = Some("it hangs".to_owned());
        let heading = report.heading();
        for text in [
            "A quick run",
            "cargo xtask bench --quick",
            "redis-2 2.0.0-rc.2",
            "7.0.15",
        ] {
            assert!(heading.contains(text), "{text}: {heading}");
        }
        let tables = report.tables(&cells, true);
        assert!(tables.contains("| redis-2 | no [1] |"), "{tables}");
        assert!(tables.contains("[1] it hangs"), "{tables}");
        let json: Value = serde_json::from_str(&report.to_json(&cells).unwrap()).unwrap();
        assert_eq!(json["cells"][1]["failed"], "it hangs");
        assert_eq!(json["versions"]["redis-2"], "2.0.0-rc.2");
    }
}
