//! The pieces of work.

use std::collections::HashMap;
use std::hint::black_box;

use bytes::Bytes;
use slotline::Client;
use tokio::task::JoinSet;

/// One of them.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) tasks: usize,
    work: Work,
}

/// Of all slots.
const KEYS: [&str; 16] = [
    "key:00000001",
    "key:00000002",
    "key:00000003",
    "key:00000004",
    "key:00000005",
    "key:00000006",
    "key:00000007",
    "key:00000008",
    "key:00000009",
    "key:00000010",
    "key:00000011",
    "key:00000012",
    "key:00000013",
    "key:00000014",
    "key:00000015",
    "key:00000016",
];

#[derive(Clone, Copy)]
enum Work {
    Get,
    Gets,
    Sets,
    Hash,
}

/// An operation is a command, or a pipeline of a hundred.
pub(crate) const SCENARIOS: [Scenario; 5] = [
    Scenario {
        name: "get-alone",
        tasks: 1,
        work: Work::Get,
    },
    Scenario {
        name: "get-of-64-tasks",
        tasks: 64,
        work: Work::Get,
    },
    Scenario {
        name: "pipeline-of-100-gets",
        tasks: 1,
        work: Work::Gets,
    },
    Scenario {
        name: "pipeline-of-100-sets",
        tasks: 1,
        work: Work::Sets,
    },
    Scenario {
        name: "hgetall-of-100-fields",
        tasks: 1,
        work: Work::Hash,
    },
];

impl Scenario {
    pub(crate) async fn run(&self, client: &Client, operations: usize) {
        let mut tasks = JoinSet::new();
        for task in 0..self.tasks {
            let own = operations / self.tasks + usize::from(task < operations % self.tasks);
            tasks.spawn(work(client.clone(), self.work, task, own));
        }
        tasks.join_all().await;
    }
}

async fn work(client: Client, work: Work, task: usize, operations: usize) {
    let value = [b'v'; 64];
    let mut turn = task * 7_919;
    let mut key = || {
        turn += 104_729;
        KEYS[turn % KEYS.len()]
    };
    for _ in 0..operations {
        match work {
            Work::Get => {
                let value: Bytes = client.get(key()).await.expect("a value");
                assert_eq!(black_box(value).len(), 64);
            }
            Work::Gets => {
                let mut pipe = client.pipeline();
                for _ in 0..100 {
                    pipe.get(key());
                }
                let results = pipe.send().await.expect("results");
                for index in 0..results.len() {
                    let value: Bytes = results.decode(index).expect("a value");
                    assert_eq!(black_box(value).len(), 64);
                }
            }
            Work::Sets => {
                let mut pipe = client.pipeline();
                for _ in 0..100 {
                    pipe.set(key(), &value[..]);
                }
                let results = pipe.send().await.expect("results");
                for index in 0..results.len() {
                    let value: String = results.decode(index).expect("OK");
                    assert_eq!(value, "OK");
                }
            }
            Work::Hash => {
                let fields: HashMap<String, String> = client.hgetall(key()).await.expect("fields");
                assert_eq!(black_box(fields).len(), 100);
            }
        }
    }
}
