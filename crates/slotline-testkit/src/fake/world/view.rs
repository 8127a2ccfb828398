//! What a node tells of the cluster.

use std::fmt::Write;

use bytes::Bytes;
use slotline_resp::ReplyBuffer;
use slotline_topology::{Slot, slot_of};

use super::World;
use super::strings::{length, number};

impl World {
    pub(super) fn for_cluster(
        &self,
        port: u16,
        name: &str,
        args: &[Bytes],
        replies: &mut ReplyBuffer,
    ) -> bool {
        match (name, args) {
            ("CLUSTER SLOTS", [_]) => self.cluster_slots(port, replies),
            ("CLUSTER SHARDS", [_]) => self.cluster_shards(port, replies),
            ("CLUSTER NODES", [_]) => {
                replies.verbatim("txt", self.cluster_nodes(port));
            }
            ("CLUSTER INFO", [_]) => {
                replies.verbatim("txt", self.cluster_info(port));
            }
            ("CLUSTER MYID", [_]) => {
                replies.bulk(self.id_of(port));
            }
            ("CLUSTER KEYSLOT", [_, key]) => {
                replies.integer(i64::from(slot_of(key).get()));
            }
            ("CLUSTER COUNTKEYSINSLOT", [_, slot]) => {
                let keys = self.keys_of(port, slot, usize::MAX);
                match keys {
                    Some(keys) => replies.integer(length(keys.len())),
                    None => replies.error("ERR Invalid slot"),
                };
            }
            ("CLUSTER GETKEYSINSLOT", [_, slot, most]) => {
                let most = number(most).and_then(|most| usize::try_from(most).ok());
                match most.and_then(|most| self.keys_of(port, slot, most)) {
                    Some(keys) => {
                        replies.array(keys.len());
                        for key in keys {
                            replies.bulk(key);
                        }
                    }
                    None => {
                        replies.error("ERR Invalid slot or number of keys");
                    }
                }
            }
            // What is behind it counts as having arrived.
            ("WAIT", [_, _]) => {
                let replicas = self.map.replicas_of(port);
                let in_step = |replica: &u16| {
                    let node = self.nodes.get(replica);
                    node.is_some_and(|node| node.behind.is_empty())
                };
                replies.integer(length(replicas.filter(in_step).count()));
            }
            _ => return false,
        }
        true
    }

    fn id_of(&self, port: u16) -> &str {
        self.nodes.get(&port).map_or("", |node| &node.id)
    }

    fn keys_of(&self, port: u16, slot: &[u8], most: usize) -> Option<Vec<Bytes>> {
        let slot = u16::try_from(number(slot)?).ok().and_then(Slot::new)?;
        let keys = self.nodes.get(&port)?.data.in_slot(slot.get());
        Some(keys.take(most).cloned().collect())
    }

    fn cluster_slots(&self, port: u16, replies: &mut ReplyBuffer) {
        let view = self.view_of(port);
        let ranges = view.ranges();
        replies.array(ranges.len());
        for (range, owner) in ranges {
            let replicas = view.replicas_of(*owner);
            let replicas = replicas.filter(|replica| !view.has_failed(*replica));
            let nodes: Vec<u16> = [*owner].into_iter().chain(replicas).collect();
            replies.array(2 + nodes.len());
            replies.integer(i64::from(*range.start()));
            replies.integer(i64::from(*range.end()));
            for node in nodes {
                replies.array(4).bulk(&self.host).integer(i64::from(node));
                replies.bulk(self.id_of(node)).map(0);
            }
        }
    }

    fn cluster_shards(&self, port: u16, replies: &mut ReplyBuffer) {
        let view = self.view_of(port);
        let primaries: Vec<u16> = view.ports().filter(|node| view.is_primary(*node)).collect();
        replies.array(primaries.len());
        for primary in primaries {
            let own = view.ranges().iter().filter(|(_, owner)| *owner == primary);
            let ends: Vec<u16> = own
                .flat_map(|(range, _)| [*range.start(), *range.end()])
                .collect();
            replies.map(2).bulk("slots").array(ends.len());
            for end in ends {
                replies.integer(i64::from(end));
            }
            let nodes: Vec<u16> = [primary]
                .into_iter()
                .chain(view.replicas_of(primary))
                .collect();
            replies.bulk("nodes").array(nodes.len());
            for node in nodes {
                replies.map(7).bulk("id").bulk(self.id_of(node));
                replies.bulk("port").integer(i64::from(node));
                replies.bulk("ip").bulk(&self.host);
                replies.bulk("endpoint").bulk(&self.host);
                let role = if node == primary { "master" } else { "replica" };
                replies.bulk("role").bulk(role);
                let offset = i64::try_from(self.offset_of(node)).unwrap_or(i64::MAX);
                replies.bulk("replication-offset").integer(offset);
                let health = if view.has_failed(node) {
                    "fail"
                } else {
                    "online"
                };
                replies.bulk("health").bulk(health);
            }
        }
    }

    fn cluster_nodes(&self, port: u16) -> String {
        let view = self.view_of(port);
        let mut text = String::new();
        for node in view.ports() {
            let primary = view.primary_of(node);
            let mut flags = if node == port { "myself," } else { "" }.to_owned();
            flags += if node == primary { "master" } else { "slave" };
            if view.has_failed(node) {
                flags += ",fail";
            }
            let link = if view.has_failed(node) {
                "disconnected"
            } else {
                "connected"
            };
            let of = if node == primary {
                "-"
            } else {
                self.id_of(primary)
            };
            // Writing to a text cannot fail.
            let _ = write!(
                text,
                "{} {}:{node}@1{node} {flags} {of} 0 0 {} {link}",
                self.id_of(node),
                self.host,
                view.epoch(node),
            );
            for (range, _) in view.ranges().iter().filter(|(_, owner)| *owner == node) {
                let (start, end) = (range.start(), range.end());
                let _ = match start == end {
                    true => write!(text, " {start}"),
                    false => write!(text, " {start}-{end}"),
                };
            }
            if let Some(own) = self.nodes.get(&port).filter(|_| node == port) {
                for (slot, to) in &own.migrating {
                    let _ = write!(text, " [{slot}->-{}]", self.id_of(*to));
                }
                for (slot, from) in &own.importing {
                    let _ = write!(text, " [{slot}-<-{}]", self.id_of(*from));
                }
            }
            text.push('\n');
        }
        text
    }

    fn cluster_info(&self, port: u16) -> String {
        let view = self.view_of(port);
        let assigned: usize = view.ranges().iter().map(|(range, _)| range.len()).sum();
        let owners: std::collections::BTreeSet<u16> =
            view.ranges().iter().map(|(_, owner)| *owner).collect();
        let newest = view.ports().map(|node| view.epoch(node)).max();
        format!(
            "cluster_state:ok\r\ncluster_slots_assigned:{assigned}\r\ncluster_slots_ok:{assigned}\r\n\
             cluster_slots_pfail:0\r\ncluster_slots_fail:0\r\ncluster_known_nodes:{}\r\n\
             cluster_size:{}\r\ncluster_current_epoch:{}\r\ncluster_my_epoch:{}\r\n",
            view.ports().count(),
            owners.len(),
            newest.unwrap_or(0),
            view.epoch(port),
        )
    }
}
