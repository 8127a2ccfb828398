//! Instructions and allocations of a command.

use anyhow::{Context, Result};
use std::path::Path;
use std::process::Command;

use super::super::callgrind::{Callgrind, of_each};
use super::super::figures::{grouped, number};
use super::super::table::Table;
use super::Section;
use crate::workspace;

/// What is counted.
#[derive(Clone, Copy)]
struct Work {
    nodes: u64,
    tasks: u64,
    /// In one pipeline; `None` for lone commands.
    pipeline: Option<u64>,
    /// Of a pipeline in one piece.
    piece: u64,
}

/// The facade's default.
const PIECE: u64 = 1_000;

/// So many commands are in the shorter run, if that is not less than two operations or
/// one of each task.
const COMMANDS: u64 = 20_000;
/// So many operations are enough.
const OPERATIONS: u64 = 400;

impl Work {
    /// Operations of a shorter and a longer run.
    fn operations(self, is_quick: bool) -> [u64; 2] {
        let commands = if is_quick { COMMANDS / 4 } else { COMMANDS };
        let enough = commands / self.pipeline.unwrap_or(1);
        let few = enough.clamp(2, OPERATIONS).max(self.tasks);
        [few, 3 * few]
    }

    fn command(self, program: &Path, operations: u64) -> Command {
        let what = self.pipeline.map_or("get".to_owned(), |it| it.to_string());
        let mut command = Command::new(program);
        command.args(["cost", &self.nodes.to_string(), &self.tasks.to_string()]);
        command.args([&what, &self.piece.to_string(), &operations.to_string()]);
        command
    }
}

/// Instructions and allocations of each of what `command` does so often.
fn counted(
    callgrind: &Callgrind,
    runs: [u64; 2],
    command: impl Fn(u64) -> Command,
) -> Result<[f64; 2]> {
    let instructions = of_each(runs, |count| callgrind.count(&command(count)))?;
    let allocations = of_each(runs, |count| {
        let printed = workspace::output(&mut command(count))?;
        printed.trim().parse().context("a number of allocations")
    })?;
    Ok([instructions, allocations])
}

/// A row for each amount, and two columns for each kind of work.
fn table(
    program: &Path,
    is_quick: bool,
    (of, amounts): (&str, &[u64]),
    kinds: &[(&str, &dyn Fn(u64) -> Work)],
) -> Result<Vec<Section>> {
    let callgrind = Callgrind::find()?;
    let mut heading = vec![of.to_owned()];
    for (kind, _) in kinds {
        heading.push(format!("{kind}: instructions"));
        heading.push("allocations".to_owned());
    }
    let mut rows = Vec::new();
    // In a quick run every other one.
    for amount in amounts.iter().step_by(if is_quick { 2 } else { 1 }) {
        let mut row = vec![grouped(*amount)];
        for (_, work) in kinds {
            let work = work(*amount);
            let runs = work.operations(is_quick);
            let command = |count| work.command(program, count);
            let figures = counted(&callgrind, runs, command)?;
            let commands = work.pipeline.unwrap_or(1) as f64;
            row.extend(figures.map(|figure| number(figure / commands)));
        }
        rows.push(row);
    }
    Ok(vec![Section {
        title: "per command".to_owned(),
        table: Table {
            heading,
            rows,
            words: 0,
        },
    }])
}

/// At the size of a usual cluster.
const USUAL: Work = Work {
    nodes: 3,
    tasks: 1,
    pipeline: None,
    piece: PIECE,
};

pub(super) fn of_nodes(program: &Path, is_quick: bool) -> Result<Vec<Section>> {
    let of = |nodes, pipeline| Work {
        nodes,
        pipeline,
        ..USUAL
    };
    table(
        program,
        is_quick,
        ("primaries", &[3, 10, 30, 100, 300, 1_000]),
        &[
            ("lone GET", &|nodes| of(nodes, None)),
            ("pipeline of 100", &|nodes| of(nodes, Some(100))),
            ("pipeline of 10,000", &|nodes| of(nodes, Some(10_000))),
            ("the same in one piece", &|nodes| Work {
                piece: 10_000,
                ..of(nodes, Some(10_000))
            }),
        ],
    )
}

pub(super) fn of_tasks(program: &Path, is_quick: bool) -> Result<Vec<Section>> {
    let of = |tasks| Work { tasks, ..USUAL };
    table(
        program,
        is_quick,
        ("tasks", &[1, 10, 100, 1_000, 10_000]),
        &[("GET", &of)],
    )
}

pub(super) fn of_pipelines(program: &Path, is_quick: bool) -> Result<Vec<Section>> {
    let of = |commands| Work {
        pipeline: Some(commands),
        ..USUAL
    };
    table(
        program,
        is_quick,
        (
            "commands in a pipeline",
            &[1, 10, 100, 1_000, 10_000, 100_000],
        ),
        &[("GET", &of)],
    )
}

/// Seconds of a shorter and a longer run: several refreshes lie in between.
const IDLE: [[u64; 2]; 2] = [[120, 720], [60, 240]];

pub(super) fn of_idleness(program: &Path, is_quick: bool) -> Result<Vec<Section>> {
    let callgrind = Callgrind::find()?;
    let mut rows = Vec::new();
    for nodes in [3_u64, 30, 300, 1_000] {
        let idle = |seconds: u64| {
            let mut command = Command::new(program);
            command.args(["idle", &nodes.to_string(), &seconds.to_string()]);
            command
        };
        let [instructions, allocations] = counted(&callgrind, IDLE[usize::from(is_quick)], idle)?;
        rows.push(vec![
            grouped(nodes),
            number(instructions),
            number(allocations),
        ]);
    }
    let heading = ["primaries", "instructions", "allocations"].map(str::to_owned);
    Ok(vec![Section {
        title: "per second of a client that is connected to all of them".to_owned(),
        table: Table {
            heading: heading.into(),
            rows,
            words: 0,
        },
    }])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_task_has_something_to_do_and_long_pipelines_are_few() {
        let check = |work: Work, expected: [u64; 2]| {
            assert_eq!(work.operations(false), expected);
        };
        let of = |tasks, pipeline| Work {
            tasks,
            pipeline,
            ..USUAL
        };
        check(USUAL, [400, 1_200]);
        check(of(10_000, None), [10_000, 30_000]);
        check(of(1, Some(100)), [200, 600]);
        check(of(1, Some(100_000)), [2, 6]);
    }
}
