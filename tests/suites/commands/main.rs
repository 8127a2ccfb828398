//! What commands of each kind do, on one server and on a cluster.
#![expect(clippy::unwrap_used, reason = "a test's own functions may fail it")]

mod facts;
