//! Tower layers that carry a batch of commands across a cluster
#![forbid(unsafe_code)]
