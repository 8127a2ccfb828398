//! Codecs: bytes to replies and commands to bytes, without sockets.

mod case;
mod read;
mod redis;
mod redis_protocol;
mod slotline;
mod wire;
mod workload;

pub use case::{Case, Codec, Prepared, cases};
pub use wire::Wire;
pub use workload::{Task, Workload};
