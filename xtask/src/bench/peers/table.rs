//! The tables: one for each row with every measure, and one for each measure with
//! every row.

use super::super::figures::{number, spread};
use super::super::table::Table;
use super::cell::{Cell, Measure};
use super::row::Row;

/// What was not measured, where nothing was tried and failed.
const NOTHING: &str = "–";

/// The reasons why something has no figures, each told once under its table.
#[derive(Default)]
pub(super) struct Reasons(Vec<String>);

impl Reasons {
    /// A mark that stands for this reason.
    fn mark(&mut self, reason: &str) -> String {
        let known = self.0.iter().position(|it| it == reason);
        let index = known.unwrap_or_else(|| {
            self.0.push(reason.to_owned());
            self.0.len() - 1
        });
        format!("no [{}]", index + 1)
    }

    /// A line for each.
    pub(super) fn lines(&self) -> String {
        let lines = self.0.iter().enumerate();
        lines
            .map(|(index, reason)| format!("[{}] {reason}\n", index + 1))
            .collect()
    }
}

/// Those of a row, in the order in which they were measured.
pub(super) fn of_row(cells: &[Cell], row: Row) -> Vec<&Cell> {
    cells.iter().filter(|cell| cell.row == row).collect()
}

/// The rows, in the order in which they were measured.
pub(super) fn rows(cells: &[Cell]) -> Vec<Row> {
    let mut rows = Vec::new();
    for cell in cells {
        if !rows.contains(&cell.row) {
            rows.push(cell.row);
        }
    }
    rows
}

/// A line for each client, a column for each measure that any of them has.
pub(super) fn detail(cells: &[&Cell], reasons: &mut Reasons) -> Table {
    let has = |measure: &Measure| cells.iter().any(|cell| cell.figure(*measure).is_some());
    let measures: Vec<Measure> = Measure::ALL.into_iter().filter(has).collect();
    let title = |cell: &&Cell| format!("{}: {}", cell.row, cell.row.workload.title());
    let mut heading = vec![cells.first().map(title).unwrap_or_default()];
    heading.extend(measures.iter().map(|measure| measure.title().to_owned()));
    let mut lines = Vec::new();
    for cell in cells {
        let mut line = vec![cell.peer.name.to_owned()];
        match &cell.failed {
            Some(reason) => {
                // A table of failures only has no measure.
                let mark = reasons.mark(reason);
                line.extend(measures.iter().map(|_| mark.clone()));
                if measures.is_empty() {
                    line[0].push_str(&format!(": {mark}"));
                }
            }
            None => line.extend(measures.iter().map(|measure| figure(cell, *measure))),
        }
        lines.push(line);
    }
    let mut line = vec!["slotline / best".to_owned()];
    line.extend(measures.iter().map(|measure| ratio(cells, *measure)));
    lines.push(line);
    Table {
        heading,
        rows: lines,
        words: 1,
    }
}

/// A line for each row, a column for each client; `None` if nobody has the figure.
pub(super) fn overview(cells: &[Cell], measure: Measure, reasons: &mut Reasons) -> Option<Table> {
    let mut clients: Vec<&str> = Vec::new();
    for cell in cells {
        if !clients.contains(&cell.peer.name) {
            clients.push(cell.peer.name);
        }
    }
    let mut lines = Vec::new();
    for row in rows(cells) {
        let of_row = of_row(cells, row);
        if of_row.iter().all(|cell| cell.figure(measure).is_none()) {
            continue;
        }
        let mut line = vec![row.to_string()];
        line.extend(clients.iter().map(|client| {
            match of_row.iter().find(|cell| cell.peer.name == *client) {
                None => NOTHING.to_owned(),
                Some(cell) => match (&cell.failed, cell.figure(measure)) {
                    (Some(reason), _) => reasons.mark(reason),
                    (None, figure) => figure.map_or(NOTHING.to_owned(), |it| number(it[0])),
                },
            }
        }));
        line.push(ratio(&of_row, measure));
        lines.push(line);
    }
    if lines.is_empty() {
        return None;
    }
    let mut heading = vec![measure.title().to_owned()];
    heading.extend(clients.iter().map(|client| (*client).to_owned()));
    heading.push("slotline / best".to_owned());
    Some(Table {
        heading,
        rows: lines,
        words: 1,
    })
}

