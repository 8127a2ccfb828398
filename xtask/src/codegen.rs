//! `codegen`: the table of commands and the code that is made of it.

use anyhow::Result;
use clap::Args;

use crate::{servers, workspace};

/// Asks real servers for their commands, and writes the table of them, the facts in
/// slotline-resp, the methods in slotline-commands with their tests, and docs/commands.md.
#[derive(Args)]
pub(crate) struct Codegen {
    /// Writes nothing; fails if something is not what would be written.
    #[arg(long)]
    check: bool,
    /// Asks no server: what the table says counts.
    #[arg(long)]
    offline: bool,
}

impl Codegen {
    /// Whether what is in the repository is what its table says.
    pub(crate) const CHECKED: Codegen = Codegen {
        check: true,
        offline: true,
    };

    pub(crate) fn run(self) -> Result<()> {
        let root = workspace::root();
        let codegen = slotline_codegen::Codegen {
            root: &root,
            check: self.check,
        };
        match self.offline {
            true => codegen.run(None),
            false => codegen.run(Some(&servers::get)),
        }
    }
}
