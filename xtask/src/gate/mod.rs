//! `gate`: whether a command costs more than it did.

mod base;
mod counts;
mod verdict;

use anyhow::{Result, bail};
use clap::Args;

use counts::Counter;

/// Counts instructions, heap allocations and system calls of fixed scenarios, here and at
/// an earlier commit that is built in the same run, so that neither compiler nor
/// processor nor load makes a difference.
///
/// What has become three in a hundred dearer fails. If that is the price of something,
/// say so in docs/benchmarks.md, and let benches/gate/BASE name the commit that has it.
#[derive(Args)]
pub(crate) struct Gate {
    /// The commit to compare with. Default: the one in benches/gate/BASE, or the last
    /// one before this where this checkout does not have that.
    #[arg(long)]
    base: Option<String>,
}

impl Gate {
    /// As in CI.
    pub(crate) fn of_ci() -> Gate {
        Gate { base: None }
    }

    pub(crate) fn run(self) -> Result<()> {
        let counter = Counter::find()?;
        let head = base::build_here()?;
        let Some(base) = base::choose(self.base.as_deref())? else {
            // An export, or the first commit of all.
            println!("There is no earlier commit here to compare with.");
            print!("{}", verdict::figures(&counter.count(&head)?));
            return Ok(());
        };
        let Some(before) = base::build(&base)? else {
            println!("{base} has no such scenarios: nothing to compare with.");
            print!("{}", verdict::figures(&counter.count(&head)?));
            return Ok(());
        };
        let (before, now) = (counter.count(&before)?, counter.count(&head)?);
        let verdict = verdict::compare(&before, &now);
        print!("Compared with {base}:\n{}", verdict.table);
        match verdict.dearer.as_slice() {
            [] => Ok(()),
            dearer => bail!("dearer than at {base}: {}", dearer.join(", ")),
        }
    }
}
