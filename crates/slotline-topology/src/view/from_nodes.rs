//! A view of CLUSTER NODES alone.

use rustc_hash::FxHashMap;

use super::raw::RawNode;
use super::sketch::Sketch;
use super::{Entry, NodeLine, View, parse_nodes};
use crate::endpoint::Endpoint;
use crate::topology::Health;

impl View {
    /// Reads the text of `CLUSTER NODES` of the node at `asked` (the command's
    /// page). Every server in cluster mode knows this command; it names nodes by
    /// their IP addresses, whatever `cluster-preferred-endpoint-type` says, and
    /// knows nothing of zones and offsets.
    ///
    /// A node without an address has that of the node that was asked, if it is
    /// this one; else it is passed over, as are nodes that are not trusted yet
    /// (`handshake`, `noaddr`) and replicas that have failed.
    pub fn from_nodes(text: &str, asked: &Endpoint) -> Self {
        let lines = parse_nodes(text);
        let mut sketch = Sketch::new(asked);
        let mut replicas: FxHashMap<&str, Vec<usize>> = FxHashMap::default();
        for line in lines.iter().filter(|line| line.is_trusted()) {
            let copies = line.primary.as_deref().filter(|_| !line.flags.fail);
            let place = copies.and_then(|_| sketch.member(&line.raw()));
            if let Some((primary, place)) = copies.zip(place) {
                replicas.entry(primary).or_default().push(place);
            }
        }
        for line in lines.iter().filter(|line| line.is_trusted()) {
            if line.slots.is_empty() {
                continue;
            }
            let Some(primary) = sketch.member(&line.raw()) else {
                continue;
            };
            let replicas = replicas.get(&*line.id).cloned().unwrap_or_default();
            if sketch.is_full() {
                break;
            }
            let entry = sketch.entry(Entry { primary, replicas });
            for range in &line.slots {
                sketch.give(*range.start(), *range.end(), entry);
            }
        }
        let mut view = sketch.finish();
        view.add_lines(&lines);
        view
    }
}

impl NodeLine {
    pub(super) fn is_trusted(&self) -> bool {
        !self.flags.handshake && !self.flags.noaddr
    }

    pub(super) fn raw(&self) -> RawNode<'_> {
        RawNode {
            host: match self.ip.as_deref() {
                // Only of itself a node can mean the address that it was asked at.
                None if !self.flags.myself => Some("?"),
                ip => ip,
            },
            port: self.port,
            id: Some(&self.id),
            ip: self.ip.as_deref(),
            hostname: self.hostname.as_deref(),
            health: if self.flags.fail {
                Health::Failed
            } else {
                Health::Unknown
            },
            ..RawNode::default()
        }
    }
}
