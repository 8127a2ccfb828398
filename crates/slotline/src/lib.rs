//! An async Redis and Valkey client in which a pipeline is a value that a whole
//! cluster answers: split by slot, one write per node, each command redirected on
//! its own, replies in the order they were asked for, each with its own result.
#![forbid(unsafe_code)]

mod alone;
pub mod batch;
pub mod client;
mod error;
mod gate;
#[cfg(feature = "stream")]
pub mod groups;
mod nodes;
mod patience;
pub mod runner;
pub mod scan;
pub mod scripts;
mod stack;
pub mod watch;

pub use batch::{FromReplies, Pipeline, Reply, Results};
pub use client::{Client, ClientBuilder, Discovery, Node};
pub use error::{Error, Refused, Result};
#[cfg(feature = "stream")]
pub use groups::{Consumer, ConsumerGroup, Entry};
pub use runner::{Direct, Runner};
pub use scan::{Scan, ScanCursor, ScanStream};
pub use scripts::{FunctionLibrary, Invocation, Script};
pub use slotline_commands::{self as commands, Batch, On, Output, Queued, cmd};
pub use slotline_pipeline::{
    Candidate, ChunkLayer, Explain, HedgeLayer, HedgeStatistics, Intent, Progress, ReadFrom,
    ReadPolicy, Request, Response, RetryBudget, RetryPolicy, StandardPolicy,
};
pub use slotline_pipeline::{observe, retry::Failed};
pub use slotline_pool::{
    Address, Connect, Connecting, Credentials, CredentialsFuture, CredentialsProvider, HookError,
    InitHook, Network, Setup, Statistics, Stream, hook,
};
#[cfg(feature = "tls")]
pub use slotline_pool::{Tls, TlsBuilder, rustls};
pub use slotline_resp::{Delivery, FromReply, FromReplyOwned, ToArg, ToArgs, Value};
pub use slotline_topology::{AddressMap, Endpoint, Slot, Topology, slot_of};
pub use watch::{Watched, Watching};

/// The examples of this crate's README, run as doc tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeDoctests;

/// Those of the project's README.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct ProjectReadmeDoctests;
