//! `bench`: how fast Slotline is, beside its peers.

mod callgrind;
mod cases;
mod codec;
mod cores;
mod figures;
mod machine;
mod page;
mod peers;
mod pool;
mod program;
mod scale;
mod strace;
mod table;
mod tools;
mod topology;

use anyhow::Result;
use clap::{Args, Subcommand};

pub(crate) use callgrind::{Callgrind, of_each};
pub(crate) use strace::Strace;

/// Measures Slotline beside the other clients, each as published; or, with a
/// subcommand, one layer of it, or what
/// more of everything costs.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Bench {
    #[command(flatten)]
    peers: peers::Peers,
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Subcommand)]
enum What {
    Codec(codec::Codec),
    Pool(pool::Pool),
    Scale(scale::Scale),
    Topology(topology::Topology),
}

impl Bench {
    pub(crate) fn run(self) -> Result<()> {
        match self.what {
            None => self.peers.run(),
            Some(What::Codec(codec)) => codec.run(),
            Some(What::Pool(pool)) => pool.run(),
            Some(What::Scale(scale)) => scale.run(),
            Some(What::Topology(topology)) => topology.run(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        bench: Bench,
    }

    #[test]
    fn options_are_of_the_clients_and_a_subcommand_is_a_layer() {
        let parsed = |line: &str| Cli::try_parse_from(line.split(' ')).map(|cli| cli.bench.what);
        assert!(matches!(parsed("bench --quick --rounds 2"), Ok(None)));
        assert!(matches!(
            parsed("bench codec --quick"),
            Ok(Some(What::Codec(_)))
        ));
        assert!(matches!(
            parsed("bench scale --docs"),
            Ok(Some(What::Scale(_)))
        ));
        assert!(parsed("bench --docs pool").is_err());
        assert!(parsed("bench --rounds 0").is_err());
    }
}
