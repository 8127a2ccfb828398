//! What the tests of leases share.

use std::time::Duration;

use slotline_pool::{Answer, Lease, Pool, PoolBuilder, Protocol, WhileAway};
use slotline_resp::{CommandBuffer, Commands, Value};
use slotline_testkit::Node;
use tokio::time::Instant;

pub const BOTH: [Protocol; 2] = [Protocol::Resp2, Protocol::Resp3];

pub fn soon() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

/// A pool of a server, which shows it by this name.
pub fn builder(node: &Node, name: &str) -> PoolBuilder {
    Pool::builder(node.address().into()).client_name(name)
}

/// Commands of words.
pub fn words(lines: &[&str]) -> Commands {
    let mut buffer = CommandBuffer::new();
    for line in lines {
        let mut words = line.split(' ');
        buffer.begin_named(words.next().unwrap_or_default());
        for word in words {
            buffer.arg(word);
        }
    }
    buffer.freeze()
}

/// What each reply says, errors included: `nil`, a string or number, or what an
/// array holds. A failure must not be.
pub fn texts(answer: &Answer) -> Vec<String> {
    assert!(answer.failure.is_none(), "{:?}", answer.failure);
    let replies = (0..answer.replies.len()).filter_map(|index| answer.replies.get(index));
    replies
        .map(|reply| shown(&reply.value().expect("a reply")))
        .collect()
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "nil".to_owned(),
        Value::Error { code, message } => format!("-{code} {message}"),
        other => match (other.as_slice(), other.as_str(), other.as_int()) {
            (Some(items), ..) => format!(
                "[{}]",
                items.iter().map(shown).collect::<Vec<_>>().join(" ")
            ),
            (_, Some(text), _) => text.to_owned(),
            (.., Some(number)) => number.to_string(),
            _ => format!("{other:?}"),
        },
    }
}

pub async fn lease(pool: &Pool) -> Lease {
    pool.lease(soon()).await.expect("a lease")
}

pub async fn ask(lease: &mut Lease, lines: &[&str]) -> Vec<String> {
    texts(&lease.call(words(lines), soon()).await)
}

/// Over a connection that is shared.
pub async fn send(pool: &Pool, lines: &[&str]) -> Vec<String> {
    texts(&pool.send(words(lines), soon(), WhileAway::Wait).await)
}

/// How many clients of the server are blocked just now.
pub async fn blocked(node: &Node) -> u64 {
    let field = node.info("clients", "blocked_clients").await.expect("INFO");
    field
        .and_then(|count| count.parse().ok())
        .expect("a number")
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
