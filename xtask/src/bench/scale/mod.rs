//! `bench scale`: what more of everything costs.

mod cost;
mod fleet;
mod memory;

use anyhow::Result;
use clap::{Args, ValueEnum};

use super::table::Table;
use super::{machine, page, program};
use crate::workspace;

/// Measures what a command costs with more nodes, tasks and commands, what clients keep
/// in memory, and what a fleet of them asks of a cluster: in instructions, allocations,
/// bytes and questions, over nodes in memory.
#[derive(Args)]
pub(crate) struct Scale {
    /// Fewer sizes and shorter runs: for a first look, not for the documents.
    #[arg(long)]
    quick: bool,
    /// This part alone.
    #[arg(long, value_enum, conflicts_with = "docs")]
    only: Option<Part>,
    /// Prints the tables in Markdown.
    #[arg(long)]
    markdown: bool,
    /// Puts the tables into docs/scale.md.
    #[arg(long, conflicts_with = "quick")]
    docs: bool,
}

const PAGE: &str = "docs/scale.md";
const PACKAGE: &str = "slotline-scale";

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// A command, from 3 to 1,000 nodes.
    Nodes,
    /// A command, from 1 to 10,000 tasks.
    Tasks,
    /// A command, in pipelines of 1 to 100,000.
    Pipelines,
    /// A client that has nothing to do.
    Idle,
    /// What is kept.
    Memory,
    /// What many clients ask of one cluster.
    Fleet,
}

impl Part {
    fn title(self) -> &'static str {
        match self {
            Part::Nodes => "More nodes",
            Part::Tasks => "More tasks",
            Part::Pipelines => "Longer pipelines",
            Part::Idle => "A client that has nothing to do",
            Part::Memory => "Memory",
            Part::Fleet => "A fleet of clients",
        }
    }
}

/// A table and what it is of.
struct Section {
    title: String,
    table: Table,
}

impl Scale {
    pub(crate) fn run(self) -> Result<()> {
        let program = program::built(
            workspace::cargo().args(["build", "--release", "--package", PACKAGE]),
            PACKAGE,
        )?;
        let is_wanted = |part: &Part| self.only.is_none_or(|only| only == *part);
        let mut text = format!("{}, {}\n\n", machine::describe(), machine::compiler());
        if self.quick {
            text.push_str("A quick run, to see that it works.\n\n");
        }
        for part in Part::value_variants().iter().filter(|part| is_wanted(part)) {
            let sections = match part {
                Part::Nodes => cost::of_nodes(&program, self.quick)?,
                Part::Tasks => cost::of_tasks(&program, self.quick)?,
                Part::Pipelines => cost::of_pipelines(&program, self.quick)?,
                Part::Idle => cost::of_idleness(&program, self.quick)?,
                Part::Memory => memory::all(&program)?,
                Part::Fleet => fleet::all(&program, self.quick)?,
            };
            let told = self.told(*part, &sections);
            // The whole of it takes a while.
            eprint!("{told}");
            text.push_str(&told);
        }
        if self.docs {
            page::write(PAGE, &text)?;
            eprintln!("written: {PAGE}");
        } else {
            print!("{text}");
        }
        Ok(())
    }

    /// A part's tables, below the command that measures them.
    fn told(&self, part: Part, sections: &[Section]) -> String {
        let named = part.to_possible_value();
        let name = named.as_ref().map_or("", |value| value.get_name());
        let title = part.title();
        let mut text = format!("### {title}\n\n`cargo xtask bench scale --only {name}`\n\n");
        for Section { title, table } in sections {
            let table = table.show(self.markdown || self.docs);
            text.push_str(&format!("{title}:\n\n{table}\n"));
        }
        text
    }
}
