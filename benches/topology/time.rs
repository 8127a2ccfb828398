//! Time of every case, a line of JSON each. The cases take turns, round after round.

use std::time::{Duration, Instant};

use serde_json::json;
use slotline_benches::topology::{Case, cases};

fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let (rounds, least) = if quick { (3, 10) } else { (7, 50) };
    let least = Duration::from_millis(least);
    let cases = cases();
    let mut all: Vec<Vec<f64>> = vec![Vec::new(); cases.len()];
    cases.iter().for_each(Case::run);
    for round in 0..rounds {
        eprintln!("round {} of {rounds}", round + 1);
        for (case, figures) in cases.iter().zip(&mut all) {
            figures.push(one_round(case, least));
        }
    }
    for (case, figures) in cases.iter().zip(all) {
        println!(
            "{}",
            json!({"title": case.title, "unit": case.unit, "units": case.units, "ns": figures})
        );
    }
}

/// Nanoseconds for each run.
fn one_round(case: &Case, least: Duration) -> f64 {
    let begun = Instant::now();
    let mut runs = 0_u32;
    while runs == 0 || begun.elapsed() < least {
        case.run();
        runs += 1;
    }
    begun.elapsed().as_nanos() as f64 / f64::from(runs)
}
