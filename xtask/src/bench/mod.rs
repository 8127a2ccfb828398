//! `bench`: how fast Slotline is, beside its peers.

mod cases;
mod codec;
mod figures;
mod pool;
mod program;
mod strace;
mod table;
mod tools;
mod topology;

use anyhow::Result;
use clap::{Args, Subcommand};

pub(crate) use strace::Strace;
pub(crate) use tools::valgrind;

/// Measures Slotline beside its peers.
#[derive(Args)]
pub(crate) struct Bench {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    Codec(codec::Codec),
    Pool(pool::Pool),
    Topology(topology::Topology),
}

impl Bench {
    pub(crate) fn run(self) -> Result<()> {
        match self.what {
            What::Codec(codec) => codec.run(),
            What::Pool(pool) => pool.run(),
            What::Topology(topology) => topology.run(),
        }
    }
}
