//! What was measured of one client in one row.

use serde_json::{Value, json};
use slotline_bench_driver::Outcome;

use super::super::figures::median;
use super::peer::Peer;
use super::row::Row;

/// One timed run.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Round {
    /// Microseconds of the client's processor time per command.
    pub(super) cpu: f64,
    /// Commands per second.
    pub(super) rate: f64,
    /// How much of a core the servers used, of 1.
    pub(super) servers: f64,
    /// Microseconds of an operation.
    pub(super) p50: Option<f64>,
    pub(super) p99: Option<f64>,
    pub(super) p999: Option<f64>,
    /// Mebibytes at most.
    pub(super) memory: Option<f64>,
    /// The others' share of their throughput, with one shard paused.
    pub(super) kept: Option<f64>,
}

impl Round {
    pub(super) fn of(outcome: &Outcome) -> Self {
        let latency = |index: usize| {
            let latencies = outcome.latencies?;
            latencies.get(index).map(|&ns| ns as f64 / 1e3)
        };
        let (commands, wall) = (outcome.commands.max(1) as f64, outcome.wall.max(1) as f64);
        Self {
            cpu: outcome.cpu as f64 / commands / 1e3,
            rate: commands / wall * 1e9,
            servers: outcome.servers as f64 / wall,
            p50: latency(0),
            p99: latency(1),
            p999: latency(2),
            memory: outcome
                .memory
                .map(|bytes| bytes as f64 / f64::from(1 << 20)),
            kept: outcome.kept,
        }
    }
}

/// What a command costs where it is only counted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Counts {
    pub(super) allocations: f64,
    pub(super) allocated: f64,
}

/// One client in one row.
#[derive(Debug, Clone)]
pub(super) struct Cell {
    pub(super) row: Row,
    pub(super) peer: &'static Peer,
    pub(super) rounds: Vec<Round>,
    pub(super) counts: Option<Counts>,
    /// Per command.
    pub(super) syscalls: Option<f64>,
    /// Why there are no figures.
    pub(super) failed: Option<String>,
}

/// A figure of which there is one for each round, or one in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Measure {
    Cpu,
    Rate,
    P50,
    P99,
    P999,
    Allocations,
    Allocated,
    Syscalls,
    Servers,
    Memory,
    Kept,
}

impl Measure {
    pub(super) const ALL: [Self; 11] = [
        Self::Cpu,
        Self::Rate,
        Self::P50,
        Self::P99,
        Self::P999,
        Self::Allocations,
        Self::Allocated,
        Self::Syscalls,
        Self::Servers,
        Self::Memory,
        Self::Kept,
    ];

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Cpu => "client CPU, µs/command",
            Self::Rate => "commands/s",
            Self::P50 => "p50, µs",
            Self::P99 => "p99, µs",
            Self::P999 => "p99.9, µs",
            Self::Allocations => "allocations/command",
            Self::Allocated => "bytes allocated/command",
            Self::Syscalls => "syscalls/command",
            Self::Servers => "servers' core used",
            Self::Memory => "peak memory, MiB",
            Self::Kept => "others' throughput kept",
        }
    }

    /// A short name, for files and JSON.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu_us",
            Self::Rate => "commands_per_second",
            Self::P50 => "p50_us",
            Self::P99 => "p99_us",
            Self::P999 => "p999_us",
            Self::Allocations => "allocations",
            Self::Allocated => "allocated_bytes",
            Self::Syscalls => "syscalls",
            Self::Servers => "servers_core",
            Self::Memory => "memory_mib",
            Self::Kept => "kept",
        }
    }

    /// Whether more of it is better; `None` where neither is.
    pub(super) fn more_is_better(self) -> Option<bool> {
        match self {
            Self::Rate | Self::Kept => Some(true),
            Self::Servers => None,
            _ => Some(false),
        }
    }
}

impl Cell {
    pub(super) fn new(row: Row, peer: &'static Peer) -> Self {
        Self {
            row,
            peer,
            rounds: Vec::new(),
            counts: None,
            syscalls: None,
            failed: peer.is_not_for(row).map(str::to_owned),
        }
    }

