//! What was asked and what came of it: the record that the checkers judge.

use std::collections::BTreeMap;
use std::time::Duration;

use slotline::Delivery;

/// Counters begin this far apart: a value names its counter as long as that is
/// increased less often.
const APART: i64 = 1_000_000_000;

/// A key; its number is in every value that it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) number: u32,
    pub(super) sort: Sort,
    pub(super) shard: usize,
    pub(super) slot: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sort {
    /// Written and read by one process at a time.
    Register,
    /// Increased and read by many.
    Counter,
    /// Appended to by one process at a time.
    List,
    /// Two counters of one slot, which transactions alone increase and read, both at
    /// once.
    Twins,
}

/// One command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// SET … GET of the nth value.
    Write(u32),
    Read,
    Increment,
    /// RPUSH of the nth value.
    Append(u32),
}

/// What a reply says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Nothing,
    /// The nth value of the key with that number.
    Value {
        key: u32,
        n: u32,
    },
    Number(i64),
    /// Numbers of twins that are not the same.
    Torn,
    /// No reply that such a command can have.
    Foreign,
}

/// What became of a command. What is not known stays so for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Ok(Found),
    /// It had no effect: NotSent or Rejected.
    Fail,
    /// It may have had its effect, and may still have it.
    Info(Why),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// The client said so.
    Error,
    /// The caller left.
    Cancelled,
}

impl Outcome {
    pub(super) fn of_failure(delivery: Delivery) -> Self {
        match delivery {
            Delivery::NotSent | Delivery::Rejected => Self::Fail,
            _ => Self::Info(Why::Error),
        }
    }

    pub(super) fn is_ok(self) -> bool {
        matches!(self, Self::Ok(_))
    }

    pub(super) fn is_error(self) -> bool {
        matches!(self, Self::Fail | Self::Info(Why::Error))
    }

    pub(super) fn found(self) -> Option<Found> {
        match self {
            Self::Ok(found) => Some(found),
            _ => None,
        }
    }
}

/// One command of a pipeline with its outcome. Times are since the run's start.
#[derive(Clone, Copy, Debug)]
pub(super) struct Event {
    /// All commands of one pipeline have the same number; later ones a higher one.
    pub(super) pipeline: u32,
    /// Who asked: one pipeline after the other.
    pub(super) process: u32,
    pub(super) key: Key,
    pub(super) what: What,
    pub(super) invoked: Duration,
    pub(super) ended: Duration,
    pub(super) outcome: Outcome,
}

/// When acknowledged writes to a shard may be lost, and reads go back: a primary
/// that is dead, paused or cut off may have acknowledged what its heir never got.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    pub(super) shard: usize,
    pub(super) from: Duration,
    pub(super) to: Duration,
}

/// How far replication may be behind a primary that answers: what was acknowledged
/// so long before a window may still be lost in it.
const LAG: Duration = Duration::from_secs(1);

/// What a key holds when all is over, at the node that owns it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Final {
    One(Found),
    List(Vec<Found>),
}

/// One stretch of a run, with keys of its own.
#[derive(Clone, Debug, Default)]
pub(super) struct Episode {
    /// In the order of their pipelines for each process.
    pub(super) events: Vec<Event>,
    pub(super) finals: BTreeMap<Key, Final>,
    pub(super) windows: Vec<Window>,
    /// Writes that WAIT said were on the replica too, and what was found of them.
    pub(super) confirmed: Vec<Confirmed>,
    /// The most that the clients' runtime was late, and when.
    pub(super) late: Vec<Late>,
    /// Reads from replicas that failed.
    pub(super) failed_reads: Vec<FailedRead>,
    /// Before this nothing may fail.
    pub(super) hurt_from: Option<Duration>,
    /// From when on nothing may fail any more.
    pub(super) calm_from: Option<Duration>,
    /// Processes that had not come back when the episode was over.
    pub(super) hanging: usize,
    pub(super) timeout: Duration,
}

/// A write whose replication was waited for.
#[derive(Clone, Debug)]
pub(super) struct Confirmed {
    pub(super) key: String,
    pub(super) shard: usize,
    pub(super) at: Duration,
    pub(super) is_there: bool,
}

/// A read from a replica that failed; times are as an event's.
#[derive(Clone, Debug)]
pub(super) struct FailedRead {
    pub(super) invoked: Duration,
    pub(super) ended: Duration,
    /// For want of a node that could be reached, or of time.
    pub(super) is_for_want: bool,
    pub(super) error: String,
}

/// A timer of the clients' runtime that was to fire at `due` fired `by` later.
#[derive(Clone, Copy, Debug)]
pub(super) struct Late {
    pub(super) due: Duration,
    pub(super) by: Duration,
}

impl Episode {
    /// Whether a write to `shard` that was acknowledged at `at` may be lost.
    pub(super) fn may_lose(&self, shard: usize, at: Duration) -> bool {
        self.may_go_back(shard, at, at)
    }

