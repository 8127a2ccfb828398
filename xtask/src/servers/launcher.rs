//! The scripts that start an unpacked server's programs, so that a server is
//! always one path and its process id is the server's own.

use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};

use crate::packages::write_script;
use crate::workspace;

/// An unpacked tree of packages, seen as what it takes to run a program in it.
pub(crate) struct Tree {
    root: PathBuf,
    loader: PathBuf,
    libraries: Vec<PathBuf>,
}

impl Tree {
    /// Looks the tree over for its loader and its library folders.
    pub(crate) fn read(root: &Path) -> Result<Self> {
        let mut libraries = Vec::new();
        let mut loader = None;
        let mut folders = vec![root.to_path_buf()];
        while let Some(folder) = folders.pop() {
            let mut holds_libraries = false;
            for entry in
                fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))?
            {
                let entry = entry?;
                let kind = entry.file_type()?;
                let name = entry.file_name().to_string_lossy().into_owned();
                if kind.is_dir() {
                    folders.push(entry.path());
                } else if name.starts_with("lib") && name.contains(".so.") && !name.ends_with(".py")
                {
                    holds_libraries = true;
                } else if name.starts_with("ld-linux") && kind.is_file() {
                    // A link beside it may be absolute and name the machine's own.
                    loader = Some(entry.path());
                }
            }
            if holds_libraries {
                libraries.push(folder);
            }
        }
        libraries.sort();
        let Some(loader) = loader else {
            bail!("libc6 was unpacked, but there is no ld-linux in it");
        };
        Ok(Self {
            root: root.to_path_buf(),
            loader,
            libraries,
        })
    }

    /// The file behind a program's name: often a link to another program.
    fn program(&self, name: &str) -> Option<PathBuf> {
        let path = self.root.join("usr/bin").join(name);
        match fs::read_link(&path) {
            Ok(link) => Some(path.with_file_name(link.file_name()?)),
            Err(_) => path.is_file().then_some(path),
        }
    }

    /// Fails with the names of the libraries that a program lacks.
    pub(crate) fn check(&self, name: &str) -> Result<()> {
        let program = self
            .program(name)
            .with_context(|| format!("the packages hold no {name}"))?;
        let list = workspace::output(
            std::process::Command::new(&self.loader)
                .arg("--library-path")
                .arg(std::env::join_paths(&self.libraries)?)
                .arg("--list")
                .arg(program),
        )?;
        let missing: Vec<_> = list
            .lines()
            .filter(|line| line.contains("not found"))
            .collect();
        if !missing.is_empty() {
            bail!(
                "{name} lacks libraries; add their packages to the catalogue:\n{}",
                missing.join("\n")
            );
        }
        Ok(())
    }

    /// Writes the script that starts `name`; false if there is no such program.
    /// The tree must be called `root` and lie beside the script's folder.
    pub(crate) fn write_launcher(&self, script: &Path, name: &str) -> Result<bool> {
        let Some(program) = self.program(name) else {
            return Ok(false);
        };
        let inside = |path: &Path| -> Result<String> {
            let path = path.strip_prefix(&self.root)?;
            Ok(format!("$root/{}", path.display()))
        };
        let libraries: Vec<_> = self
            .libraries
            .iter()
            .map(|path| inside(path))
            .collect::<Result<_>>()?;
        let text = format!(
            "#!/bin/sh\n# Starts {name} with the libraries it was packaged for.\n\
             root=\"${{0%/*}}/../root\"\n\
             exec \"{}\" --library-path \"{}\" --argv0 {name} \"{}\" \"$@\"\n",
            inside(&self.loader)?,
            libraries.join(":"),
            inside(&program)?,
        );
        write_script(script, &text)?;
        Ok(true)
    }
}