    /// Median, least and most; `None` if it was not measured.
    pub(super) fn figure(&self, measure: Measure) -> Option<[f64; 3]> {
        if self.failed.is_some() {
            return None;
        }
        let over = |of: fn(&Round) -> Option<f64>| {
            let figures: Option<Vec<f64>> = self.rounds.iter().map(of).collect();
            median(figures?)
        };
        match measure {
            Measure::Cpu => over(|round| Some(round.cpu)),
            Measure::Rate => over(|round| Some(round.rate)),
            Measure::P50 => over(|round| round.p50),
            Measure::P99 => over(|round| round.p99),
            Measure::P999 => over(|round| round.p999),
            Measure::Servers => over(|round| Some(round.servers)),
            Measure::Memory => over(|round| round.memory),
            Measure::Kept => over(|round| round.kept),
            Measure::Allocations => self.counts.map(|counts| [counts.allocations; 3]),
            Measure::Allocated => self.counts.map(|counts| [counts.allocated; 3]),
            Measure::Syscalls => self.syscalls.map(|syscalls| [syscalls; 3]),
        }
    }

    /// All of it, each figure of each round.
    pub(super) fn to_json(&self) -> Value {
        let mut cell = json!({
            "workload": self.row.workload.name(),
            "place": self.row.place.name(),
            "client": self.peer.name,
            "failed": self.failed,
        });
        for measure in Measure::ALL {
            cell[measure.name()] = self.figure(measure).map_or(
                Value::Null,
                |figure| json!({"median": figure[0], "min": figure[1], "max": figure[2]}),
            );
        }
        let rounds = self.rounds.iter().map(|round| {
            json!({
                "cpu_us": round.cpu,
                "commands_per_second": round.rate,
                "servers_core": round.servers,
                "p50_us": round.p50,
                "p99_us": round.p99,
                "p999_us": round.p999,
                "memory_mib": round.memory,
                "kept": round.kept,
            })
        });
        cell["rounds"] = rounds.collect();
        cell
    }
}

#[cfg(test)]
mod tests {
    use super::super::peer::choose;
    use super::super::row;
    use super::*;

    #[test]
    fn figures_are_per_command_and_of_all_rounds() {
        let outcome = |cpu: u64| Outcome {
            commands: 1_000,
            wall: 2_000_000,
            cpu,
            servers: 1_500_000,
            latencies: Some([1_000, 2_000, 3_000]),
            memory: Some(3 << 20),
            ..Outcome::default()
        };
        let row = row::choose(Some("W2-cluster")).unwrap()[0];
        let mut cell = Cell::new(row, choose(Some("fred")).unwrap()[0]);
        cell.rounds = [900_000, 700_000, 800_000]
            .map(|cpu| Round::of(&outcome(cpu)))
            .into();
        assert_eq!(cell.figure(Measure::Cpu), Some([0.8, 0.7, 0.9]));
        assert_eq!(cell.figure(Measure::Rate), Some([500_000.0; 3]));
        assert_eq!(cell.figure(Measure::Servers), Some([0.75; 3]));
        assert_eq!(cell.figure(Measure::P999), Some([3.0; 3]));
        assert_eq!(cell.figure(Measure::Memory), Some([3.0; 3]));
        assert_eq!(cell.figure(Measure::Syscalls), None);
        let json = cell.to_json();
        assert_eq!(json["cpu_us"]["median"], 0.8);
        assert_eq!(json["rounds"][1]["cpu_us"], 0.7);
        assert_eq!(json["syscalls"], Value::Null);
        cell.failed = Some("no".to_owned());
        assert_eq!(cell.figure(Measure::Cpu), None);
    }

    #[test]
    fn what_is_not_tried_has_its_reason_from_the_start() {
        let row = row::choose(Some("W2-cluster")).unwrap()[0];
        let cell = Cell::new(row, choose(Some("floor")).unwrap()[0]);
        assert_eq!(cell.failed.as_deref(), Some("standalone only"));
    }
}
