//! CLUSTER SHARDS.

use std::sync::Arc;

use rustc_hash::FxHashMap;
use slotline_resp::{FromReply, Reader, Reply};

use super::raw::{RawNode, lenient};
use super::sketch::Sketch;
use super::{Entry, View};
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::topology::{Details, Health};

/// Which of a node's two ports its endpoint has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PortKind {
    /// That for connections without TLS.
    Plain,
    /// That for TLS. Nodes without one are passed over.
    Tls,
}

impl View {
    /// Reads the reply to `CLUSTER SHARDS` of the node at `asked` (the command's
    /// page; known since version 7). Unlike `CLUSTER SLOTS` it tells of both
    /// ports, so `port` says which to use.
    ///
    /// Hosts are understood as in [`from_slots`](Self::from_slots). The owner is
    /// the node whose role is `master`, of several one that has not failed.
    /// Replicas that have failed, or have no data yet, are left out, as `CLUSTER
    /// SLOTS` does. Shards and nodes that cannot be read or reached are passed
    /// over, and so are attributes that are not known here.
    ///
    /// Before version 8 some servers leave out slots in this reply: `CLUSTER
    /// SLOTS` is the better source of them, with this one's
    /// [details](Self::add_shards).
    ///
    /// # Errors
    ///
    /// The reply is an error or no array at all ([`Error::is_reply`]).
    pub fn from_shards(reply: &Reply, asked: &Endpoint, port: PortKind) -> Result<Self, Error> {
        let mut sketch = Sketch::new(asked);
        each_shard(reply, |shard| {
            take(&mut sketch, shard, port);
            !sketch.is_full()
        })?;
        Ok(sketch.finish())
    }

    /// Adds what `CLUSTER SHARDS` of the same node tells of nodes that this view
    /// has, known by their ids: ports, zone, health and replication offset. What
    /// cannot be read is passed over.
    ///
    /// # Errors
    ///
    /// The reply is an error or no array at all ([`Error::is_reply`]).
    pub fn add_shards(&mut self, reply: &Reply) -> Result<(), Error> {
        let mut told: FxHashMap<Arc<str>, Arc<Details>> = FxHashMap::default();
        each_shard(reply, |shard| {
            for InShard { node, .. } in &shard.nodes {
                let details =
                    node.details(|text| crate::endpoint::is_name(text).then(|| text.into()));
                if let (Some(id), Some(details)) = (node.id, details) {
                    told.insert(id.into(), details);
                }
            }
            true
        })?;
        for member in &mut self.members {
            let details = member.id.as_ref().and_then(|id| told.get(id)).cloned();
            member.details = Details::joined(&details, &member.details);
        }
        Ok(())
    }
}

/// Reads shard by shard, as long as `take` wants more.
fn each_shard(reply: &Reply, mut take: impl FnMut(&RawShard<'_>) -> bool) -> Result<(), Error> {
    let mut reader = reply.reader();
    let mut read = || -> Result<(), slotline_resp::Error> {
        let mut all = reader.sequence("the array of CLUSTER SHARDS")?;
        while reader.has_next(&mut all)? {
            let shard: Result<RawShard<'_>, _> = FromReply::from_reply(&mut reader)?;
            if !shard.map_or(true, |shard| take(&shard)) {
                break;
            }
        }
        Ok(())
    };
    read().map_err(Error::shards)
}

fn take(sketch: &mut Sketch, shard: &RawShard<'_>, port: PortKind) {
    let member = |sketch: &mut Sketch, node: &InShard<'_>| {
        let used = match port {
            PortKind::Plain => node.node.plain_port,
            PortKind::Tls => node.node.tls_port,
        };
        let raw = RawNode {
            port: used?,
            ..node.node
        };
        sketch.member(&raw)
    };
    let primaries = || shard.nodes.iter().filter(|node| node.is_primary);
    let is_well = |node: &&InShard<'_>| node.node.health != Health::Failed;
    // After a failover the old one may still be listed beside the new.
    let Some(primary) = primaries().find(is_well).or(primaries().next()) else {
        return;
    };
    let Some(primary) = member(sketch, primary) else {
        return;
    };
    let serves = |node: &&InShard<'_>| {
        !node.is_primary && !matches!(node.node.health, Health::Failed | Health::Loading)
    };
    let replicas: Vec<usize> = shard
        .nodes
        .iter()
        .filter(serves)
        .filter_map(|node| member(sketch, node))
        .collect();
    let entry = Entry { primary, replicas };
    let mut ranges = shard.slots.iter().copied();
    // One that has no slots, as after a failover, needs no place.
    if let Some((first, last)) = ranges.find(|(first, last)| sketch.takes(*first, *last)) {
        let entry = sketch.entry(entry);
        sketch.give(first, last, entry);
        ranges.for_each(|(first, last)| sketch.give(first, last, entry));
    }
}

