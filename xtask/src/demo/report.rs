//! Everything that the run showed, and the verdict on it.

use std::time::Duration;

use anyhow::Result;
use hdrhistogram::Histogram;
use indicatif::HumanCount;

use super::counters::Audit;
use super::course::{Course, Phase};
use super::tally::{ErrorCount, Sample, Tally};

/// The aim for the time to recover; beyond it there is a warning.
const AIM: Duration = Duration::from_secs(1);
/// Beyond it the demo fails.
const LIMIT: Duration = Duration::from_secs(3);

/// What came of a run.
pub(super) struct Report {
    pub(super) server: String,
    pub(super) seconds: u64,
    pub(super) course: Course,
    pub(super) phases: Vec<PhaseReport>,
    pub(super) samples: Vec<Sample>,
    pub(super) audit: Audit,
    pub(super) operations: u64,
    pub(super) wrong: u64,
    pub(super) absent: u64,
    pub(super) surfaced: u64,
    pub(super) redirects_followed: u64,
    pub(super) reconnects: u64,
    pub(super) replica_reads: u64,
    pub(super) errors: Vec<ErrorCount>,
    pub(super) wrong_examples: Vec<String>,
    pub(super) error_examples: Vec<String>,
    /// Tasks whose last pipeline was not answered by its deadline.
    pub(super) hanging: usize,
}

/// One phase in numbers. Its throughput is that of what was answered in it, its
/// latency that of the pipelines that were sent in it.
pub(super) struct PhaseReport {
    pub(super) phase: Phase,
    pub(super) from: Duration,
    pub(super) to: Duration,
    pub(super) operations: u64,
    pub(super) p50: Duration,
    pub(super) p99: Duration,
}

impl PhaseReport {
    pub(super) fn length(&self) -> Duration {
        self.to.saturating_sub(self.from)
    }

    pub(super) fn throughput(&self) -> f64 {
        self.operations as f64 / self.length().as_secs_f64().max(0.001)
    }
}

/// What is known when the run is over, beside what was counted in it.
pub(super) struct Findings {
    pub(super) server: String,
    pub(super) seconds: u64,
    pub(super) course: Course,
    pub(super) samples: Vec<Sample>,
    pub(super) hanging: usize,
    pub(super) audit: Audit,
    pub(super) redirects_followed: u64,
    pub(super) reconnects: u64,
    pub(super) replica_reads: u64,
}

impl Report {
    pub(super) fn new(findings: Findings, tally: &Tally) -> Result<Self> {
        let (wrong_examples, error_examples) = tally.examples();
        Ok(Self {
            phases: phases(&findings.course, &findings.samples)?,
            operations: tally.operations(),
            wrong: tally.wrong(),
            absent: tally.absent(),
            surfaced: tally.surfaced(),
            errors: tally.errors(),
            wrong_examples,
            error_examples,
            server: findings.server,
            seconds: findings.seconds,
            course: findings.course,
            samples: findings.samples,
            hanging: findings.hanging,
            audit: findings.audit,
            redirects_followed: findings.redirects_followed,
            reconnects: findings.reconnects,
            replica_reads: findings.replica_reads,
        })
    }

    /// Why the demo fails; none if it does not.
    pub(super) fn failures(&self) -> Vec<String> {
        let course = &self.course;
        let mut failures: Vec<String> = course.unplanned.iter().cloned().collect();
        let mut must_not = |count: u64, what: &str| {
            if count > 0 {
                failures.push(format!("{} {what}", HumanCount(count)));
            }
        };
        must_not(self.wrong, "wrong replies");
        must_not(self.surfaced, "redirects surfaced");
        must_not(self.audit.outside, "counters are outside their bounds");
        must_not(
            self.hanging as u64,
            "tasks got no answer though their deadline had passed",
        );
        let time = course.recovery.time();
        if time > LIMIT {
            failures.push(format!(
                "the client recovered {:.2} s after the new primary took writes; {} s are allowed",
                time.as_secs_f64(),
                LIMIT.as_secs()
            ));
        }
        // What did not take place proves nothing.
        let took_place = [
            (course.kills, "connection was killed"),
            (course.slots_moved as u64, "slot was moved"),
            (course.keys_moved as u64, "key was moved"),
            (self.redirects_followed, "redirect was followed"),
            (self.reconnects, "connection was made again"),
            (self.operations, "command was answered"),
            (self.replica_reads, "command went to a replica"),
        ];
        for (count, what) in took_place {
            if count == 0 {
                failures.push(format!("no {what}"));
            }
        }
        failures
    }

