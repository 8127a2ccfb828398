//! A cluster that outlives the process that started it.

use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use super::LocalCluster;
use crate::error::{Error, Result};
use crate::group::Group;
use crate::node::Node;
use crate::ports::Port;
use crate::server::Launch;

impl LocalCluster {
    /// Lets the cluster live on, and writes to `state` what it takes to
    /// [`attach`](Self::attach) to it.
    ///
    /// # Errors
    ///
    /// The file cannot be written, or there are proxies before the nodes, which
    /// cannot outlive this process; the cluster is then ended.
    pub fn detach(mut self, state: impl AsRef<Path>) -> Result<()> {
        let state = state.as_ref();
        if !self.proxies.is_empty() {
            let why = "its nodes announce the ports of proxies that end with this process";
            return Err(Error::setup("detaching the cluster", why));
        }
        let failed = |error| Error::io(format!("writing {}", state.display()), error);
        if let Some(folder) = state.parent() {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        fs::write(state, write(&self.group.folder, self.nodes())).map_err(failed)?;
        self.group.detach();
        Ok(())
    }

    /// A handle to a cluster that was detached, perhaps by another process.
    /// Dropping it leaves the cluster running; [`shut_down`](Self::shut_down)
    /// ends it. A node that has ended meanwhile is not running, and nothing is
    /// done to whoever has its process id now.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or was not written by `detach`.
    pub fn attach(state: impl AsRef<Path>) -> Result<Self> {
        let state = state.as_ref();
        let step = || format!("reading {}", state.display());
        let text = fs::read_to_string(state).map_err(|error| Error::io(step(), error))?;
        let (folder, nodes) = read(&text)
            .ok_or_else(|| Error::setup(step(), "this is not the state of a cluster"))?;
        let numbers = nodes
            .iter()
            .flat_map(|node| [Some(node.port()), node.launch().bus_port]);
        let ports = numbers.flatten().filter_map(Port::exactly).collect();
        Ok(Self {
            group: Group::adopt(folder, nodes),
            proxies: Vec::new(),
            buses: Vec::new(),
            isolated: Mutex::default(),
            _ports: ports,
        })
    }
}

/// A line per fact: its name, a space, its value.
fn write(folder: &Path, nodes: &[Node]) -> String {
    let mut text = format!("folder {}\n", folder.display());
    for node in nodes {
        let launch = node.launch();
        let bus = launch.bus_port.unwrap_or_default();
        let _ = writeln!(text, "binary {}", launch.binary.display());
        for (name, value) in &launch.options {
            let _ = writeln!(text, "option {name} {value}");
        }
        let _ = writeln!(
            text,
            "node {} {bus} {} {}",
            launch.address,
            node.pid(),
            node.id()
        );
    }
    text
}

fn read(text: &str) -> Option<(PathBuf, Vec<Node>)> {
    let (mut folder, mut binary) = (None, None);
    let mut options = Vec::new();
    let mut nodes = Vec::new();
    for line in text.lines() {
        let (name, value) = line.split_once(' ')?;
        match name {
            "folder" => folder = Some(PathBuf::from(value)),
            "binary" => binary = Some(PathBuf::from(value)),
            "option" => {
                let (name, value) = value.split_once(' ')?;
                options.push((name.to_owned(), value.to_owned()));
            }
            _ => {
                let mut words = value.split(' ');
                let address: SocketAddr = words.next()?.parse().ok()?;
                let launch = Launch {
                    binary: binary.take()?,
                    folder: folder.as_ref()?.join(address.port().to_string()),
                    address,
                    bus_port: Some(words.next()?.parse().ok()?),
                    options: std::mem::take(&mut options),
                };
                nodes.push(Node::adopt(
                    launch,
                    words.next()?.parse().ok()?,
                    words.next()?.to_owned(),
                ));
            }
        }
    }
    Some((folder?, nodes))
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATE: &str = "folder /x y\nbinary /a b/server\noption save \noption maxmemory 1 mb\nnode 127.0.0.1:7000 17000 1 abc\n";

    #[test]
    fn what_is_written_is_read() {
        let (folder, nodes) = read(STATE).unwrap();
        assert_eq!(nodes[0].id(), "abc");
        assert_eq!(
            nodes[0].launch().options[1],
            ("maxmemory".to_owned(), "1 mb".to_owned())
        );
        assert_eq!(write(&folder, &nodes), STATE);
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "folder",
            "node 127.0.0.1:1 2 3 x",
            "folder /x\nbinary /b\nnode nowhere 1 2 x",
        ] {
            assert!(read(text).is_none(), "{text}");
        }
    }
}
