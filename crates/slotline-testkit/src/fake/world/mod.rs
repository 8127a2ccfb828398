//! The nodes as plain data: commands in, replies out; no IO and no clock.

mod change;
mod commands;
mod execute;
mod hashes;
mod hello;
mod keyspace;
mod map;
mod own;
mod rules;
mod session;
mod strings;

mod view;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::server::FakeServer;
use keyspace::Keyspace;
use map::Map;

pub(crate) use keyspace::Value;
pub(crate) use session::Session;

/// A primary's first word to its replicas, in bytes: from then on their offsets are
/// not zero, as those are that have none of its data.
const FIRST_PING: u64 = 14;

/// All nodes of one made-up cluster.
#[derive(Clone, Debug)]
pub(crate) struct World {
    server: FakeServer,
    pub(crate) host: String,
    password: Option<String>,
    nodes: BTreeMap<u16, Node>,
    /// What a node knows that hears of everything.
    map: Arc<Map>,
    pub(crate) journal: Vec<FakeCommand>,
    /// The commands that have written to each key, by their places in the journal.
    writers: HashMap<Bytes, Vec<usize>>,
    pub(crate) counts: BTreeMap<&'static str, u64>,
    /// Replicas follow at once, not when they are told to.
    follows_at_once: bool,
}

/// One node.
#[derive(Clone, Debug, Default)]
struct Node {
    id: String,
    /// What it believes if it does not hear of everything.
    view: Option<Arc<Map>>,
    data: Keyspace,
    /// Slots on their way out, and to which port.
    migrating: BTreeMap<u16, u16>,
    /// Slots on their way in, and from which port.
    importing: BTreeMap<u16, u16>,
    /// Of a replica: what its primary has written and it has not.
    behind: VecDeque<Change>,
    scripted: Vec<Scripted>,
    /// What it answers to every command with keys, if not what it should.
    refuses: Option<String>,
    /// Places in the journal of what it wrote while the others had another
    /// primary.
    stray: Vec<usize>,
    /// How far it has come in the stream of changes, in bytes.
    offset: u64,
    /// Of a replica: its link to its primary is down.
    is_cut_off: bool,
    zone: String,
}

/// What a write made of a key.
#[derive(Clone, Debug)]
struct Change {
    key: Bytes,
    value: Option<Value>,
    /// The place in the journal of the command that wrote it.
    command: Option<usize>,
    /// How far whoever has it has come.
    offset: u64,
}

/// An answer that was agreed on before.
#[derive(Clone, Debug)]
struct Scripted {
    command: String,
    line: String,
    left: usize,
    runs: bool,
}

/// One command that a node of a fake cluster has read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FakeCommand {
    /// When, since the cluster was made.
    pub at: Duration,
    /// The node's port.
    pub node: u16,
    /// The number of the connection, in the order in which they were made.
    pub connection: u64,
    /// The command, its arguments with a space between them.
    pub line: String,
    /// The reply's first line, with what it begins with, as `+OK` or `$5`.
    pub reply: String,
    /// Whether it took effect: no redirect and no other refusal.
    pub ran: bool,
    /// Whether the node was a replica then.
    pub on_replica: bool,
    /// Whether the node was taking in the slot of its keys then.
    pub taking_in: bool,
    /// Whether what it wrote was lost in a failover.
    pub lost: bool,
}

impl World {
    pub(crate) fn new(server: FakeServer, host: String, map: (u16, u16)) -> World {
        let map = Map::even(map.0, map.1);
        let node = |port: u16| {
            let node = Node {
                id: id(port),
                offset: FIRST_PING,
                ..Node::default()
            };
            (port, node)
        };
        World {
            server,
            host,
            password: None,
            nodes: map.ports().map(node).collect(),
            map: Arc::new(map),
            journal: Vec::new(),
            writers: HashMap::new(),
            counts: BTreeMap::new(),
            follows_at_once: true,
        }
    }

    pub(crate) fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    /// What a node believes.
    fn view_of(&self, port: u16) -> &Map {
        let node = self.nodes.get(&port);
        node.and_then(|node| node.view.as_deref())
            .unwrap_or(&self.map)
    }

    pub(crate) fn set_password(&mut self, password: String) {
        self.password = Some(password);
    }

    pub(crate) fn has_node(&self, port: u16) -> bool {
        self.nodes.contains_key(&port)
    }
}

/// A node's name, of 40 hexadecimal digits.
fn id(port: u16) -> String {
    format!("{port:040x}")
}
