//! What is stored in the server.

use std::net::SocketAddr;
use std::sync::LazyLock;

use bytes::Bytes;
use slotline_pool::{Pool, WhileAway};
use slotline_resp::{CommandBuffer, known};

use super::slotline::deadline;

/// Bytes of a small value, and of a large one.
pub(super) const SMALL: usize = 64;
pub(super) const LARGE: usize = 1 << 20;

/// Keys of small values, and of large ones.
static KEYS: LazyLock<Vec<String>> =
    LazyLock::new(|| (0..1_000).map(|n| format!("key:{n:08}")).collect());
static LARGE_KEYS: LazyLock<Vec<String>> =
    LazyLock::new(|| (0..4).map(|n| format!("large:{n}")).collect());
static LARGE_VALUE: LazyLock<Bytes> = LazyLock::new(|| vec![b'x'; LARGE].into());

/// `count` keys of small values, the same for the same `turn`.
pub(super) fn small(turn: usize, count: usize) -> &'static [String] {
    let mut runs = KEYS.chunks_exact(count);
    let runs_in_all = runs.len();
    runs.nth(turn % runs_in_all).unwrap_or_default()
}

/// The key of a task's large value.
pub(super) fn large(task: usize) -> &'static str {
    &LARGE_KEYS[task % LARGE_KEYS.len()]
}

/// What is written as a large value.
pub(super) fn large_value() -> &'static Bytes {
    &LARGE_VALUE
}

/// Stores all of it.
pub(super) async fn fill(address: SocketAddr) {
    let value = Bytes::from(vec![b'x'; SMALL]);
    let mut buffer = CommandBuffer::new();
    let all = KEYS.iter().map(|key| (key, &value));
    for (key, value) in all.chain(LARGE_KEYS.iter().map(|key| (key, large_value()))) {
        buffer.begin(&known::SET, 2).key(key).arg(value);
    }
    let pool = Pool::builder(address.into()).build();
    let answer = pool
        .send(buffer.freeze(), deadline(), WhileAway::Wait)
        .await;
    assert!(answer.failure.is_none(), "{:?}", answer.failure);
    for index in 0..answer.replies.len() {
        assert_eq!(answer.replies.error_line(index), None);
    }
}
