//! The driver with a client whose server is a table in this process.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;

use crate::asked::{Asked, Limit, Paused};
use crate::client::{Client, Failure, Setup};
use crate::driver;
use crate::keys;
use crate::outcome::{Counted, Outcome};
use crate::workload::Workload;

/// Answers by the kind of key alone, and counts.
#[derive(Clone)]
struct Table {
    counts: Arc<Counts>,
    /// The port of what it connects to makes it lie.
    lie: u16,
}

#[derive(Default)]
struct Counts {
    gets: AtomicU64,
    sets: AtomicU64,
    maps: AtomicU64,
}

/// What the client with this port has counted.
static COUNTS: std::sync::Mutex<Option<Arc<Counts>>> = std::sync::Mutex::new(None);

const SHORT: u16 = 1;
const FEW: u16 = 2;
const FAILS: u16 = 3;
const HONEST: u16 = 9;

impl Client for Table {
    type Value = Vec<u8>;

    async fn connect(setup: &Setup) -> Result<Self, Failure> {
        let counts = Arc::new(Counts::default());
        *COUNTS.lock().unwrap() = Some(Arc::clone(&counts));
        let lie = setup.first()?.port();
        Ok(Self { counts, lie })
    }

    async fn get(&mut self, key: &str) -> Result<Vec<u8>, Failure> {
        tokio::task::yield_now().await;
        if self.lie == FAILS {
            return Err("ERR out of order".into());
        }
        self.counts.gets.fetch_add(1, Ordering::Relaxed);
        let len = if key.starts_with(keys::LARGE_PREFIX) {
            keys::LARGE_LEN
        } else {
            keys::SMALL_LEN
        };
        Ok(vec![b'x'; len - usize::from(self.lie == SHORT)])
    }

