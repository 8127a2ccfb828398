//! The cases of a bench, put together from what its programs print.
//!
//! Each program prints a line of JSON for every case, known by its index.

use anyhow::{Context, Result};
use serde_json::Value;

/// One codec, or client, doing one task of one workload.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Case {
    pub(super) workload: String,
    /// What the figures are per, and how many of those a run has.
    pub(super) unit: String,
    pub(super) units: f64,
    pub(super) task: String,
    pub(super) who: String,
    /// The number of elements, where it was given fewer than the others.
    pub(super) most: Option<u64>,
    pub(super) figures: Figures,
}

/// What one run took.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Figures {
    pub(super) instructions: f64,
    /// Nanoseconds: of the rounds the median, the least and the most.
    pub(super) time: [f64; 3],
    pub(super) bytes: f64,
    pub(super) allocations: f64,
}

/// Joins the lines of the three measurements.
pub(super) fn join(
    time: &[Value],
    instructions: &[Value],
    allocations: &[Value],
) -> Result<Vec<Case>> {
    let case = |line: &Value| {
        let index = line["case"].as_u64();
        let case = || {
            let counted = instructions
                .iter()
                .find(|line| index_of_counted(line) == index)?;
            let allocated = allocations
                .iter()
                .find(|line| line["case"].as_u64() == index)?;
            let text = |name: &str| line[name].as_str().map(str::to_owned);
            Some(Case {
                workload: text("workload")?,
                unit: text("unit")?,
                units: line["units"].as_f64()?,
                task: text("task")?,
                who: text("codec")?,
                most: line["most"].as_u64(),
                figures: Figures {
                    instructions: instructions_of(counted)?,
                    time: [
                        line["median_ns"].as_f64()?,
                        line["min_ns"].as_f64()?,
                        line["max_ns"].as_f64()?,
                    ],
                    bytes: line["bytes"].as_f64()?,
                    allocations: allocated["allocations"].as_f64()?,
                },
            })
        };
        case().with_context(|| format!("the programs do not agree on {line}"))
    };
    time.iter().map(case).collect()
}

/// gungraun numbers what an iterator gives it: `case_17`.
fn index_of_counted(line: &Value) -> Option<u64> {
    line["id"].as_str()?.rsplit('_').next()?.parse().ok()
}

fn instructions_of(line: &Value) -> Option<f64> {
    let path = "/profiles/0/data/total/metrics/Ir/values/new";
    line.pointer(path)?.as_f64()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_lines_of_a_case_are_found_whatever_their_order() {
        let time = |case: u64| {
            json!({"case": case, "workload": "w", "unit": "byte", "units": 4, "task": "scan",
                "codec": "c", "most": null, "bytes": 8, "median_ns": 2.0, "min_ns": 1.0, "max_ns": 3.0})
        };
        let counted = |case: u64, count: u64| {
            json!({"id": format!("case_{case}"), "profiles": [{"data": {"total": {"metrics":
                {"Ir": {"values": {"new": count, "old": 1}}}}}}]})
        };
        let allocated = |case: u64, count: u64| json!({"case": case, "allocations": count});
        let cases = join(
            &[time(0), time(1)],
            &[counted(1, 11), counted(0, 10)],
            &[allocated(1, 21), allocated(0, 20)],
        )
        .unwrap();
        let of = |index: usize| {
            let figures = cases[index].figures;
            (figures.instructions, figures.allocations)
        };
        assert_eq!((of(0), of(1)), ((10.0, 20.0), (11.0, 21.0)));
        assert_eq!(cases[0].figures.time, [2.0, 1.0, 3.0]);
        let error = join(&[time(2)], &[counted(1, 11)], &[allocated(2, 1)]).unwrap_err();
        assert!(error.to_string().contains("do not agree"), "{error}");
    }
}
