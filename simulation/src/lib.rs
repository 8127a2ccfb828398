//! A model checker: seeds decide what tasks ask of a client and what its cluster
//! suffers meanwhile; what came of it is held against what the client promises.
//!
//! A seed becomes a [`Plan`], which is plain data; a plan is [`run`](run::run) on
//! the real client and a fake cluster, in the process and under a paused clock, so
//! that it takes the same course each time; the [`History`] is [checked](check::check).
#![forbid(unsafe_code)]

pub mod check;
pub mod defects;
mod events;
mod history;
mod keys;
mod plan;
mod report;
pub mod run;
mod shrink;
mod task;

pub use defects::Defect;
pub use events::Events;
pub use history::{Fault, History, Operation, Outcome};
pub use keys::Key;
pub use plan::{Command, Piece, Plan, Timed, Who};
pub use report::{Report, simulate};
pub use shrink::shrink;
