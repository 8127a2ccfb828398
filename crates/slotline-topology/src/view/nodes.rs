//! CLUSTER NODES.

use std::ops::RangeInclusive;

use crate::endpoint::{Endpoint, split_any_port};
use crate::slot::Slot;

/// One line of `CLUSTER NODES` (the command's page, "Serialization format").
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NodeLine {
    /// The node's name, 40 hexadecimal digits.
    pub id: String,
    /// Its IP address; `None` if the node that wrote the line does not know it,
    /// as of itself before another has told.
    pub ip: Option<String>,
    /// Its port for clients, that for TLS if it was asked by TLS; 0 if it is not
    /// known.
    pub port: u16,
    /// Its port for other nodes; before version 4 it was not told.
    pub bus_port: Option<u16>,
    /// Its host name, if it announces one.
    pub hostname: Option<String>,
    /// What else is told of it, such as `shard-id`, by name. Servers keep it in
    /// their own `nodes.conf`, and do not tell clients so far.
    pub extra: Vec<(String, String)>,
    /// What the writer of the line holds of it.
    pub flags: NodeFlags,
    /// The id of the primary that it copies.
    pub primary: Option<String>,
    /// Its config epoch; of a replica its primary's. The greater one wins where
    /// two nodes claim a slot.
    pub epoch: u64,
    /// Whether the cluster bus link to it stands.
    pub connected: bool,
    /// The slots that it owns.
    pub slots: Vec<RangeInclusive<u16>>,
    /// The slots that it is moving away, and the ids of where to; told of
    /// `myself` only.
    pub migrating: Vec<(Slot, String)>,
    /// The slots that it is taking in, and the ids of where from; told of
    /// `myself` only.
    pub importing: Vec<(Slot, String)>,
}

/// The flags of a line of `CLUSTER NODES`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct NodeFlags {
    /// It is the node that was asked.
    pub myself: bool,
    /// `master`.
    pub primary: bool,
    /// `slave`.
    pub replica: bool,
    /// The cluster agrees that it has failed.
    pub fail: bool,
    /// `fail?`: the node that was asked cannot reach it.
    pub suspected: bool,
    /// It is not trusted yet.
    pub handshake: bool,
    /// Its address is not known.
    pub noaddr: bool,
    /// It never stands for election (`cluster-replica-no-failover`).
    pub nofailover: bool,
}

impl NodeLine {
    /// Its address and port; `None` if either is not known.
    pub fn endpoint(&self) -> Option<Endpoint> {
        let ip = self.ip.as_deref().filter(|_| self.port != 0)?;
        Some(Endpoint::new(ip, self.port))
    }

    /// The shard that it belongs to, where that is told (`shard-id`).
    pub fn shard_id(&self) -> Option<&str> {
        let mut extra = self.extra.iter();
        let found = extra.find(|(name, _)| name == "shard-id");
        found.map(|(_, id)| id.as_str())
    }
}

/// Reads the text of `CLUSTER NODES`; lines that cannot be read are passed
/// over.
///
/// ```
/// use slotline_topology::parse_nodes;
///
/// let text = "07c3 127.0.0.1:7000@17000 myself,master - 0 0 3 connected 0-92 94 [93->-67ed]\n";
/// let lines = parse_nodes(text);
/// assert!(lines[0].flags.myself && lines[0].flags.primary);
/// assert_eq!(lines[0].epoch, 3);
/// assert_eq!(lines[0].slots, [0..=92, 94..=94]);
/// assert_eq!(lines[0].migrating[0].1, "67ed");
/// ```
pub fn parse_nodes(text: &str) -> Vec<NodeLine> {
    text.lines().filter_map(node).collect()
}

/// `id ip:port[@busport[,hostname[,key=value]…]] flags primary ping pong epoch
/// link slots…`
fn node(line: &str) -> Option<NodeLine> {
    let mut words = line.split_ascii_whitespace();
    let id = words.next()?.to_owned();
    let mut address = words.next()?.split(',');
    let flags = flags(words.next()?);
    let primary = words.next().filter(|&id| id != "-").map(str::to_owned);
    let (_ping, _pong) = (words.next()?, words.next()?);
    let epoch = words.next()?.parse().ok()?;
    let connected = words.next()? == "connected";
    let place = address.next()?;
    let (client_side, bus_port) = match place.split_once('@') {
        Some((client, bus)) => (client, bus.parse().ok()),
        None => (place, None),
    };
    let (host, port) = split_any_port(client_side)?;
    let ip = Some(host)
        .filter(|ip| !ip.is_empty() && *ip != "?")
        .map(str::to_owned);
    let (mut hostname, mut extra) = (None, Vec::new());
    for (index, word) in address.enumerate() {
        match word.split_once('=') {
            Some((name, value)) => extra.push((name.to_owned(), value.to_owned())),
            None if index == 0 && !word.is_empty() => hostname = Some(word.to_owned()),
            None => {}
        }
    }
    let mut node = NodeLine {
        id,
        ip,
        port,
        bus_port,
        hostname,
        extra,
        flags,
        primary,
        epoch,
        connected,
        slots: Vec::new(),
        migrating: Vec::new(),
        importing: Vec::new(),
    };
    for word in words {
        match word
            .strip_prefix('[')
            .and_then(|word| word.strip_suffix(']'))
        {
            Some(moving) => {
                if let Some((slot, to)) = moving.split_once("->-") {
                    node.migrating.extend(slot_and(slot, to));
                } else if let Some((slot, from)) = moving.split_once("-<-") {
                    node.importing.extend(slot_and(slot, from));
                }
            }
            None => node.slots.extend(range(word)),
        }
    }
    Some(node)
}

fn slot(text: &str) -> Option<Slot> {
    Slot::new(text.parse().ok()?)
}

fn slot_and(number: &str, id: &str) -> Option<(Slot, String)> {
    Some((slot(number)?, id.to_owned()))
}

fn range(word: &str) -> Option<RangeInclusive<u16>> {
    let (first, last) = word.split_once('-').unwrap_or((word, word));
    let (first, last) = (slot(first)?, slot(last)?);
    (first <= last).then(|| first.get()..=last.get())
}

fn flags(word: &str) -> NodeFlags {
    let mut flags = NodeFlags::default();
    for flag in word.split(',') {
        match flag {
            "myself" => flags.myself = true,
            "master" => flags.primary = true,
            "slave" => flags.replica = true,
            "fail" => flags.fail = true,
            "fail?" => flags.suspected = true,
            "handshake" => flags.handshake = true,
            "noaddr" => flags.noaddr = true,
            "nofailover" => flags.nofailover = true,
            _ => {}
        }
    }
    flags
}