    async fn set(&mut self, _: &str, value: &Bytes) -> Result<(), Failure> {
        assert_eq!(value.len(), keys::SMALL_LEN);
        self.counts.sets.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    async fn map(&mut self, key: &str) -> Result<HashMap<String, String>, Failure> {
        tokio::task::yield_now().await;
        self.counts.maps.fetch_add(1, Ordering::Relaxed);
        let fields = if key.starts_with(keys::WIDE_PREFIX) {
            keys::WIDE_FIELDS
        } else {
            keys::NARROW_FIELDS
        };
        let fields = fields - usize::from(self.lie == SHORT);
        let value = || "x".repeat(keys::FIELD_LEN);
        Ok((0..fields).map(|n| (keys::field(n), value())).collect())
    }

    async fn get_all(&mut self, keys: &[String]) -> Result<Vec<Vec<u8>>, Failure> {
        let mut values = Vec::new();
        for key in keys.iter().skip(usize::from(self.lie == FEW)) {
            values.push(self.get(key).await?);
        }
        Ok(values)
    }

    async fn set_all(&mut self, keys: &[String], value: &Bytes) -> Result<(), Failure> {
        tokio::task::yield_now().await;
        for key in keys {
            self.set(key, value).await?;
        }
        Ok(())
    }

    async fn map_all(&mut self, keys: &[String]) -> Result<Vec<HashMap<String, String>>, Failure> {
        let mut maps = Vec::new();
        for key in keys.iter().skip(usize::from(self.lie == FEW)) {
            maps.push(self.map(key).await?);
        }
        Ok(maps)
    }
}

fn asked(workload: Workload, port: u16, limit: Limit) -> Asked {
    Asked {
        setup: Setup {
            workload,
            cluster: workload.needs_cluster(),
            nodes: vec![([127, 0, 0, 1], port).into()],
            authority: None,
        },
        cores: Vec::new(),
        limit,
        warm_up: Duration::ZERO,
        servers: vec![std::process::id()],
        paused: None,
    }
}

fn run(asked: &Asked) -> (Result<Outcome, String>, [u64; 3]) {
    // One at a time, since each looks at what the last client has counted.
    static ALONE: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(|it| it.into_inner());
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_all().build().unwrap();
    let counter = || Counted {
        allocations: 3,
        bytes: 4,
    };
    let outcome = runtime.block_on(driver::run::<Table>(asked, Some(counter)));
    let counts = COUNTS.lock().unwrap().take().unwrap();
    let counts = [&counts.gets, &counts.sets, &counts.maps].map(|it| it.load(Ordering::Relaxed));
    (outcome.map_err(|error| error.to_string()), counts)
}

#[test]
fn every_workload_does_as_many_operations_as_it_is_asked_for() {
    for workload in Workload::ALL {
        if workload == Workload::W10 {
            continue;
        }
        // No multiple of the number of tasks.
        let operations = workload.tasks() as u64 + 3;
        let (outcome, counts) = run(&asked(workload, HONEST, Limit::Operations(operations)));
        let outcome = outcome.unwrap();
        let commands = operations * workload.commands() as u64;
        assert_eq!(outcome.commands, commands, "{workload:?}");
        assert_eq!(counts.iter().sum::<u64>(), commands, "{workload:?}");
        assert!(outcome.latencies.is_some(), "{workload:?}");
        assert_eq!(outcome.counted, Some(Counted::default()));
        assert!(outcome.memory.is_some());
        let [gets, sets, maps] = counts.map(|count| count > 0);
        let expected = match workload {
            Workload::W4 => [false, true, false],
            Workload::W6 | Workload::W7 => [false, false, true],
            Workload::W9 => [true, true, true],
            _ => [true, false, false],
        };
        assert_eq!([gets, sets, maps], expected, "{workload:?}");
    }
}

#[test]
fn a_run_ends_when_its_time_is_over() {
    let limit = Limit::Time(Duration::from_millis(20));
    let (outcome, [gets, ..]) = run(&asked(Workload::W2, HONEST, limit));
    let outcome = outcome.unwrap();
    assert_eq!(outcome.commands, gets);
    assert!(outcome.wall >= 20_000_000);
}

#[test]
fn nobody_gets_away_with_wrong_replies() {
    let failure = |workload: Workload, port| {
        let (outcome, _) = run(&asked(workload, port, Limit::Operations(10)));
        outcome.unwrap_err()
    };
    for (workload, lie, said) in [
        (Workload::W1, SHORT, "a value of 63 bytes in place of 64"),
        (Workload::W3, SHORT, "a value of 63 bytes"),
        (Workload::W3, FEW, "99 replies to 100 commands"),
        (Workload::W5, SHORT, "in place of 1048576"),
        (Workload::W6, SHORT, "99 fields"),
        (Workload::W7, SHORT, "9 fields"),
        (Workload::W7, FEW, "99 replies to 100 commands"),
        (Workload::W9, FAILS, "ERR out of order"),
    ] {
        let failure = failure(workload, lie);
        assert!(failure.contains(said), "{workload:?}: {failure}");
    }
}

#[test]
fn the_shards_that_are_not_paused_are_measured_before_and_after() {
    let mut asked = asked(
        Workload::W10,
        HONEST,
        Limit::Time(Duration::from_millis(30)),
    );
    let (refused, _) = run(&asked);
    assert!(refused.unwrap_err().contains("no shard was named"));
    let mut shard = std::process::Command::new("sleep")
        .arg("60")
        .spawn()
        .unwrap();
    asked.paused = Some(Paused {
        pid: shard.id(),
        slots: [0, 5460],
    });
    let (outcome, _) = run(&asked);
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", shard.id())).unwrap();
    shard.kill().unwrap();
    shard.wait().unwrap();
    let outcome = outcome.unwrap();
    assert!(outcome.kept.is_some_and(|kept| kept > 0.0));
    assert!(outcome.commands > 0);
    // The shard was let go on.
    assert!(!stat.contains(") T "), "{stat}");
}
