//! An async Redis and Valkey client: a pipeline is a value that a whole cluster answers
#![forbid(unsafe_code)]
