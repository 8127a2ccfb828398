//! What these tests share.

use slotline_pool::{Answer, Exchange, Pool, PoolBuilder, Protocol, WhileAway};
use slotline_resp::{CommandBuffer, Commands, Value};
use slotline_testkit::Node;
use slotline_tests::{Connection, PATIENCE, connections_of, until};
use tokio::time::Instant;

pub const BOTH: [Protocol; 2] = [Protocol::Resp2, Protocol::Resp3];

/// Later than anything here takes.
pub fn late() -> Instant {
    Instant::now() + 2 * PATIENCE
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

/// Sends commands over a shared connection.
pub fn send(pool: &Pool, lines: &[impl AsRef<str>]) -> Exchange {
    pool.send(words(lines), late(), WhileAway::Wait)
}

/// What each reply says: a string, a number, `nil`, what an array holds, or the code
/// of an error behind a `-`. There must be all of them.
pub fn texts(answer: &Answer) -> Vec<String> {
    assert!(answer.failure.is_none(), "{:?}", answer.failure);
    let reply = |index| answer.replies.get(index).expect("a reply");
    let value = |index| reply(index).value().expect("a whole reply");
    let all = (0..answer.replies.len()).map(|index| shown(&value(index)));
    all.collect()
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "nil".to_owned(),
        Value::Error { code, .. } => format!("-{code}"),
        Value::Int(number) => number.to_string(),
        other => match (other.as_slice(), other.as_str()) {
            (Some(items), _) => {
                let items: Vec<_> = items.iter().map(shown).collect();
                format!("[{}]", items.join(" "))
            }
            (_, Some(text)) => text.to_owned(),
            _ => format!("{other:?}"),
        },
    }
}

/// Runs a command of an administrator's.
pub async fn admin(node: &Node, line: &str) {
    let words: Vec<&str> = line.split(' ').collect();
    node.call(&words).await.expect(line);
}

/// The one connection of the client of that name.
pub async fn the_connection(node: &Node, name: &str) -> Connection {
    until("there is one connection", async || {
        connections_of(node, name).await.len() == 1
    })
    .await;
    connections_of(node, name).await.remove(0)
}

/// A fixed order of random numbers, the same in every run.
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}
