//! What a program found: one line of JSON.

use serde_json::{Value, json};

/// Heap allocations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// How many, growing an allocation included.
    pub allocations: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// What one run took.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// Commands that had the reply that they should have.
    pub commands: u64,
    /// Nanoseconds on the clock.
    pub wall: u64,
    /// Nanoseconds of the client's processor time, user and system.
    pub cpu: u64,
    /// Nanoseconds of the servers' processor time.
    pub servers: u64,
    /// Nanoseconds of an operation: median, 99 % and 99.9 %.
    pub latencies: Option<[u64; 3]>,
    /// The most memory at once, in bytes.
    pub memory: Option<u64>,
    /// Where they are counted.
    pub counted: Option<Counted>,
    /// With one shard paused, the others' throughput as a share of what it was.
    pub kept: Option<f64>,
}

impl Outcome {
    /// As a line to be printed.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "commands": self.commands,
            "wall_ns": self.wall,
            "cpu_ns": self.cpu,
            "servers_ns": self.servers,
            "latencies_ns": self.latencies,
            "memory": self.memory,
            "allocations": self.counted.map(|it| it.allocations),
            "allocated": self.counted.map(|it| it.bytes),
            "kept": self.kept,
        })
    }

    /// Reads that line.
    ///
    /// # Errors
    /// The program's own word for what went wrong, or that it is no outcome.
    pub fn from_json(value: &Value) -> Result<Self, String> {
        if let Some(failed) = value["failed"].as_str() {
            return Err(failed.to_owned());
        }
        let number = |name: &str| value[name].as_u64();
        let latency = |index: usize| value["latencies_ns"][index].as_u64();
        let latencies = || Some([latency(0)?, latency(1)?, latency(2)?]);
        let counted = || {
            Some(Counted {
                allocations: number("allocations")?,
                bytes: number("allocated")?,
            })
        };
        let outcome = || {
            Some(Self {
                commands: number("commands")?,
                wall: number("wall_ns")?,
                cpu: number("cpu_ns")?,
                servers: number("servers_ns")?,
                latencies: latencies(),
                memory: number("memory"),
                counted: counted(),
                kept: value["kept"].as_f64(),
            })
        };
        outcome().ok_or_else(|| format!("no outcome: {value}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_is_read_as_it_was_printed() {
        let outcome = Outcome {
            commands: 7,
            wall: 8,
            cpu: 9,
            servers: 10,
            latencies: Some([1, 2, 3]),
            memory: Some(4),
            counted: Some(Counted {
                allocations: 5,
                bytes: 6,
            }),
            kept: Some(0.5),
        };
        for outcome in [outcome, Outcome::default()] {
            assert_eq!(Outcome::from_json(&outcome.to_json()), Ok(outcome));
        }
        let failed = Outcome::from_json(&json!({"failed": "no replicas"}));
        assert_eq!(failed, Err("no replicas".to_owned()));
        assert!(Outcome::from_json(&json!({"commands": 1})).is_err());
    }
}
