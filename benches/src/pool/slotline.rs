//! This project's pool, used alone.

use std::hint::black_box;
use std::net::SocketAddr;

use bytes::Bytes;
use slotline_pool::{Pool, WhileAway};
use slotline_resp::{CommandBuffer, Replies, known};
use tokio::time::Instant;

use super::client::{Client, PATIENCE};

#[derive(Clone)]
pub(super) struct Slotline(Pool);

/// The deadline of what is sent now.
pub(super) fn deadline() -> Instant {
    Instant::now() + PATIENCE
}

impl Slotline {
    async fn send(&self, buffer: CommandBuffer) -> Replies {
        let exchange = self.0.send(buffer.freeze(), deadline(), WhileAway::Wait);
        let answer = exchange.await;
        assert!(answer.failure.is_none(), "{:?}", answer.failure);
        answer.replies
    }
}

fn value(replies: &Replies, index: usize) -> usize {
    let value = replies.decode::<Bytes>(index).expect("a reply");
    black_box(value.expect("a value")).len()
}

impl Client for Slotline {
    /// It counts its writes in any case.
    async fn connect(address: SocketAddr, _: bool) -> Self {
        let pool = Pool::builder(address.into()).build();
        pool.connect().await.expect("connects");
        Self(pool)
    }

    async fn get(&mut self, key: &str) -> usize {
        let mut buffer = CommandBuffer::new();
        buffer.begin(&known::GET, 1).key(key);
        value(&self.send(buffer).await, 0)
    }

    async fn get_all(&mut self, keys: &[String]) -> usize {
        let mut buffer = CommandBuffer::with_capacity(keys.len());
        for key in keys {
            buffer.begin(&known::GET, 1).key(key);
        }
        let replies = self.send(buffer).await;
        (0..keys.len()).map(|index| value(&replies, index)).sum()
    }

    async fn set(&mut self, key: &str, value: &Bytes) {
        let mut buffer = CommandBuffer::new();
        buffer.begin(&known::SET, 2).key(key).arg(value);
        let replies = self.send(buffer).await;
        assert_eq!(replies.bytes(0), Some(&b"+OK\r\n"[..]));
    }

    fn writes(&self) -> u64 {
        self.0.statistics().writes
    }
}