    pub(super) fn warning(&self) -> Option<String> {
        let time = self.course.recovery.time();
        (time > AIM && time <= LIMIT).then(|| {
            format!(
                "the client took {:.2} s to recover; one second is the aim",
                time.as_secs_f64()
            )
        })
    }

    /// The table.
    pub(super) fn print(&self) {
        let row = |name: &str, value: String| println!("  {name:<26}{value}");
        let count = |value: u64| HumanCount(value).to_string();
        println!();
        row("server", self.server.clone());
        row("operations", count(self.operations));
        row("sent to replicas", count(self.replica_reads));
        row("wrong replies", count(self.wrong));
        row("absent during migration", count(self.absent));
        row("MOVED or ASK surfaced", count(self.surfaced));
        row("redirects followed", count(self.redirects_followed));
        row("reconnects", count(self.reconnects));
        row("connections killed", count(self.course.kills));
        row(
            "slots (keys) migrated",
            format!(
                "{} ({})",
                count(self.course.slots_moved as u64),
                count(self.course.keys_moved as u64)
            ),
        );
        self.print_errors();
        self.print_counters(row);
        let recovery = &self.course.recovery;
        let seconds = |time: Duration| format!("{:.3} s", time.as_secs_f64());
        let outage = recovery.accepted.saturating_sub(self.course.killed_at);
        row("SIGKILL to first write", seconds(outage));
        row(
            "time to recover",
            format!(
                "{} from then on, for all {} slots (writes {}, reads {})",
                seconds(recovery.time()),
                count(recovery.slots as u64),
                seconds(recovery.written.saturating_sub(recovery.accepted)),
                seconds(recovery.read.saturating_sub(recovery.accepted)),
            ),
        );
        self.print_phases();
    }

    fn print_errors(&self) {
        if self.errors.is_empty() {
            println!("  {:<26}none", "errors");
        }
        for (at, error) in self.errors.iter().enumerate() {
            let title = if at == 0 { "errors" } else { "" };
            println!(
                "  {title:<26}{:>8}  {}, {}",
                HumanCount(error.count).to_string(),
                error.kind,
                error.delivery
            );
        }
    }

    fn print_counters(&self, row: impl Fn(&str, String)) {
        let audit = &self.audit;
        let count = |value: u64| HumanCount(value).to_string();
        row(
            "increments",
            format!(
                "{} done, {} perhaps; the counters hold {}",
                count(audit.ok),
                count(audit.ambiguous),
                count(audit.applied)
            ),
        );
        row("counters out of bounds", count(audit.outside));
        row(
            "lost in the killed shard",
            format!("{} acknowledged increments", count(audit.lost)),
        );
    }

    fn print_phases(&self) {
        println!();
        println!(
            "  {:<12}{:>8}{:>14}{:>12}{:>12}",
            "phase", "seconds", "commands/s", "p50 ms", "p99 ms"
        );
        for phase in &self.phases {
            println!(
                "  {:<12}{:>8.1}{:>14}{:>12.1}{:>12.1}",
                phase.phase.name(),
                phase.length().as_secs_f64(),
                HumanCount(phase.throughput() as u64).to_string(),
                phase.p50.as_secs_f64() * 1e3,
                phase.p99.as_secs_f64() * 1e3,
            );
        }
        println!("  (a latency is that of a whole pipeline of 100 commands)");
    }
}

fn phases(course: &Course, samples: &[Sample]) -> Result<Vec<PhaseReport>> {
    let ends = course.phases.iter().skip(1).map(|(_, begin)| *begin);
    let ends = ends.chain([course.end]);
    course
        .phases
        .iter()
        .zip(ends)
        .map(|((phase, from), to)| {
            let within = |time: Duration| *from <= time && time < to;
            let mut latencies = Histogram::<u64>::new(3)?;
            let mut operations = 0;
            for sample in samples {
                if within(sample.began) {
                    latencies.record(latency(sample).as_micros() as u64)?;
                }
                if within(sample.ended) {
                    operations += u64::from(sample.operations);
                }
            }
            let quantile = |q| Duration::from_micros(latencies.value_at_quantile(q));
            Ok(PhaseReport {
                phase: *phase,
                from: *from,
                to,
                operations,
                p50: quantile(0.5),
                p99: quantile(0.99),
            })
        })
        .collect()
}

pub(super) fn latency(sample: &Sample) -> Duration {
    sample.ended.saturating_sub(sample.began)
}
