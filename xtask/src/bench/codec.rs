//! `bench codec`: bytes to replies and commands to bytes.

use anyhow::Result;
use clap::Args;

use super::cases::{self, Case};
use super::figures::{grouped, number, spread};
use super::program;
use super::table::Table;
use super::tools;

/// Measures slotline-resp, redis-protocol and the redis crate's parser:
/// instructions, time and heap allocations.
#[derive(Args)]
pub(crate) struct Codec {
    /// Fewer and shorter rounds: for a first look, not for a README.
    #[arg(long)]
    quick: bool,
    /// Prints the table in Markdown.
    #[arg(long)]
    markdown: bool,
}

/// A task that one codec alone has, so it is a column of its own.
const SCAN: &str = "scan";

impl Codec {
    pub(crate) fn run(self) -> Result<()> {
        let path = tools::path()?;
        let quick: &[&str] = if self.quick { &["--quick"] } else { &[] };
        let instructions = program::run("codec_instructions", &path, &["--output-format=json"])?;
        let allocations = program::run("codec_allocations", &path, &[])?;
        let time = program::run("codec_time", &path, quick)?;
        let cases = cases::join(&time, &instructions, &allocations)?;
        let table = table(&cases);
        print!("{}\n{}", table.show(self.markdown), notes(&cases));
        Ok(())
    }
}

/// Who does what: what a column is about.
fn column(case: &Case) -> String {
    if case.task == SCAN {
        format!("{}, scan only", case.who)
    } else {
        case.who.clone()
    }
}

/// A measure's name, given a unit, and how it is made of a case.
type Measure = (fn(&str) -> String, fn(&Case) -> String);

const MEASURES: [Measure; 4] = [
    (
        |unit| format!("instructions per {unit}"),
        |case| number(case.figures.instructions / case.units),
    ),
    (
        |unit| format!("ns per {unit}"),
        |case| {
            let [median, least, most] = case.figures.time.map(|ns| ns / case.units);
            spread(median, least, most)
        },
    ),
    (
        |_| "MB/s".to_owned(),
        // Bytes per nanosecond are thousands of megabytes per second.
        |case| number(case.figures.bytes / case.figures.time[0] * 1e3),
    ),
    (
        |unit| match unit {
            "byte" => "allocations in all".to_owned(),
            unit => format!("allocations per {unit}"),
        },
        |case| match case.unit.as_str() {
            "byte" => number(case.figures.allocations),
            _ => number(case.figures.allocations / case.units),
        },
    ),
];

fn table(cases: &[Case]) -> Table {
    let distinct = |of: fn(&Case) -> String| {
        let mut all: Vec<String> = Vec::new();
        for name in cases.iter().map(of) {
            if !all.contains(&name) {
                all.push(name);
            }
        }
        all
    };
    let columns = distinct(column);
    let mut rows = Vec::new();
    for workload in distinct(|case| case.workload.clone()) {
        let of_workload = || cases.iter().filter(|case| case.workload == workload);
        let unit = of_workload().next().map_or("", |case| &case.unit);
        for (index, (name, figure)) in MEASURES.iter().enumerate() {
            let title = if index == 0 { workload.as_str() } else { "" };
            let mut row = vec![title.to_owned(), name(unit)];
            row.extend(columns.iter().map(|wanted| {
                let case = of_workload().find(|case| column(case) == *wanted);
                case.map_or("–".to_owned(), |case| {
                    let mark = if case.most.is_some() { " *" } else { "" };
                    figure(case) + mark
                })
            }));
            rows.push(row);
        }
    }
    let mut heading = vec![String::new(), String::new()];
    heading.extend(columns);
    Table {
        heading,
        rows,
        words: 2,
    }
}

fn notes(cases: &[Case]) -> String {
    let mut notes = String::from(
        "slotline-resp decodes into Bytes (a, d), Vec<Bytes> (b), maps of Strings (c) and \
         Vec<i64> (e), redis-protocol into its zero-copy frames, redis into its Value. In (a), \
         (d) and (e) copying each piece into the read buffer is included, as a socket would do \
         it; the buffer grows by what a codec says is missing, of the peers none, and else \
         doubles. Time is the median of rounds in which all take turns, with the least and the most.\n",
    );
    if let Some(most) = cases.iter().find_map(|case| case.most) {
        notes.push_str(&format!(
            "\nWith an asterisk: of {} elements only, since it begins again at every piece, so \
             that each element costs more the more there are.\n",
            grouped(most)
        ));
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::super::cases::Figures;
    use super::*;

    fn case(task: &str, who: &str, most: Option<u64>) -> Case {
        Case {
            workload: "(a) x".to_owned(),
            unit: "reply".to_owned(),
            units: 10.0,
            task: task.to_owned(),
            who: who.to_owned(),
            most,
            figures: Figures {
                instructions: 2_300.0,
                time: [100.0, 90.0, 110.0],
                bytes: 710.0,
                allocations: 0.0,
            },
        }
    }

    #[test]
    fn a_row_per_measure_and_a_column_per_codec() {
        let mut other = case("encode", "other", Some(3));
        other.workload = "(b) y".to_owned();
        let cases = [
            case(SCAN, "ours", None),
            case("decode", "ours", None),
            other,
        ];
        let table = table(&cases);
        assert_eq!(table.heading[2..], ["ours, scan only", "ours", "other"]);
        assert_eq!(
            table.rows[0],
            ["(a) x", "instructions per reply", "230", "230", "–"]
        );
        assert_eq!(table.rows[1][2], "10.0 (9.00–11.0)");
        assert_eq!(table.rows[2][..3], ["", "MB/s", "7,100"]);
        assert_eq!(table.rows[3][2], "0");
        assert_eq!(table.rows[4][2..], ["–", "–", "230 *"]);
        assert!(notes(&cases).contains("of 3 elements only"));
    }
}
