//! CLUSTER NODES.

use std::ops::RangeInclusive;

use crate::endpoint::{Endpoint, split};
use crate::slot::Slot;

/// One line of `CLUSTER NODES` (the command's page, "Serialization format").
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NodeLine {
    /// The node's name, 40 hexadecimal digits.
    pub id: String,
    /// Its address; `None` if the node that wrote the line does not know it.
    pub endpoint: Option<Endpoint>,
    /// Its host name, if it announces one.
    pub hostname: Option<String>,
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

/// `id ip:port@busport[,hostname[,key=value]…] flags primary ping pong epoch
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
    let client_side = place.split_once('@').map_or(place, |(client, _bus)| client);
    let endpoint = split(client_side)
        .filter(|(host, _)| !host.is_empty())
        .and_then(|_| Endpoint::parse(client_side).ok());
    let hostname = address
        .next()
        .filter(|name| !name.is_empty() && !name.contains('='))
        .map(str::to_owned);
    let mut node = NodeLine {
        id,
        endpoint,
        hostname,
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
            _ => {}
        }
    }
    flags
}
