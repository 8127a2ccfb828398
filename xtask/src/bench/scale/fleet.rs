//! What many clients ask of one cluster.

use anyhow::{Context, Result};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::super::figures::{grouped, number};
use super::super::program;
use super::super::table::Table;
use super::Section;
use crate::workspace;

pub(super) fn all(program: &Path, is_quick: bool) -> Result<Vec<Section>> {
    let lines = |arguments: &[&str]| {
        let mut command = Command::new(program);
        program::lines(&workspace::output(command.args(arguments))?)
    };
    let quick: &[&str] = if is_quick {
        &["fleet", "quick"]
    } else {
        &["fleet"]
    };
    let mut sections = courses(&lines(quick)?)?;
    sections.push(answers(&lines(&["answers"])?)?);
    Ok(sections)
}

/// What there is, each once, in order.
fn distinct<T: PartialEq>(all: impl Iterator<Item = T>) -> Vec<T> {
    let mut seen = Vec::new();
    for one in all {
        if !seen.contains(&one) {
            seen.push(one);
        }
    }
    seen
}

/// A table for each course: figures downwards, fleets to the right.
fn courses(lines: &[Value]) -> Result<Vec<Section>> {
    let names = distinct(lines.iter().filter_map(|line| line["course"].as_str()));
    let table = |course: &str| -> Option<Section> {
        let lines = || lines.iter().filter(|line| line["course"] == course);
        let sizes = distinct(lines().filter_map(|line| line["clients"].as_u64()));
        let figures = distinct(lines().filter_map(|line| line["figure"].as_str()));
        let mut heading = vec!["clients".to_owned()];
        heading.extend(sizes.iter().map(|size| grouped(*size)));
        let row = |figure: &&str| -> Option<Vec<String>> {
            let mut row = vec![(*figure).to_owned()];
            for size in &sizes {
                let mut found = lines();
                row.push(cell(found.find(|line| {
                    line["clients"] == *size && line["figure"] == **figure
                })?)?);
            }
            Some(row)
        };
        Some(Section {
            title: course.to_owned(),
            table: Table {
                heading,
                rows: figures.iter().map(row).collect::<Option<_>>()?,
                words: 1,
            },
        })
    };
    let tables = names.into_iter().map(table).collect::<Option<_>>();
    tables.context("a line without figures")
}

/// What was simulated, and in brackets the formula; or the formula alone.
fn cell(line: &Value) -> Option<String> {
    let formula = number(line["formula"].as_f64()?);
    Some(match line["simulated"].as_f64() {
        Some(simulated) => format!("{} ({formula})", number(simulated)),
        None => format!("({formula})"),
    })
}

fn answers(lines: &[Value]) -> Result<Section> {
    let row = |line: &Value| -> Option<Vec<String>> {
        let whole = |name: &str| line[name].as_u64();
        let (bytes, questions) = (line["bytes"].as_f64()?, line["questions"].as_f64()?);
        let rate = |per_second: f64| format!("{} kB", number(per_second / 1e3));
        Some(vec![
            format!(
                "{} + {}",
                whole("primaries")?,
                whole("primaries")? * whole("replicas")?
            ),
            grouped(whole("ranges")?),
            format!("{} kB", number(bytes / 1e3)),
            number(questions),
            rate(questions * bytes),
            rate(questions * bytes * whole("primaries")? as f64),
        ])
    };
    let rows = lines.iter().map(row).collect::<Option<_>>();
    let clients = lines.first().and_then(|line| line["clients"].as_u64());
    let heading = [
        "primaries + replicas",
        "ranges",
        "an answer",
        "questions per second and primary",
        "answers per second and primary",
        "of all",
    ];
    Ok(Section {
        title: format!(
            "by the formula, of {} idle clients",
            grouped(clients.context("no sizes")?)
        ),
        table: Table {
            heading: heading.map(str::to_owned).into(),
            rows: rows.context("a line without figures")?,
            words: 1,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_was_simulated_stands_before_the_formula() {
        let line = |clients: u64, simulated: Option<f64>| {
            json!({"course": "c", "clients": clients, "figure": "f",
                "simulated": simulated, "formula": 10.0})
        };
        let sections = courses(&[line(100, Some(11.0)), line(10_000, None)]).unwrap();
        assert_eq!(sections[0].title, "c");
        assert_eq!(sections[0].table.heading, ["clients", "100", "10,000"]);
        assert_eq!(sections[0].table.rows, [["f", "11.0 (10.0)", "(10.0)"]]);
    }

    #[test]
    fn bytes_per_second_are_told_in_thousands() {
        let line = json!({"primaries": 3, "replicas": 1, "ranges": 3, "clients": 10_000,
            "bytes": 1_500.0, "questions": 100.0});
        let rows = answers(&[line]).unwrap().table.rows;
        let expected = ["3 + 3", "3", "1.50 kB", "100", "150 kB", "450 kB"];
        assert_eq!(rows, [expected]);
    }
}