/// `{slots: [first, last, …], nodes: [{…}, …]}`.
#[derive(Default)]
struct RawShard<'a> {
    slots: Vec<(u16, u16)>,
    nodes: Vec<InShard<'a>>,
}

impl<'a> FromReply<'a> for RawShard<'a> {
    fn from_reply(reader: &mut Reader<'a>) -> Result<Self, slotline_resp::Error> {
        let mut shard = Self::default();
        each_pair(reader, "a shard", |key, reader| {
            match key {
                "slots" => {
                    let slots: Result<Ranges, _> = FromReply::from_reply(reader)?;
                    shard.slots = slots.map_or_else(|_| Vec::new(), |Ranges(slots)| slots);
                }
                "nodes" => {
                    let nodes: Result<Vec<Option<InShard<'a>>>, _> = lenient_list(reader)?;
                    shard.nodes = nodes.unwrap_or_default().into_iter().flatten().collect();
                }
                _ => reader.skip()?,
            }
            Ok(())
        })?;
        Ok(shard)
    }
}

/// Where the list itself is none, the inner error; where an element is none, `None`.
type Lenient<T> = Result<Vec<Option<T>>, slotline_resp::Error>;

fn lenient_list<'a, T: FromReply<'a>>(
    reader: &mut Reader<'a>,
) -> Result<Lenient<T>, slotline_resp::Error> {
    struct List<T>(Vec<Option<T>>);
    impl<'a, T: FromReply<'a>> FromReply<'a> for List<T> {
        fn from_reply(reader: &mut Reader<'a>) -> Result<Self, slotline_resp::Error> {
            let mut all = Vec::new();
            let mut parts = reader.sequence("a list")?;
            while reader.has_next(&mut parts)? {
                all.push(lenient(reader)?);
            }
            Ok(Self(all))
        }
    }
    let list: Result<List<T>, _> = FromReply::from_reply(reader)?;
    Ok(list.map(|List(all)| all))
}

/// A flat array of first and last slots.
struct Ranges(Vec<(u16, u16)>);

impl<'a> FromReply<'a> for Ranges {
    fn from_reply(reader: &mut Reader<'a>) -> Result<Self, slotline_resp::Error> {
        let mut all = Vec::new();
        let mut parts = reader.sequence("the slots of a shard")?;
        while reader.has_next(&mut parts)? {
            let first: Option<u16> = lenient(reader)?;
            if !reader.has_next(&mut parts)? {
                break;
            }
            let last: Option<u16> = lenient(reader)?;
            all.extend(first.zip(last));
        }
        Ok(Self(all))
    }
}

#[derive(Default)]
struct InShard<'a> {
    node: RawNode<'a>,
    is_primary: bool,
}

impl<'a> FromReply<'a> for InShard<'a> {
    fn from_reply(reader: &mut Reader<'a>) -> Result<Self, slotline_resp::Error> {
        let mut read = Self::default();
        let node = &mut read.node;
        // A node that says nothing of its endpoint has none that is known.
        node.host = Some("?");
        each_pair(reader, "a node of a shard", |key, reader| {
            match key {
                "id" => node.id = lenient(reader)?,
                "endpoint" => node.host = endpoint(reader)?,
                "ip" => node.ip = lenient(reader)?,
                "hostname" => node.hostname = lenient(reader)?,
                "availability-zone" => node.zone = lenient(reader)?,
                "port" => node.plain_port = lenient(reader)?,
                "tls-port" => node.tls_port = lenient(reader)?,
                "replication-offset" => node.offset = lenient(reader)?,
                "role" => read.is_primary = lenient(reader)? == Some("master"),
                "health" => {
                    node.health = match lenient(reader)? {
                        Some("online") => Health::Online,
                        Some("loading") => Health::Loading,
                        Some("fail") => Health::Failed,
                        _ => Health::Unknown,
                    };
                }
                _ => reader.skip()?,
            }
            Ok(())
        })?;
        Ok(read)
    }
}

/// Null is the host that was asked; what is no text is not known.
fn endpoint<'a>(reader: &mut Reader<'a>) -> Result<Option<&'a str>, slotline_resp::Error> {
    let host: Result<Option<&str>, _> = FromReply::from_reply(reader)?;
    Ok(host.unwrap_or(Some("?")))
}

/// A map in RESP3, a flat array in RESP2.
fn each_pair<'a>(
    reader: &mut Reader<'a>,
    wanted: &'static str,
    mut read: impl FnMut(&str, &mut Reader<'a>) -> Result<(), slotline_resp::Error>,
) -> Result<(), slotline_resp::Error> {
    let mut pairs = reader.pairs(wanted)?;
    while reader.has_pair(&mut pairs)? {
        let key: Option<&str> = lenient(reader)?;
        reader.begin_value(&mut pairs)?;
        read(key.unwrap_or_default(), reader)?;
    }
    Ok(())
}
