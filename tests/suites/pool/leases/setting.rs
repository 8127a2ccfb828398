//! What the tests of leases share.

use slotline_pool::{Lease, Pool};
use slotline_testkit::Node;

use crate::setting::{late, send, texts, words};

pub async fn lease(pool: &Pool) -> Lease {
    pool.lease(late()).await.expect("a lease")
}

pub async fn ask(lease: &mut Lease, lines: &[&str]) -> Vec<String> {
    texts(&lease.call(words(lines), late()).await)
}

/// Over a connection that is shared.
pub async fn ask_shared(pool: &Pool, lines: &[&str]) -> Vec<String> {
    texts(&send(pool, lines).await)
}

/// How many clients of the server are blocked just now.
pub async fn blocked(node: &Node) -> u64 {
    let field = node.info("clients", "blocked_clients").await.expect("INFO");
    field
        .and_then(|count| count.parse().ok())
        .expect("a number")
}
