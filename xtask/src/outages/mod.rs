//! A cluster that is hurt and seen to recover: what `demo` and `chaos` share.

mod acts;
mod recovery;
mod replicas;
mod run;
mod samples;
mod witness;

pub(crate) use acts::{PATIENCE, bring_back, connection_of, kill, slots_of};
pub(crate) use recovery::{Before, Observer, Recovery, recovery};
pub(crate) use replicas::replica_reads;
pub(crate) use run::{check_report, run};
pub(crate) use samples::Samples;
pub(crate) use witness::{Witness, kind_of};
