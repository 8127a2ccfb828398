//! Servers and files that come and go together.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::guardian::Guardian;
use crate::node::Node;
use crate::server::Launch;

/// Owns the nodes of a test. When it is dropped no process and no file is
/// left, also while it is still being built.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) nodes: Vec<Node>,
    pub(crate) folder: PathBuf,
    guardian: Option<Arc<Guardian>>,
    /// Whether dropping it ends it; a detached one lives on.
    owned: bool,
}

impl Group {
    /// An empty one with a folder of its own.
    pub(crate) fn new() -> Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("slotline-")
            .tempdir()
            .and_then(|folder| folder.keep().canonicalize())
            .map_err(|error| Error::io("making a folder for the servers", error))?;
        // From here on the folder is removed by the drop.
        let mut group = Self {
            nodes: Vec::new(),
            folder,
            guardian: None,
            owned: true,
        };
        group.guardian = Some(Arc::new(Guardian::new(&group.folder)?));
        Ok(group)
    }

    /// One whose servers run already, started by an earlier process.
    pub(crate) fn adopt(folder: PathBuf, nodes: Vec<Node>) -> Self {
        Self {
            nodes,
            folder,
            guardian: None,
            owned: false,
        }
    }

    /// Starts one more server; whether it comes up is for the caller to see.
    pub(crate) fn spawn(&mut self, launch: Launch) -> Result<Node> {
        let node = Node::spawn(launch, self.guardian.clone())?;
        self.nodes.push(node.clone());
        Ok(node)
    }

    /// From now on the servers outlive this process.
    pub(crate) fn detach(&mut self) {
        self.owned = false;
        self.guardian = None;
        for node in &self.nodes {
            node.forget_guardian();
        }
    }

    /// Kills every server and removes every file.
    pub(crate) fn end(&mut self) -> Result<()> {
        self.owned = false;
        let mut first = Ok(());
        for node in &self.nodes {
            let killed = node.end();
            if first.is_ok() {
                first = killed;
            }
        }
        let removed = remove(&self.folder);
        self.guardian = None;
        first.and(removed)
    }
}

fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::io(format!("removing {}", folder.display()), error))
        }
        _ => Ok(()),
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if self.owned {
            let _ = self.end();
        }
    }
}
