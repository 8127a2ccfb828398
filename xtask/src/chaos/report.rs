//! What the run came to, for people and for programs.

use std::collections::BTreeMap;
use std::time::Duration;

use indicatif::HumanCount;
use serde_json::{Value, json};

use super::checks::{Invariant, Verdict};
use super::episode::Told;
use super::nemesis::{Attack, Nemesis};
use super::rates::Added;
use super::resources::Resources;
use super::stage::TIMEOUT;
use super::throughput::Kept;

/// Each invariant in a few words.
const INVARIANTS: [(Invariant, &str); 13] = [
    (1, "every reply carries its request's tag"),
    (2, "what was not sent or rejected has no effect; counters"),
    (3, "acknowledged writes last outside windows; WAIT: always"),
    (4, "reads of one key by one process never go back"),
    (5, "commands that share a key run in order"),
    (6, "EXEC: all or none"),
    (7, "every future resolves by its deadline + 100 ms"),
    (8, "memory, tasks, sockets, in flight return to baseline"),
    (
        9,
        "each slot served <= 1 s after its owner's change; then no errors",
    ),
    (10, "healthy shards keep 95 % of their throughput"),
    (11, "refreshes and dials are capped"),
    (12, "no stale cached read"),
    (13, "no secret in traces and errors; no panic"),
];

/// What is not looked at, and why.
const UNCHECKED: [(&str, &str); 1] = [("12", "the client has no cache yet")];

/// How many kinds of errors are shown.
const KINDS: usize = 12;

#[derive(Default)]
pub(super) struct Report {
    pub(super) server: String,
    pub(super) seed: u64,
    pub(super) seconds: f64,
    /// Pipelines a second that one shard could do, and did.
    pub(super) capacity: f64,
    pub(super) rate: f64,
    pub(super) verdict: Verdict,
    /// Why it ended early: something could not be done to the cluster.
    pub(super) broken_off: Option<String>,
    /// How often each took place alone, and with others.
    nemeses: BTreeMap<Nemesis, (u32, u32)>,
    recoveries: Vec<(Nemesis, Duration)>,
    kept: Vec<Kept>,
    errors: BTreeMap<(String, String), u64>,
    first_errors: Vec<String>,
    commands: u64,
    unknown: u64,
    confirmed: u64,
    due: u64,
    missed: u64,
    added: Added,
    /// Reads that went to replicas.
    pub(super) from_replicas: u64,
    time: Duration,
    latest: Duration,
    unplanned: u64,
    pub(super) baseline: Resources,
    most: Resources,
}

impl Report {
    pub(super) fn add(&mut self, attack: &Attack, told: Told) {
        for deed in &told.deeds {
            let (alone, combined) = self.nemeses.entry(deed.nemesis).or_default();
            match attack.len() {
                1 => *alone += 1,
                _ => *combined += 1,
            }
            if let Some(recovery) = &deed.recovery {
                self.recoveries.push((deed.nemesis, recovery.time()));
            }
        }
        self.verdict.add(told.verdict);
        self.kept.extend(told.kept);
        for (kind, count) in told.pages.errors {
            *self.errors.entry(kind).or_default() += count;
        }
        self.first_errors.extend(told.pages.first_errors);
        self.first_errors.truncate(KINDS);
        self.commands += told.commands;
        self.unknown += told.unknown;
        self.confirmed += told.confirmed;
        self.due += told.due;
        self.missed += told.missed;
        self.added.views += told.added.views;
        self.added.refreshes += told.added.refreshes;
        self.added.dials += told.added.dials;
        self.added.lost += told.added.lost;
        self.time += told.time;
        self.latest = self.latest.max(told.latest);
        self.unplanned += told.unplanned.len() as u64;
        self.most.memory = self.most.memory.max(told.resources.memory);
        self.most.tasks = self.most.tasks.max(told.resources.tasks);
        self.most.sockets = self.most.sockets.max(told.resources.sockets);
    }

    /// Refreshes of one client a second, over all the time under attack.
    fn refreshes(&self) -> f64 {
        self.added.refreshes(self.time)
    }

    /// 11, over the whole run.
    pub(super) fn finish(&mut self) {
        self.verdict.checked(11, 1);
        let refreshes = self.refreshes();
        if refreshes > 1.0 {
            self.verdict.violated(11, || {
                format!("{refreshes:.2} refreshes a second in the whole run")
            });
        }
    }

    pub(super) fn print(&self) {
        println!(
            "\n{}, seed {}: {:.0} s, {} commands of which {} in doubt, {} writes confirmed by WAIT",
            self.server,
            self.seed,
            self.seconds,
            HumanCount(self.commands),
            HumanCount(self.unknown),
            HumanCount(self.confirmed)
        );
        println!(
            "  load: {:.0} pipelines/s on each shard and the control, of {:.0}/s that they can \
             do; {} due, {} found no process free",
            self.rate,
            self.capacity,
            HumanCount(self.due),
            HumanCount(self.missed)
        );
        println!(
            "  beside it {} reads of the same keys from replicas",
            HumanCount(self.from_replicas)
        );
        println!(
            "  client: a command has {TIMEOUT:?} in all; whatever else can be set is as it is \
             by default"
        );
        println!("\n  nemesis        alone  combined");
        for nemesis in Nemesis::ALL {
            let (alone, combined) = self.nemeses.get(&nemesis).copied().unwrap_or_default();
            let name = nemesis.name();
            println!(
                "  {name:<13} {alone:>6} {combined:>9}  {}",
                nemesis.describe()
            );
        }
        println!("\n  invariant      checked  violated");
        for (number, text) in INVARIANTS {
            let count = self.verdict.each.get(&number);
            match count.filter(|count| count.checked + count.violated > 0) {
                Some(count) => {
                    let (checked, violated) =
                        (HumanCount(count.checked).to_string(), count.violated);
                    println!("  {number:>2} {checked:>19} {violated:>9}  {text}");
                }
                None => println!("  {number:>2} {:>19} {:>9}  {text}", "unchecked", "-"),
            }
        }
        for (what, why) in UNCHECKED {
            println!("  unchecked: {what}: {why}");
        }
        println!();
        self.print_figures();
        for (number, count) in &self.verdict.each {
            for example in &count.examples {
                println!("\n  violated {number}: {example}");
            }
        }
    }

