//! The pieces of work.

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::Arc;

use bytes::Bytes;
use slotline::Client;
use tokio::task::JoinSet;

/// One of them.
pub struct Scenario {
    /// What it is called.
    pub name: &'static str,
    /// How many tasks share the operations.
    pub tasks: usize,
    /// What an operation is.
    pub work: Work,
}

/// So many keys, of all slots.
#[must_use]
pub fn keys(count: usize) -> Arc<[String]> {
    (1..=count).map(|key| format!("key:{key:08}")).collect()
}

/// A command, or a pipeline of so many.
#[derive(Clone, Copy)]
pub enum Work {
    Get,
    Gets(usize),
    Sets(usize),
    Hash,
}

/// What the gate counts.
pub const SCENARIOS: [Scenario; 5] = [
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
        work: Work::Gets(100),
    },
    Scenario {
        name: "pipeline-of-100-sets",
        tasks: 1,
        work: Work::Sets(100),
    },
    Scenario {
        name: "hgetall-of-100-fields",
        tasks: 1,
        work: Work::Hash,
    },
];

impl Scenario {
    /// Does so many operations with these keys.
    pub async fn run(&self, client: &Client, keys: &Arc<[String]>, operations: usize) {
        let mut tasks = JoinSet::new();
        for task in 0..self.tasks {
            let own = operations / self.tasks + usize::from(task < operations % self.tasks);
            let keys = Arc::clone(keys);
            tasks.spawn(work(client.clone(), self.work, keys, task, own));
        }
        tasks.join_all().await;
    }
}

async fn work(client: Client, work: Work, keys: Arc<[String]>, task: usize, operations: usize) {
    let value = [b'v'; 64];
    let mut turn = task * 7_919;
    let mut key = || {
        turn += 104_729;
        keys[turn % keys.len()].as_str()
    };
    for _ in 0..operations {
        match work {
            Work::Get => {
                let value: Bytes = client.get(key()).await.expect("a value");
                assert_eq!(black_box(value).len(), 64);
            }
            Work::Gets(commands) => {
                let mut pipe = client.pipeline();
                for _ in 0..commands {
                    pipe.get(key());
                }
                let results = pipe.send().await.expect("results");
                for index in 0..results.len() {
                    let value: Bytes = results.decode(index).expect("a value");
                    assert_eq!(black_box(value).len(), 64);
                }
            }
            Work::Sets(commands) => {
                let mut pipe = client.pipeline();
                for _ in 0..commands {
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
