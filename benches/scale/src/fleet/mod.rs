//! What many clients together ask of one cluster: simulated with the real client over
//! the testkit's made-up cluster, and by a formula.

mod counted;
mod course;
pub mod formula;

pub use counted::Counted;
pub use course::{Course, Fleet};

use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

/// The sizes that are simulated, and the one that the formula alone is asked for.
const SIMULATED: [usize; 3] = [100, 300, 1_000];
const ASKED_FOR: usize = 10_000;

/// A line for each course, figure and size of a fleet: simulated, where it is, and by the
/// formula.
#[must_use]
pub fn all(is_quick: bool) -> Vec<Value> {
    let sizes = if is_quick {
        &SIMULATED[..2]
    } else {
        &SIMULATED
    };
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    let (steady, after) = match is_quick {
        true => (minutes(10), minutes(15)),
        false => (minutes(60), minutes(20)),
    };
    let mut lines = Vec::new();
    for course in [
        Course::Start,
        Course::Steady(steady),
        Course::Reads { bound: false },
        Course::Reads { bound: true },
        Course::Failover,
        Course::After(after),
        Course::Crash,
        Course::Restart,
    ] {
        let fleets = sizes.iter().copied().map(Fleet::of);
        // Each has a thread, since each has its own clock.
        let counted: Vec<(Fleet, Option<Counted>)> = thread::scope(|scope| {
            let run = |fleet: Fleet| (fleet, scope.spawn(move || fleet.run(course)));
            let running: Vec<_> = fleets.map(run).collect();
            let ended = running
                .into_iter()
                .map(|(fleet, thread)| (fleet, Some(thread.join().expect("no panic"))));
            ended.chain([(Fleet::of(ASKED_FOR), None)]).collect()
        });
        for (fleet, counted) in counted {
            for (figure, expected) in formula::figures(&fleet, course) {
                lines.push(json!({
                    "course": course.name(),
                    "clients": fleet.clients,
                    "figure": figure.name(),
                    "simulated": counted.as_ref().map(|counted| figure.of(counted)),
                    "formula": expected,
                }));
            }
        }
    }
    lines
}

/// A line for each size of a cluster: what its answers to the questions of so many idle
/// clients make, by the formula.
#[must_use]
pub fn answers() -> Vec<Value> {
    let sizes = [
        (3, 1, 3),
        (6, 1, 6),
        (50, 1, 50),
        (500, 1, 500),
        (500, 1, 16_384),
    ];
    let line = |(primaries, replicas, ranges): (u16, u16, u32)| {
        let bytes = formula::answer_bytes(primaries.into(), replicas.into(), ranges);
        let rate = ASKED_FOR as f64 / formula::interval() * formula::asked_share(primaries);
        json!({
            "primaries": primaries,
            "replicas": replicas,
            "ranges": ranges,
            "clients": ASKED_FOR,
            "bytes": bytes,
            "questions": rate,
        })
    };
    sizes.into_iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// Whether the formula is what the crates do, for a fleet of another shape than
    /// that of the tables.
    #[test]
    fn small_fleets_do_what_the_formula_says() {
        let fleet = Fleet {
            clients: 60,
            primaries: 5,
            replicas: 2,
        };
        for course in [
            Course::Start,
            Course::Steady(Duration::from_secs(300)),
            Course::Reads { bound: false },
            Course::Reads { bound: true },
            Course::Failover,
            Course::Crash,
            Course::Restart,
        ] {
            let counted = fleet.run(course);
            for (figure, expected) in formula::figures(&fleet, course) {
                let is = figure.of(&counted);
                // Of a short while more is left to chance, where little is counted most.
                let most = match figure.is_of_a_moment() {
                    true => 0.12 * expected + 1.5 * expected.sqrt(),
                    false => 0.04 * expected,
                };
                let difference = (is - expected).abs();
                let name = figure.name();
                assert!(
                    difference < most,
                    "{course:?}, {name}: {is}, not {expected}"
                );
            }
        }
    }

    #[test]
    fn a_seed_for_each_client_makes_a_run_repeat_itself() {
        let fleet = Fleet::of(20);
        let figures = || -> Vec<f64> {
            let counted = fleet.run(Course::Restart);
            let all = formula::figures(&fleet, Course::Restart);
            all.iter().map(|(figure, _)| figure.of(&counted)).collect()
        };
        assert_eq!(figures(), figures());
    }

    /// The sizes of answers that the formula knows, against those of the testkit's
    /// nodes, which answer as servers do.
    #[test]
    fn answers_are_as_long_as_the_formula_says() {
        for (primaries, replicas) in [(3, 0), (6, 1), (40, 2)] {
            let length = crate::runtime().block_on(answer_length(primaries, replicas));
            let expected = formula::answer_bytes(
                u32::from(primaries),
                u32::from(replicas),
                u32::from(primaries),
            );
            let ratio = length as f64 / expected;
            assert!((0.9..1.1).contains(&ratio), "{length}, not {expected}");
        }
    }

    async fn answer_length(primaries: u16, replicas: u16) -> usize {
        let builder = slotline_testkit::FakeCluster::builder();
        let cluster = builder.primaries(primaries).replicas(replicas).build();
        let mut stream = cluster.connect(7000).expect("a node");
        let asked = stream.write_all(b"CLUSTER SLOTS\r\nCLUSTER NODES\r\nQUIT\r\n");
        asked.await.expect("an open connection");
        let mut answer = Vec::new();
        let read = stream.read_to_end(&mut answer).await;
        read.expect("a connection that ends in good order")
    }
}
