//! The checks see what they are to see.

use slotline_simulation::{Defect, simulate};

/// More than any of them needs.
const SEEDS: u64 = 60;

#[test]
fn each_planted_defect_is_found_by_its_own_rule() {
    let missed: Vec<String> = Defect::ALL
        .into_iter()
        .filter_map(|defect| {
            let report = simulate(0, SEEDS, Some(defect));
            let violations = report.failed.map(|(_, violations)| violations);
            let violations = violations.unwrap_or_default();
            let is_found = violations
                .iter()
                .any(|violation| defect.rules().contains(&violation.rule));
            let shown: Vec<String> = violations.iter().map(ToString::to_string).collect();
            (!is_found).then(|| format!("{defect:?}: {shown:?}"))
        })
        .collect();
    assert!(missed.is_empty(), "{missed:#?}");
}
