//! CLUSTER SLOTS.

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};
use slotline_resp::{FromReply, Reader, Reply};

use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::slot::Slot;
use crate::slot_set::SlotSet;
use crate::view::{Entry, Member, View};

/// What is read of one reply at most: as many ranges as there are slots.
const MOST_ENTRIES: usize = Slot::COUNT as usize;

impl View {
    /// Reads the reply to `CLUSTER SLOTS` of the node at `asked` (the command's
    /// page; cluster specification, "Clients first connection").
    ///
    /// An empty or null host is the host that was asked; for a host of `?` the
    /// metadata's address or host name is used. Nodes and ranges that cannot be
    /// read or reached are passed over, the rest is used; of a slot that is
    /// named twice the last owner counts.
    ///
    /// # Errors
    ///
    /// The reply is an error or no array at all ([`Error::is_reply`]).
    pub fn from_slots(reply: &Reply, asked: &Endpoint) -> Result<Self, Error> {
        let mut book = Book::new(asked);
        let mut entries = Vec::new();
        let mut reader = reply.reader();
        let mut read = || -> Result<(), slotline_resp::Error> {
            let mut all = reader.sequence("the array of CLUSTER SLOTS")?;
            while reader.has_next(&mut all)? {
                if entries.len() == MOST_ENTRIES {
                    break;
                }
                let range: Result<RawRange<'_>, _> = FromReply::from_reply(&mut reader)?;
                entries.extend(range.ok().and_then(|range| book.entry(range)));
            }
            Ok(())
        };
        read().map_err(Error::slots)?;
        Ok(Self {
            asked: asked.clone(),
            members: book.members,
            entries,
            epochs: FxHashMap::default(),
            myself: None,
            migrating: SlotSet::new(),
            importing: SlotSet::new(),
        })
    }
}

/// `[first, last, [host, port, id?, metadata?], …]`.
struct RawRange<'a> {
    first: u16,
    last: u16,
    nodes: Vec<Result<RawNode<'a>, slotline_resp::Error>>,
}

impl<'a> FromReply<'a> for RawRange<'a> {
    fn from_reply(reader: &mut Reader<'a>) -> Result<Self, slotline_resp::Error> {
        let mut parts = reader.sequence("a range of slots")?;
        let first = part(reader, &mut parts)?;
        let last = part(reader, &mut parts)?;
        let mut nodes = Vec::new();
        while reader.has_next(&mut parts)? {
            nodes.push(FromReply::from_reply(reader)?);
        }
        Ok(Self { first, last, nodes })
    }
}

#[derive(Default)]
struct RawNode<'a> {
    host: Option<&'a str>,
    port: u16,
    id: Option<&'a str>,
    ip: Option<&'a str>,
    hostname: Option<&'a str>,
}

impl<'a> FromReply<'a> for RawNode<'a> {
    fn from_reply(reader: &mut Reader<'a>) -> Result<Self, slotline_resp::Error> {
        let mut parts = reader.sequence("a node")?;
        let mut node = Self {
            host: part(reader, &mut parts)?,
            port: part(reader, &mut parts)?,
            ..Self::default()
        };
        if reader.has_next(&mut parts)? {
            node.id = optional(reader)?;
        }
        if reader.has_next(&mut parts)? {
            // Newer servers may add what we cannot read; it is not needed.
            let metadata: Result<Metadata<'a>, _> = FromReply::from_reply(reader)?;
            for (key, value) in metadata.map_or_else(|_| Vec::new(), |Metadata(all)| all) {
                match key {
                    "ip" => node.ip = value,
                    "hostname" => node.hostname = value,
                    _ => {}
                }
            }
        }
        while reader.has_next(&mut parts)? {
            reader.skip()?;
        }
        Ok(node)
    }
}

/// A map in RESP3, a flat array in RESP2.
struct Metadata<'a>(Vec<(&'a str, Option<&'a str>)>);

impl<'a> FromReply<'a> for Metadata<'a> {
    fn from_reply(reader: &mut Reader<'a>) -> Result<Self, slotline_resp::Error> {
        let mut pairs = reader.pairs("a node's metadata")?;
        let mut all = Vec::new();
        while reader.has_pair(&mut pairs)? {
            let key = reader.str()?;
            reader.begin_value(&mut pairs)?;
            all.push((key, FromReply::from_reply(reader)?));
        }
        Ok(Self(all))
    }
}

fn part<'a, T: FromReply<'a>>(
    reader: &mut Reader<'a>,
    parts: &mut slotline_resp::Sequence,
) -> Result<T, slotline_resp::Error> {
    if reader.has_next(parts)? {
        T::from_reply(reader)
    } else {
        Err(slotline_resp::Error::mismatch(
            "an entry of CLUSTER SLOTS",
            "an array that is too short",
        ))
    }
}

/// A text, or nothing if there is something else.
fn optional<'a>(reader: &mut Reader<'a>) -> Result<Option<&'a str>, slotline_resp::Error> {
    let text: Result<Option<&str>, _> = FromReply::from_reply(reader)?;
    Ok(text.ok().flatten())
}

/// The nodes met so far. A fragmented cluster names each of them in thousands
/// of ranges.
struct Book<'b> {
    asked: &'b Endpoint,
    members: Vec<Member>,
    by_endpoint: FxHashMap<Endpoint, usize>,
    texts: FxHashSet<Arc<str>>,
}

impl<'b> Book<'b> {
    fn new(asked: &'b Endpoint) -> Self {
        Self {
            asked,
            members: Vec::new(),
            by_endpoint: FxHashMap::default(),
            texts: FxHashSet::default(),
        }
    }

    fn entry(&mut self, range: RawRange<'_>) -> Option<Entry> {
        if range.first > range.last || range.last >= Slot::COUNT {
            return None;
        }
        let mut nodes = range.nodes.into_iter();
        // The first is the primary; a range whose primary cannot be reached
        // has no owner, and its slots lead to a refresh.
        let primary = self.member(nodes.next()?.ok()?)?;
        let replicas = nodes.filter_map(|node| self.member(node.ok()?)).collect();
        Some(Entry {
            first: range.first,
            last: range.last,
            primary,
            replicas,
        })
    }

    fn member(&mut self, node: RawNode<'_>) -> Option<usize> {
        let known = |host: &&str| !host.is_empty() && *host != "?";
        let host = match node.host {
            Some("?") => Some(node.ip.filter(known).or(node.hostname.filter(known))?),
            other => other.filter(|host| !host.is_empty()),
        };
        let host_text = host.map(|host| self.text(host));
        let endpoint = match host_text {
            // Most hosts need no look beyond the shared text.
            Some(text) if !text.starts_with('[') && node.port != 0 => {
                Endpoint::new(text, node.port)
            }
            _ => Endpoint::told(host, node.port, self.asked)?,
        };
        if let Some(&place) = self.by_endpoint.get(&endpoint) {
            return Some(place);
        }
        let place = self.members.len();
        self.by_endpoint.insert(endpoint.clone(), place);
        let id = node.id.filter(|id| !id.is_empty()).map(Arc::from);
        self.members.push(Member {
            id,
            endpoint,
            assumed: host.is_none(),
        });
        Some(place)
    }

    fn text(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.texts.get(text) {
            return Arc::clone(known);
        }
        let new: Arc<str> = text.into();
        self.texts.insert(Arc::clone(&new));
        new
    }
}
