//! A real local cluster and a fault proxy for tests of Redis and Valkey clients
#![forbid(unsafe_code)]
