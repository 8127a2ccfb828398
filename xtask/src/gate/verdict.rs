//! What is dearer than it was.

use super::counts::Cost;

/// How much dearer something may become without being told.
const TOLERANCE: f64 = 0.03;
/// Allocations and system calls are small numbers, in which chance has a place: a
/// buffer may grow once more in hundreds of operations.
const CHANCE: f64 = 0.05;

/// A comparison.
pub(super) struct Verdict {
    pub(super) table: String,
    /// What is dearer, in words.
    pub(super) dearer: Vec<String>,
}

/// A measure's name, what it is of a cost, and what is no difference at all.
type Measure = (&'static str, fn(&Cost) -> Option<f64>, f64);

const MEASURES: [Measure; 3] = [
    ("instructions", |cost| Some(cost.instructions), 0.0),
    ("allocations", |cost| Some(cost.allocations), CHANCE),
    ("system calls", |cost| cost.syscalls, CHANCE),
];

/// Compares what both have.
pub(super) fn compare(before: &[Cost], now: &[Cost]) -> Verdict {
    let mut verdict = Verdict {
        table: String::new(),
        dearer: Vec::new(),
    };
    for cost in now {
        let scenario = &cost.scenario;
        let other = before.iter().find(|other| other.scenario == *scenario);
        for (name, of, chance) in MEASURES {
            let (Some(other), Some(now)) = (other.and_then(of), of(cost)) else {
                continue;
            };
            let is_dearer = now > other * (1.0 + TOLERANCE) + chance;
            let mark = if is_dearer { "  dearer" } else { "" };
            let change = if other > 0.0 {
                (now / other - 1.0) * 100.0
            } else {
                0.0
            };
            verdict.table.push_str(&format!(
                "{scenario:<24}{name:<14}{other:>12.2}{now:>12.2}{change:>+8.1} %{mark}\n"
            ));
            if is_dearer {
                verdict
                    .dearer
                    .push(format!("{scenario} ({name} {other:.2} -> {now:.2})"));
            }
        }
    }
    verdict
}

/// What there is, without a comparison.
pub(super) fn figures(costs: &[Cost]) -> String {
    let mut figures = String::new();
    for cost in costs {
        for (name, of, _) in MEASURES {
            if let Some(figure) = of(cost) {
                let scenario = &cost.scenario;
                figures.push_str(&format!("{scenario:<24}{name:<14}{figure:>12.2}\n"));
            }
        }
    }
    figures
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cost(scenario: &str, instructions: f64, allocations: f64, syscalls: Option<f64>) -> Cost {
        Cost {
            scenario: scenario.to_owned(),
            instructions,
            allocations,
            syscalls,
        }
    }

    #[test]
    fn what_is_three_in_a_hundred_dearer_is_told() {
        let before = [cost("get", 1000.0, 1.0, Some(4.0))];
        for (now, expected) in [
            (cost("get", 1029.0, 1.04, Some(4.1)), 0),
            (cost("get", 1031.0, 1.0, Some(4.0)), 1),
            (cost("get", 900.0, 2.0, None), 1),
            (cost("get", 1100.0, 2.0, Some(5.0)), 3),
            // A scenario that is new has nothing to be compared with.
            (cost("other", 9000.0, 9.0, Some(9.0)), 0),
        ] {
            assert_eq!(compare(&before, &[now]).dearer.len(), expected);
        }
    }
}
