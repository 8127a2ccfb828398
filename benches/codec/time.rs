//! Time of every case, a line of JSON each.
//!
//! The cases take turns, round after round, so that a machine which slows down
//! slows all of them; each round of a case lasts so long that the clock's own
//! cost and grain do not show.

use std::time::{Duration, Instant};

use serde_json::json;
use slotline_benches::codec::{Prepared, cases};

fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let (rounds, least) = if quick { (3, 10) } else { (7, 50) };
    let least = Duration::from_millis(least);
    let mut all: Vec<Timed> = cases()
        .into_iter()
        .map(|c| Timed::new(c.prepare()))
        .collect();
    for round in 0..rounds {
        eprintln!("round {} of {rounds}", round + 1);
        for timed in &mut all {
            timed.round(least);
        }
    }
    for (index, timed) in all.iter_mut().enumerate() {
        println!("{}", timed.line(index));
    }
}

/// A case and what its rounds took, in nanoseconds per run.
struct Timed {
    prepared: Prepared,
    rounds: Vec<f64>,
}

impl Timed {
    fn new(prepared: Prepared) -> Self {
        // Once for nothing, so that the first round does not fill the caches.
        prepared.run();
        Self {
            prepared,
            rounds: Vec::new(),
        }
    }

    fn round(&mut self, least: Duration) {
        let begun = Instant::now();
        let mut runs = 0_u32;
        while runs == 0 || begun.elapsed() < least {
            self.prepared.run();
            runs += 1;
        }
        self.rounds
            .push(begun.elapsed().as_nanos() as f64 / f64::from(runs));
    }

    fn line(&mut self, index: usize) -> serde_json::Value {
        self.rounds.sort_by(f64::total_cmp);
        let Prepared { case, wire } = &self.prepared;
        let at = |position: usize| self.rounds.get(position).copied();
        json!({
            "case": index,
            "workload": case.workload.title(),
            "unit": case.workload.unit(),
            "task": case.task.title(),
            "codec": case.codec.title(),
            "most": case.most,
            "units": wire.units,
            "bytes": wire.bytes.len(),
            "median_ns": at(self.rounds.len() / 2),
            "min_ns": at(0),
            "max_ns": at(self.rounds.len() - 1),
        })
    }
}