    fn print_figures(&self) {
        let mut by: BTreeMap<Nemesis, Vec<f64>> = BTreeMap::new();
        for (nemesis, time) in &self.recoveries {
            by.entry(*nemesis).or_default().push(time.as_secs_f64());
        }
        for (nemesis, mut times) in by {
            times.sort_by(f64::total_cmp);
            let each: Vec<_> = times.iter().map(|time| format!("{time:.3}")).collect();
            println!("  recovery after {}: {} s", nemesis.name(), each.join(", "));
        }
        let share = |pick: fn(&Kept) -> f64| {
            let mut all: Vec<f64> = self.kept.iter().map(pick).collect();
            all.sort_by(f64::total_cmp);
            let least = all.first().copied().unwrap_or(f64::NAN);
            let middle = all.get(all.len() / 2).copied().unwrap_or(f64::NAN);
            (100.0 * least, 100.0 * middle)
        };
        if !self.kept.is_empty() {
            let (least, middle) = share(|kept| kept.total);
            let (least_median, _) = share(|kept| kept.median);
            println!(
                "  healthy shards while one was away: {middle:.1} % of their throughput by the \
                 control's measure; the least {least:.1} % (median of its windows {least_median:.1} %)"
            );
        }
        println!(
            "  {} views asked for ({:.2} refreshes/s), {} dials for {} connections lost",
            self.added.views,
            self.refreshes(),
            self.added.dials,
            self.added.lost
        );
        println!(
            "  at rest: {} MiB, {} tasks, {} sockets at first; at the most {} MiB, {}, {}",
            self.baseline.memory >> 20,
            self.baseline.tasks,
            self.baseline.sockets,
            self.most.memory >> 20,
            self.most.tasks,
            self.most.sockets
        );
        println!("  the runtime was {:?} late at the most", self.latest);
        if self.unplanned > 0 {
            println!(
                "  warning: {} times the servers changed their roles by themselves; the machine \
                 is too slow or too busy",
                self.unplanned
            );
        }
        for ((kind, delivery), count) in self.errors.iter().take(KINDS) {
            println!("  errors: {count:>7} {kind} ({delivery})");
        }
    }

    pub(super) fn json(&self) -> Value {
        let invariants = INVARIANTS.map(|(number, text)| {
            let count = self.verdict.each.get(&number);
            let count = count.filter(|count| count.checked + count.violated > 0);
            json!({
                "invariant": number,
                "text": text,
                "state": match count {
                    None => "unchecked",
                    Some(count) if count.violated > 0 => "violated",
                    Some(_) => "passed",
                },
                "checked": count.map_or(0, |count| count.checked),
                "violated": count.map_or(0, |count| count.violated),
                "examples": count.map_or(&[][..], |count| &count.examples),
            })
        });
        let nemeses = self.nemeses.iter().map(|(nemesis, (alone, combined))| {
            json!({ "nemesis": nemesis.name(), "alone": alone, "combined": combined })
        });
        let recoveries = self.recoveries.iter().map(
            |(nemesis, time)| json!({ "nemesis": nemesis.name(), "seconds": time.as_secs_f64() }),
        );
        let kept = self
            .kept
            .iter()
            .map(|kept| json!({ "shard": kept.shard, "total": kept.total, "median": kept.median }));
        let errors = self.errors.iter().map(|((kind, delivery), count)| {
            json!({ "kind": kind, "delivery": delivery, "count": count })
        });
        json!({
            "server": self.server,
            "seed": self.seed,
            "seconds": self.seconds,
            "passed": self.verdict.violations() == 0 && self.broken_off.is_none(),
            "broken_off": self.broken_off,
            "invariants": invariants,
            "unchecked": UNCHECKED.map(|(what, why)| json!({ "what": what, "why": why })),
            "nemeses": nemeses.collect::<Vec<_>>(),
            "capacity_per_shard": self.capacity,
            "rate_per_shard": self.rate,
            "commands": self.commands,
            "in_doubt": self.unknown,
            "confirmed_by_wait": self.confirmed,
            "pipelines_due": self.due,
            "pipelines_without_process": self.missed,
            "recoveries": recoveries.collect::<Vec<_>>(),
            "throughput_kept": kept.collect::<Vec<_>>(),
            "views_asked_for": self.added.views,
            "refreshes_per_second": self.refreshes(),
            "reads_from_replicas": self.from_replicas,
            "dials": self.added.dials,
            "connections_lost": self.added.lost,
            "runtime_late_ms": self.latest.as_secs_f64() * 1e3,
            "roles_changed_unplanned": self.unplanned,
            "errors": errors.collect::<Vec<_>>(),
            "error_examples": self.first_errors,
        })
    }
}
