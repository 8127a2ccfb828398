//! A case: one codec doing one task of one workload.

use super::wire::Wire;
use super::workload::{Task, Workload};
use super::{redis, redis_protocol, slotline};

/// Does the work; tells how many bytes it has consumed or made.
pub(super) type Run = fn(&Wire) -> usize;

/// Who does it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// `slotline-resp`.
    Slotline,
    /// `redis-protocol`'s functions for RESP2.
    RedisProtocolResp2,
    /// `redis-protocol`'s functions for RESP3.
    RedisProtocolResp3,
    /// The `redis` crate's parser.
    Redis,
}

impl Codec {
    /// All of them, in the order of the table.
    pub const ALL: [Self; 4] = [
        Self::Slotline,
        Self::RedisProtocolResp2,
        Self::RedisProtocolResp3,
        Self::Redis,
    ];

    /// What it is called in the table.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Slotline => "slotline-resp",
            Self::RedisProtocolResp2 => "redis-protocol RESP2",
            Self::RedisProtocolResp3 => "redis-protocol RESP3",
            Self::Redis => "redis",
        }
    }

    fn run(self, workload: Workload, task: Task) -> Option<Run> {
        match self {
            Self::Slotline => slotline::run(workload, task),
            Self::RedisProtocolResp2 => redis_protocol::run_resp2(workload, task),
            Self::RedisProtocolResp3 => redis_protocol::run_resp3(workload, task),
            Self::Redis => redis::run(workload, task),
        }
    }

    /// How many elements it is given of those workloads that would otherwise
    /// take it too long.
    fn most(self, workload: Workload) -> Option<usize> {
        let starts_again = matches!(self, Self::RedisProtocolResp2 | Self::RedisProtocolResp3);
        (starts_again && workload == Workload::Integers).then_some(10_000)
    }
}

/// One codec doing one task of one workload.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// What there is to do.
    pub workload: Workload,
    /// Which part of it.
    pub task: Task,
    /// Who does it.
    pub codec: Codec,
    /// A smaller number of elements, where the codec does not get all.
    pub most: Option<usize>,
    run: Run,
}

/// All cases, in the order of the table. A case is known by its index.
#[must_use]
pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for workload in Workload::ALL {
        for task in workload.tasks() {
            for codec in Codec::ALL {
                if let Some(run) = codec.run(workload, *task) {
                    cases.push(Case {
                        workload,
                        task: *task,
                        codec,
                        most: codec.most(workload),
                        run,
                    });
                }
            }
        }
    }
    cases
}

impl Case {
    /// The case with its input.
    #[must_use]
    pub fn prepare(self) -> Prepared {
        let wire = Wire::new(self.workload, self.most.unwrap_or(usize::MAX));
        Prepared { case: self, wire }
    }
}

/// A case and its input: nothing is left to do but the work.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// What it is.
    pub case: Case,
    /// Its input.
    pub wire: Wire,
}

impl Prepared {
    /// Does the work once, dropping its results included; tells how many bytes
    /// it has consumed or made.
    pub fn run(&self) -> usize {
        (self.case.run)(&self.wire)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_does_all_of_its_work() {
        for case in cases() {
            let prepared = case.prepare();
            assert_eq!(prepared.run(), prepared.wire.bytes.len(), "{case:?}");
        }
    }
}
