//! What these tests share.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use slotline_pool::{Answer, Exchange, Pool, PoolBuilder, Protocol, WhileAway};
use slotline_resp::{CommandBuffer, Commands, Value};
use slotline_testkit::Node;
use slotline_tests::{Connection, PATIENCE, connections_of, until};
use tokio::task::JoinSet;
use tokio::time::Instant;

pub const BOTH: [Protocol; 2] = [Protocol::Resp2, Protocol::Resp3];

/// Later than anything here takes.
pub fn late() -> Instant {
    Instant::now() + PATIENCE
}

/// A pool of a server, which shows it by this name.
pub fn builder(node: &Node, name: &str) -> PoolBuilder {
    Pool::builder(node.address().into()).client_name(name)
}

/// Commands of words.
pub fn words(lines: &[impl AsRef<str>]) -> Commands {
    let mut buffer = CommandBuffer::new();
    for line in lines {
        let mut words = line.as_ref().split(' ');
        buffer.begin_named(words.next().unwrap_or_default());
        for word in words {
            buffer.arg(word);
        }
    }
    buffer.freeze()
}

pub fn send(pool: &Pool, lines: &[impl AsRef<str>]) -> Exchange {
    pool.send(words(lines), late(), WhileAway::Wait)
}

/// The replies as text, server errors as their code; there must be all of them.
pub fn texts(answer: &Answer) -> Vec<String> {
    assert!(answer.failure.is_none(), "{:?}", answer.failure);
    let text = |index| match answer.replies.get(index)?.value().ok()? {
        Value::Error { code, .. } => Some(format!("-{code}")),
        Value::Int(number) => Some(number.to_string()),
        value => Some(value.as_str().map_or("nil".to_owned(), str::to_owned)),
    };
    let all = (0..answer.replies.len()).map(|index| text(index).expect("a reply"));
    all.collect()
}

/// Runs a command of an administrator's.
pub async fn admin(node: &Node, line: &str) {
    let words: Vec<&str> = line.split(' ').collect();
    node.call(&words).await.expect(line);
}

/// The code with which the server answers PING just now; empty if with PONG.
pub async fn pinged(node: &Node) -> String {
    match node.call(&["PING"]).await {
        Ok(_) => String::new(),
        Err(error) => error.code().expect("an answer").to_owned(),
    }
}

/// The one connection of the client of that name.
pub async fn the_connection(node: &Node, name: &str) -> Connection {
    until("there is one connection", async || {
        connections_of(node, name).await.len() == 1
    })
    .await;
    connections_of(node, name).await.remove(0)
}

/// Many tasks that ask a pool for something all the time, none of which may fail.
pub struct Load {
    tasks: JoinSet<u64>,
    is_over: Arc<AtomicBool>,
    turns: Arc<AtomicU64>,
}

impl Load {
    /// Each reply must be the one to its own request.
    pub fn start(pool: &Pool, tasks: usize) -> Load {
        let load = Load {
            tasks: JoinSet::new(),
            is_over: Arc::default(),
            turns: Arc::default(),
        };
        let mut load = load;
        for task in 0..tasks {
            let (pool, is_over) = (pool.clone(), Arc::clone(&load.is_over));
            let turns = Arc::clone(&load.turns);
            load.tasks.spawn(async move {
                let mut done = 0;
                while !is_over.load(Ordering::Relaxed) {
                    let own = format!("{task}:{done}");
                    let answer = send(&pool, &[format!("ECHO {own}")]).await;
                    assert_eq!(texts(&answer), [own]);
                    done += 1;
                    turns.fetch_add(1, Ordering::Relaxed);
                }
                done
            });
        }
        load
    }

    /// Waits until so much more has been done.
    pub async fn go_on(&self, turns: u64) {
        let aim = self.turns.load(Ordering::Relaxed) + turns;
        until("the load goes on", async || {
            self.turns.load(Ordering::Relaxed) >= aim
        })
        .await;
    }

    /// Ends it; how much was done.
    ///
    /// # Panics
    /// Something failed, or came to the wrong one.
    pub async fn end(mut self) -> u64 {
        self.is_over.store(true, Ordering::Relaxed);
        let mut done = 0;
        while let Some(task) = self.tasks.join_next().await {
            done += task.expect("nothing fails");
        }
        done
    }
}

/// Some time, for what is to be seen not to happen.
pub async fn meanwhile(millis: u64) {
    tokio::time::sleep(Duration::from_millis(millis)).await;
}
