//! `docs/benchmarks.md` and its charts.

use std::fs;

use anyhow::Result;

use super::super::page;
use super::cell::{Cell, Measure};
use super::chart;
use super::report::Report;
use super::row::Place;
use crate::workspace;

const PAGE: &str = "docs/benchmarks.md";
const CHARTS: &str = "docs/benchmarks";

/// What has charts.
const DRAWN: [Measure; 4] = [
    Measure::Cpu,
    Measure::Rate,
    Measure::P99,
    Measure::Allocations,
];

/// Puts the tables between the marks of the page, and draws the charts anew.
pub(super) fn write(report: &Report, cells: &[Cell]) -> Result<()> {
    let folder = workspace::root().join(CHARTS);
    if folder.is_dir() {
        // None is to be left of what is not measured any more.
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    let mut links = String::new();
    for place in Place::ALL {
        for measure in DRAWN {
            let Some(svg) = chart::draw(cells, place, measure)? else {
                continue;
            };
            let name = format!("{}-{}.svg", measure.name(), place.name()).replace('_', "-");
            fs::write(folder.join(&name), svg)?;
            let what = format!("{}, {}", measure.title(), place.name());
            links.push_str(&format!("![{what}](benchmarks/{name})\n\n"));
        }
    }
    let measured = format!(
        "{}\n{links}{}",
        report.heading(),
        report.tables(cells, true)
    );
    page::write(PAGE, &measured)?;
    eprintln!("written: {PAGE} and its charts");
    Ok(())
}
