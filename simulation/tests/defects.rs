//! The checks see what they are to see.

use std::time::Duration;

use slotline_simulation::check::check;
use slotline_simulation::run::run;
use slotline_simulation::{Defect, History, Plan, simulate};

/// More than any of them needs.
const SEEDS: u64 = 60;

/// Another rule may see a defect first, at some seed: then the next is looked at.
const STARTS: u64 = 3;

#[test]
fn each_planted_defect_is_found_by_its_own_rule() {
    let missed: Vec<String> = Defect::ALL
        .into_iter()
        .filter_map(|defect| {
            let mut shown: Vec<String> = Vec::new();
            let is_found = (0..STARTS).any(|from| {
                let report = simulate(from, SEEDS, Some(defect));
                let violations = report.failed.map(|(_, violations)| violations);
                let violations = violations.unwrap_or_default();
                shown.extend(violations.iter().map(ToString::to_string));
                let mut rules = violations.iter().map(|violation| violation.rule);
                rules.any(|rule| defect.rules().contains(&rule))
            });
            (!is_found).then(|| format!("{defect:?}: {shown:?}"))
        })
        .collect();
    assert!(missed.is_empty(), "{missed:#?}");
}

/// A client that is slow to learn cannot be made from outside: here a true
/// history is made worse instead.
#[test]
fn a_new_owner_that_is_found_late_is_told() {
    let mut history = run(&Plan::of(500), None);
    let late = |history: &History| {
        let violations = check(history);
        violations.iter().any(|violation| violation.rule == "9")
    };
    assert!(!history.takeovers.is_empty() && !late(&history));
    // Nor does anything else excuse it.
    history.faults.clear();
    let earlier = Duration::from_millis(1_500);
    for takeover in &mut history.takeovers {
        takeover.at = takeover.at.saturating_sub(earlier);
    }
    for operation in &mut history.operations {
        operation.invoked = operation.invoked.saturating_sub(earlier);
    }
    assert!(late(&history));
}