fn figure(cell: &Cell, measure: Measure) -> String {
    match cell.figure(measure) {
        None => NOTHING.to_owned(),
        Some([median, least, most]) if least == most => number(median),
        Some([median, least, most]) => spread(median, least, most),
    }
}

/// Slotline's median by that of the best other client; the limits are no clients.
fn ratio(cells: &[&Cell], measure: Measure) -> String {
    let of = |cell: &&Cell| cell.figure(measure).map(|[median, ..]| median);
    let ratio = || {
        let more_is_better = measure.more_is_better()?;
        let ours = cells.iter().find(|cell| cell.peer.is_ours()).and_then(of)?;
        let rivals = cells.iter().filter(|cell| cell.peer.is_rival());
        let rivals = rivals.filter_map(of);
        let best = if more_is_better {
            rivals.max_by(f64::total_cmp)
        } else {
            rivals.min_by(f64::total_cmp)
        };
        best.filter(|best| *best > 0.0)
            .map(|best| number(ours / best))
    };
    ratio().unwrap_or_else(|| NOTHING.to_owned())
}

#[cfg(test)]
mod tests {
    use super::super::cell::{Counts, Round};
    use super::super::{peer, row};
    use super::*;

    /// Microseconds by client, or why not.
    fn cells(row: &str, figures: &[(&str, Result<f64, &str>)]) -> Vec<Cell> {
        let row = row::choose(Some(row)).unwrap()[0];
        let cell = |&(name, figure): &(&str, Result<f64, &str>)| {
            let mut cell = Cell::new(row, peer::choose(Some(name)).unwrap()[0]);
            match figure {
                Err(reason) => cell.failed = Some(reason.to_owned()),
                Ok(cpu) => {
                    cell.counts = Some(Counts {
                        allocations: 2.0,
                        allocated: 64.0,
                    });
                    cell.rounds = [cpu, cpu * 2.0, cpu / 2.0]
                        .map(|cpu| Round {
                            cpu,
                            rate: 1e6 / cpu,
                            servers: 0.5,
                            ..Round::default()
                        })
                        .into();
                }
            }
            cell
        };
        figures.iter().map(cell).collect()
    }

    #[test]
    fn a_row_has_every_measure_and_the_ratio_to_the_best_client() {
        let cells = cells(
            "W2-standalone",
            &[
                ("slotline", Ok(1.0)),
                ("fred", Ok(4.0)),
                ("rustis", Ok(2.0)),
                ("redis-tower", Err("TLS is refused")),
                ("floor", Ok(0.5)),
            ],
        );
        let mut reasons = Reasons::default();
        let table = detail(&of_row(&cells, cells[0].row), &mut reasons);
        assert_eq!(table.heading[0], "W2 standalone: 256 tasks, a GET each");
        assert_eq!(
            table.heading[1..],
            [
                "client CPU, µs/command",
                "commands/s",
                "allocations/command",
                "bytes allocated/command",
                "servers' core used"
            ]
        );
        assert_eq!(
            table.rows[0],
            [
                "slotline",
                "1.00 (0.50–2.00)",
                "1,000,000 (500,000–2,000,000)",
                "2.00",
                "64.0",
                "0.50"
            ]
        );
        assert_eq!(table.rows[3][..3], ["redis-tower", "no [1]", "no [1]"]);
        // The floor is half of it, and no client.
        assert_eq!(
            table.rows[5],
            ["slotline / best", "0.50", "2.00", "1.00", "1.00", "–"]
        );
        assert_eq!(reasons.lines(), "[1] TLS is refused\n");
    }

    #[test]
    fn a_measure_has_every_row_and_nothing_is_left_blank() {
        let mut all = cells("W2-standalone", &[("slotline", Ok(3.0)), ("fred", Ok(2.0))]);
        all.extend(cells(
            "W8-standalone",
            &[("slotline", Ok(1.0)), ("fred", Err("no TLS"))],
        ));
        let mut reasons = Reasons::default();
        let table = overview(&all, Measure::Cpu, &mut reasons).unwrap();
        assert_eq!(
            table.heading,
            [
                "client CPU, µs/command",
                "slotline",
                "fred",
                "slotline / best"
            ]
        );
        assert_eq!(table.rows[0], ["W2 standalone", "3.00", "2.00", "1.50"]);
        assert_eq!(table.rows[1], ["W8 standalone", "1.00", "no [1]", "–"]);
        assert!(overview(&all, Measure::Syscalls, &mut reasons).is_none());
        assert_eq!(rows(&all).len(), 2);
    }
}
