//! What nodes answer, prepared before anything is measured.

use std::fmt::Write as _;

use slotline_resp::Reply;
use slotline_topology::{Endpoint, View};

/// The replies to CLUSTER SLOTS and CLUSTER NODES of one node.
pub(super) struct Wire {
    asked: Endpoint,
    slots: Reply,
    nodes: String,
}

impl Wire {
    /// A cluster of so many nodes, half of them replicas, in which every owner has
    /// so many ranges of slots.
    pub(super) fn new(nodes: usize, ranges: usize) -> Wire {
        let shards = nodes / 2;
        let host = |node: usize| format!("10.1.{}.{}", node / 250, node % 250);
        let mut slots = format!("*{ranges}\r\n");
        for range in 0..ranges {
            let (first, end) = (range * 16_384 / ranges, (range + 1) * 16_384 / ranges);
            let _ = write!(slots, "*4\r\n:{first}\r\n:{}\r\n", end - 1);
            for node in [range % shards, range % shards + shards] {
                // With the empty metadata that servers send since version 7.
                let _ = write!(
                    slots,
                    "*4\r\n{}:7000\r\n{}*0\r\n",
                    bulk(&host(node)),
                    bulk(&id(node))
                );
            }
        }
        let mut text = String::new();
        for node in 0..nodes {
            let (role, primary) = match node.checked_sub(shards) {
                Some(primary) => ("slave", id(primary)),
                None => ("master", "-".to_owned()),
            };
            let _ = write!(
                text,
                "{} {}:7000@17000 {role} {primary} 0 1764111234567 {} connected",
                id(node),
                host(node),
                node % shards + 1
            );
            for range in (0..ranges).filter(|range| range % shards == node) {
                let (first, end) = (range * 16_384 / ranges, (range + 1) * 16_384 / ranges);
                let _ = match end - first {
                    1 => write!(text, " {first}"),
                    _ => write!(text, " {first}-{}", end - 1),
                };
            }
            text.push('\n');
        }
        Wire {
            asked: Endpoint::new(host(0), 7000),
            slots: Reply::from_frame(slots.into()).expect("a whole reply"),
            nodes: text,
        }
    }

    /// Reads both.
    pub(super) fn view(&self) -> View {
        let mut view = View::from_slots(&self.slots, &self.asked).expect("a view");
        view.add_nodes(&self.nodes);
        view
    }

    /// Reads CLUSTER NODES alone.
    pub(super) fn view_of_nodes(&self) -> View {
        View::from_nodes(&self.nodes, &self.asked)
    }
}

fn id(node: usize) -> String {
    format!("{node:040}")
}

fn bulk(text: &str) -> String {
    format!("${}\r\n{text}\r\n", text.len())
}
