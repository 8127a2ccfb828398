//! `docs/benchmarks.md` and its charts.

use std::fs;

use anyhow::{Context, Result};

use super::cell::{Cell, Measure};
use super::chart;
use super::report::Report;
use super::row::Place;
use crate::workspace;

const PAGE: &str = "docs/benchmarks.md";
const CHARTS: &str = "docs/benchmarks";
const BEGIN: &str = "<!-- measured: begin -->\n";
const END: &str = "<!-- measured: end -->";

/// What has charts.
const DRAWN: [Measure; 4] = [
    Measure::Cpu,
    Measure::Rate,
    Measure::P99,
    Measure::Allocations,
];

/// Puts the tables between the marks of the page, and draws the charts anew.
pub(super) fn write(report: &Report, cells: &[Cell]) -> Result<()> {
    let path = workspace::root().join(PAGE);
    let page = fs::read_to_string(&path).with_context(|| format!("reading {PAGE}"))?;
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
    let page = replaced(&page, &measured)
        .with_context(|| format!("{PAGE} has no place for what was measured"))?;
    fs::write(&path, page)?;
    eprintln!("written: {PAGE} and its charts");
    Ok(())
}

/// The page with something else between the marks.
fn replaced(page: &str, measured: &str) -> Option<String> {
    let (before, rest) = page.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!(
        "{before}{BEGIN}\n{}\n\n{END}{after}",
        measured.trim()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_between_the_marks_is_replaced() {
        let page = format!("a\n{BEGIN}old\n{END}\nb\n");
        let page = replaced(&page, "new\n").unwrap();
        assert_eq!(page, format!("a\n{BEGIN}\nnew\n\n{END}\nb\n"));
        assert_eq!(replaced(&page, "new").unwrap(), page);
        assert_eq!(replaced("no marks", "new"), None);
    }
}