    /// Whether what was seen of `shard` at `from` may be gone at `to`.
    pub(super) fn may_go_back(&self, shard: usize, from: Duration, to: Duration) -> bool {
        let touches =
            |window: &Window| window.shard == shard && to + LAG >= window.from && from <= window.to;
        self.windows.iter().any(touches)
    }

    /// Whether anything at all of `shard` may be lost in this episode.
    pub(super) fn is_lossy(&self, shard: usize) -> bool {
        self.windows.iter().any(|window| window.shard == shard)
    }

    /// How late the runtime was for what was due at `from` and came at `to`.
    pub(super) fn lateness(&self, from: Duration, to: Duration) -> Duration {
        let touches = |late: &&Late| late.due <= to && late.due + late.by >= from;
        let by = self.late.iter().filter(touches).map(|late| late.by);
        by.max().unwrap_or_default()
    }
}

impl Key {
    /// What a counter holds before anyone has increased it.
    pub(super) fn base(self) -> i64 {
        (i64::from(self.number) + 1) * APART
    }

    /// How often a counter that holds `value` was increased; `None` if that is no
    /// value of this counter.
    pub(super) fn increments(self, value: i64) -> Option<u64> {
        let count = value.checked_sub(self.base())?;
        u64::try_from(count)
            .ok()
            .filter(|count| *count < APART as u64)
    }

    pub(super) fn name(self, salt: u32) -> String {
        let sort = match self.sort {
            Sort::Register => 'r',
            Sort::Counter => 'c',
            Sort::List => 'l',
            Sort::Twins => return format!("{{t:{}:{salt}}}", self.number),
        };
        format!("{sort}:{}:{salt}", self.number)
    }

    /// The keys that it is made of: of twins there are two.
    pub(super) fn parts(self, name: &str) -> Vec<String> {
        match self.sort {
            Sort::Twins => ["one", "other"].map(|twin| format!("{name}{twin}")).into(),
            _ => vec![name.to_owned()],
        }
    }

    /// The nth value of this key.
    pub(super) fn value(self, n: u32) -> String {
        format!("v:{}:{n}", self.number)
    }
}

impl Found {
    /// Reads a value that names its key.
    pub(super) fn of_text(text: Option<&str>) -> Self {
        let Some(text) = text else {
            return Self::Nothing;
        };
        let parts = text
            .strip_prefix("v:")
            .and_then(|rest| rest.split_once(':'));
        let parsed = parts.and_then(|(key, n)| Some((key.parse().ok()?, n.parse().ok()?)));
        parsed.map_or(Self::Foreign, |(key, n)| Self::Value { key, n })
    }

    /// Reads the numbers of twins, which are all the same.
    pub(super) fn of_twins(numbers: &[Option<i64>]) -> Self {
        match numbers {
            [first, others @ ..] if others.iter().all(|other| other == first) => {
                Self::of_number(*first)
            }
            _ => Self::Torn,
        }
    }

    /// Reads a number where there may be none.
    pub(super) fn of_number(number: Option<i64>) -> Self {
        number.map_or(Self::Nothing, Self::Number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_names_its_key_and_anything_else_is_foreign() {
        let key = Key {
            number: 7,
            sort: Sort::Register,
            shard: 0,
            slot: 1,
        };
        assert_eq!(
            Found::of_text(Some(&key.value(3))),
            Found::Value { key: 7, n: 3 }
        );
        assert_eq!(Found::of_text(None), Found::Nothing);
        for foreign in ["", "v:7", "v:7:x", "OK", "w:7:3"] {
            assert_eq!(Found::of_text(Some(foreign)), Found::Foreign, "{foreign}");
        }
        assert_eq!(key.increments(key.base() + 5), Some(5));
        assert_eq!(key.increments(key.base() - 1), None);
        assert_eq!(key.increments(key.base() + APART), None);
    }

    #[test]
    fn a_loss_is_excused_in_its_shard_and_its_time_alone() {
        let at = Duration::from_secs;
        let mut episode = Episode::default();
        episode.windows.push(Window {
            shard: 1,
            from: at(10),
            to: at(20),
        });
        assert!(!episode.may_lose(1, at(8)));
        assert!(episode.may_lose(1, at(9)));
        assert!(episode.may_lose(1, at(20)));
        assert!(!episode.may_lose(1, at(21)));
        assert!(!episode.may_lose(0, at(15)));
    }

    #[test]
    fn lateness_counts_where_it_touches() {
        let at = Duration::from_millis;
        let mut episode = Episode::default();
        episode.late.push(Late {
            due: at(100),
            by: at(50),
        });
        assert_eq!(episode.lateness(at(90), at(110)), at(50));
        assert_eq!(episode.lateness(at(140), at(200)), at(50));
        assert_eq!(episode.lateness(at(151), at(200)), at(0));
        assert_eq!(episode.lateness(at(10), at(99)), at(0));
    }
}
