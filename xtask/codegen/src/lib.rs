//! The table of commands and the code that is made of it: `cargo xtask codegen`.
//!
//! It is a package of its own, and a program, since xtask itself needs what is written
//! here: if that ever fails to compile, `cargo run -p slotline-codegen` writes it anew.
#![forbid(unsafe_code)]

mod ask;
mod corrections;
mod docs;
mod facts;
mod keys;
mod kind;
mod overrides;
mod render;
mod shape;
mod syntax;
mod table;

use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};

/// A file, by its path in the workspace, and what it is to hold.
type File = (String, String);

/// What is to be done.
pub struct Codegen<'a> {
    /// The workspace.
    pub root: &'a Path,
    /// Whether nothing is written, and it is an error if something would be.
    pub check: bool,
}

/// Where the program of a server is, by the server's name.
pub type Find<'a> = &'a dyn Fn(&str) -> Result<PathBuf>;

impl Codegen<'_> {
    /// Writes everything. Servers are asked if `find` finds them; else what the table says
    /// counts.
    ///
    /// # Errors
    /// A server cannot be asked, corrections are missing or wrong, a file cannot be
    /// written, or it is only to be checked and differs.
    pub fn run(&self, find: Option<Find<'_>>) -> Result<()> {
        let mut files = Vec::new();
        let text = match find {
            Some(find) => {
                let text = table::print(&ask::servers(find)?);
                files.push((table::FILE.to_owned(), text.clone()));
                text
            }
            None => {
                let text = std::fs::read_to_string(self.root.join(table::FILE));
                text.with_context(|| format!("reading {}", table::FILE))?
            }
        };
        // Read again: what the code is made of is what the table says.
        let table = table::parse(&text)?;
        let corrections = corrections::read(self.root)?;
        files.extend(render::all(&table, &corrections)?);
        self.settle(&files)
    }

    /// Writes what differs, or says so.
    fn settle(&self, files: &[File]) -> Result<()> {
        let mut stale = Vec::new();
        for (path, text) in files {
            let file = self.root.join(path);
            if std::fs::read_to_string(&file).unwrap_or_default() == *text {
                continue;
            }
            if !self.check {
                if let Some(folder) = file.parent() {
                    std::fs::create_dir_all(folder)?;
                }
                std::fs::write(&file, text).with_context(|| format!("writing {path}"))?;
                println!("{path} written");
            }
            stale.push(path.as_str());
        }
        if self.check && !stale.is_empty() {
            let stale = stale.join(", ");
            bail!("not what would be written: {stale}; run `cargo xtask codegen`");
        }
        println!("{} files, {} of them changed", files.len(), stale.len());
        Ok(())
    }
}
