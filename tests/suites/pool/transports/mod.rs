//! Connections over unix sockets and TLS, to real servers.

mod cluster;
mod tls;
mod unix;

use std::time::Duration;

use slotline_pool::{Answer, Pool, WhileAway};
use slotline_resp::CommandBuffer;
use tokio::time::Instant;

/// Sends commands of words, all in one batch.
async fn send(pool: &Pool, lines: &[&[&str]]) -> Answer {
    let mut buffer = CommandBuffer::new();
    for line in lines {
        let (name, args) = line.split_first().expect("a command");
        buffer.begin_named(name);
        for arg in args {
            buffer.arg(*arg);
        }
    }
    let deadline = Instant::now() + Duration::from_secs(20);
    pool.send(buffer.freeze(), deadline, WhileAway::Wait).await
}

/// The reply to one command; a failure must not be.
async fn ask(pool: &Pool, line: &[&str]) -> String {
    let answer = send(pool, &[line]).await;
    assert!(answer.failure.is_none(), "{:?}", answer.failure);
    let reply = answer.replies.decode(0).expect("a reply");
    reply.expect("a string")
}

/// That values of every size get through in both directions, many at once.
async fn carries_values(pool: &Pool) {
    for size in [0, 1, 16_384, 16_385, 3 << 20] {
        let value = "x".repeat(size);
        assert_eq!(ask(pool, &["SET", "value", &value]).await, "OK");
        assert_eq!(ask(pool, &["GET", "value"]).await, value);
    }
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..50 {
        let pool = pool.clone();
        tasks.spawn(async move {
            for n in 0..50 {
                let text = format!("{task}:{n}");
                assert_eq!(ask(&pool, &["ECHO", &text]).await, text);
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.expect("a task");
    }
    assert_eq!(pool.statistics().connections_lost, 0);
}
