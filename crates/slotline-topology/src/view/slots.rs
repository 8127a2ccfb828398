//! CLUSTER SLOTS.

use std::ops::Range;

use rustc_hash::FxHashMap;
use slotline_resp::{FromReply, Reader, Reply};

use super::raw::{RawNode, lenient};
use super::sketch::Sketch;
use super::{Entry, View};
use crate::endpoint::Endpoint;
use crate::error::Error;

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
        let mut sketch = Sketch::new(asked);
        let mut seen = FxHashMap::default();
        let mut reader = reply.reader();
        let mut read = || -> Result<(), slotline_resp::Error> {
            let mut all = reader.sequence("the array of CLUSTER SLOTS")?;
            while reader.has_next(&mut all)? && !sketch.is_full() {
                let range: Result<RawRange, _> = FromReply::from_reply(&mut reader)?;
                if let Ok(range) = range {
                    take(&mut sketch, &mut seen, reply, range)?;
                }
            }
            Ok(())
        };
        read().map_err(Error::slots)?;
        Ok(sketch.finish())
    }
}

/// The entries of owners and replicas, by the bytes that describe them: a fragmented
/// cluster says the same of them in thousands of ranges.
type Seen<'a> = FxHashMap<&'a [u8], u16>;

fn take<'a>(
    sketch: &mut Sketch,
    seen: &mut Seen<'a>,
    reply: &'a Reply,
    range: RawRange,
) -> Result<(), slotline_resp::Error> {
    if !sketch.takes(range.first, range.last) {
        return Ok(());
    }
    let bytes = reply.as_bytes();
    let described = bytes.get(range.nodes.clone()).unwrap_or_default();
    let known = seen.get(described).copied();
    let entry = match known {
        Some(entry) => Some(entry),
        None => {
            let mut reader = Reader::new(bytes, range.nodes);
            let mut nodes = Vec::new();
            for _ in 0..range.count {
                let node: Result<InRange<'_>, _> = FromReply::from_reply(&mut reader)?;
                nodes.push(node.ok().and_then(|InRange(node)| sketch.member(&node)));
            }
            entry_of(&nodes).map(|entry| sketch.entry(entry))
        }
    };
    if let Some(entry) = entry {
        if known.is_none() {
            seen.insert(described, entry);
        }
        sketch.give(range.first, range.last, entry);
    }
    Ok(())
}

/// The first is the primary; a range whose primary cannot be reached has no owner,
/// and its slots lead to a refresh.
fn entry_of(nodes: &[Option<usize>]) -> Option<Entry> {
    let (primary, replicas) = nodes.split_first()?;
    Some(Entry {
        primary: (*primary)?,
        replicas: replicas.iter().flatten().copied().collect(),
    })
}

/// `[first, last, [host, port, id?, metadata?], …]`.
struct RawRange {
    first: u16,
    last: u16,
    /// Where the nodes lie, and how many there are.
    nodes: Range<usize>,
    count: usize,
}

impl<'a> FromReply<'a> for RawRange {
    fn from_reply(reader: &mut Reader<'a>) -> Result<Self, slotline_resp::Error> {
        let mut parts = reader.sequence("a range of slots")?;
        let first = part(reader, &mut parts)?;
        let last = part(reader, &mut parts)?;
        let start = reader.position();
        let (mut end, mut count) = (start, 0);
        while reader.has_next(&mut parts)? {
            reader.skip()?;
            end = reader.position();
            count += 1;
        }
        Ok(Self {
            first,
            last,
            nodes: start..end,
            count,
        })
    }
}

struct InRange<'a>(RawNode<'a>);

impl<'a> FromReply<'a> for InRange<'a> {
    fn from_reply(reader: &mut Reader<'a>) -> Result<Self, slotline_resp::Error> {
        let mut parts = reader.sequence("a node")?;
        let mut node = RawNode {
            host: part(reader, &mut parts)?,
            port: part(reader, &mut parts)?,
            ..RawNode::default()
        };
        if reader.has_next(&mut parts)? {
            node.id = lenient(reader)?;
        }
        if reader.has_next(&mut parts)? {
            // Newer servers may add what we cannot read; it is not needed.
            let metadata: Result<Metadata<'a>, _> = FromReply::from_reply(reader)?;
            for (key, value) in metadata.map_or_else(|_| Vec::new(), |Metadata(all)| all) {
                match key {
                    "ip" => node.ip = value,
                    "hostname" => node.hostname = value,
                    "availability-zone" => node.zone = value,
                    _ => {}
                }
            }
        }
        while reader.has_next(&mut parts)? {
            reader.skip()?;
        }
        Ok(Self(node))
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
            all.push((key, lenient(reader)?));
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
