//! The table: a row for every measure, a column for every client.

use super::super::figures::{number, spread};
use super::super::table::Table;
use super::measured::Measured;
use super::rig::Rig;

/// A measure's name, and its median, least and most.
type Measure = (&'static str, fn(&Measured) -> Option<[f64; 3]>);

const MEASURES: [Measure; 7] = [
    ("client CPU, µs per command", |it| {
        it.over_rounds(|round| Some(round.cpu / 1e3))
    }),
    ("commands per second", |it| {
        it.over_rounds(|round| Some(1e9 / round.wall))
    }),
    ("p50, µs", |it| {
        it.over_rounds(|round| Some(round.p50? / 1e3))
    }),
    ("p99, µs", |it| {
        it.over_rounds(|round| Some(round.p99? / 1e3))
    }),
    ("heap allocations per command", |it| {
        it.counts.map(|counts| [counts.allocations; 3])
    }),
    ("syscalls per command", |it| {
        it.syscalls.map(|syscalls| [syscalls; 3])
    }),
    ("commands per write", |it| {
        it.counts.map(|counts| [counts.commands_per_write; 3])
    }),
];

/// Joins what was measured. The last columns are the first client's figures
/// divided by each other's.
pub(super) fn of(all: &[Measured]) -> Table {
    let workloads = distinct(all.iter().map(|it| it.job.workload.as_str()));
    let clients = distinct(all.iter().map(|it| it.job.who.as_str()));
    let mut rows = Vec::new();
    for workload in workloads {
        let mut title = workload;
        for (name, measure) in MEASURES {
            let figure = |who: &str| {
                let is_it = |it: &&Measured| it.job.workload == workload && it.job.who == who;
                all.iter().find(is_it).and_then(measure)
            };
            let figures: Vec<_> = clients.iter().map(|who| figure(who)).collect();
            // Not every workload is about every measure.
            if figures.iter().all(Option::is_none) && name != "syscalls per command" {
                continue;
            }
            let mut row = vec![title.to_owned(), name.to_owned()];
            title = "";
            row.extend(figures.iter().map(|figure| cell(*figure)));
            row.extend(ratios(&figures));
            rows.push(row);
        }
    }
    let mut heading = vec![String::new(), String::new()];
    heading.extend(clients.iter().map(|who| (*who).to_owned()));
    if let Some((first, others)) = clients.split_first() {
        heading.extend(others.iter().map(|other| format!("{first} / {other}")));
    }
    Table {
        heading,
        rows,
        words: 2,
    }
}

fn cell(figure: Option<[f64; 3]>) -> String {
    match figure {
        None => "not traced".to_owned(),
        Some([median, least, most]) if least == most => number(median),
        Some([median, least, most]) => spread(median, least, most),
    }
}

fn ratios(figures: &[Option<[f64; 3]>]) -> Vec<String> {
    let Some((first, others)) = figures.split_first() else {
        return Vec::new();
    };
    let ratio = |other: &Option<[f64; 3]>| {
        let (first, other) = (first.as_ref()?[0], other.as_ref()?[0]);
        (other > 0.0).then(|| number(first / other))
    };
    let each = others.iter().map(ratio);
    each.map(|ratio| ratio.unwrap_or("–".to_owned())).collect()
}

fn distinct<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut all = Vec::new();
    for name in names {
        if !all.contains(&name) {
            all.push(name);
        }
    }
    all
}

/// How it was measured.
pub(super) fn notes(rig: &Rig, rounds: usize, untraced: Option<anyhow::Error>) -> String {
    let (server, client) = (rig.cores.server, rig.cores.client);
    let mut notes = format!(
        "One connection to {} on core {server}, the client on core {client} with tokio's \
         current-thread runtime; 1,000 keys of 64 B. Each figure is of a process of its own: of \
         {rounds} rounds, in which all take turns, the median, with the least and the most. \
         CPU is user and system time of the client. Allocations and writes are of a run that \
         counts them, system calls of one under strace, which slows the client down so that it \
         finds more to do at each wake-up. GETs give a Bytes with slotline-pool, a Vec<u8> with \
         redis; both keep a deadline of a minute.\n",
        rig.version
    );
    if let Some(error) = untraced {
        notes.push_str(&format!("\nSystem calls were not traced: {error:#}\n"));
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::super::measured::{Counts, Job, Round};
    use super::*;

    fn measured(workload: &str, who: &str, cpu: f64) -> Measured {
        let round = |cpu| Round {
            cpu,
            wall: 2_000.0,
            p50: (workload == "a").then_some(40_000.0),
            p99: None,
        };
        Measured {
            job: Job {
                index: 0,
                workload: workload.to_owned(),
                who: who.to_owned(),
                operations: 1,
            },
            rounds: vec![round(cpu), round(cpu / 2.0), round(cpu * 2.0)],
            counts: Some(Counts {
                allocations: 0.0,
                commands_per_write: 50.0,
            }),
            syscalls: None,
        }
    }

    #[test]
    fn a_row_for_every_measure_that_there_is_and_a_ratio_for_every_peer() {
        let all = [
            measured("a", "ours", 600.0),
            measured("a", "peer", 1_500.0),
            measured("b", "ours", 600.0),
            measured("b", "peer", 1_500.0),
        ];
        let table = of(&all);
        assert_eq!(table.heading, ["", "", "ours", "peer", "ours / peer"]);
        let expected = [
            [
                "a",
                "client CPU, µs per command",
                "0.60 (0.30–1.20)",
                "1.50 (0.75–3.00)",
                "0.40",
            ],
            ["", "commands per second", "500,000", "500,000", "1.00"],
            ["", "p50, µs", "40.0", "40.0", "1.00"],
            ["", "heap allocations per command", "0", "0", "–"],
            ["", "syscalls per command", "not traced", "not traced", "–"],
            ["", "commands per write", "50.0", "50.0", "1.00"],
        ];
        assert_eq!(table.rows[..6], expected);
        assert_eq!(table.rows[6][0], "b");
        assert_eq!(table.rows.len(), 11);
    }
}
