//! What a node says of itself, before and after its keys are gone through.

use std::collections::HashMap;

use slotline_topology::{Endpoint, Slot, SlotSet, parse_nodes};

/// So much of an id is told apart from any other in one cluster.
const SHORT: usize = 12;

/// How a node stands, by its own words.
#[derive(Debug, Clone, Default)]
pub(super) struct Standing {
    /// Its id in the cluster; empty for a server that is in none.
    pub(super) id: String,
    /// Which node and which process of it: cursors mean nothing to any other.
    pub(super) who: String,
    /// Its config epoch, which grows with every slot that it wins.
    pub(super) epoch: u64,
    /// The slots that are its own, with no migration open.
    pub(super) settled: SlotSet,
    /// Those that it moves away, and the ids of where to.
    pub(super) leaving: HashMap<Slot, String>,
    /// Those that it takes in, and the ids of where from.
    pub(super) arriving: HashMap<Slot, String>,
    /// What it knows of the others, by their ids.
    pub(super) peers: HashMap<String, Peer>,
}

/// Another node, in the eyes of the one that was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Peer {
    pub(super) epoch: u64,
    pub(super) endpoint: Option<Endpoint>,
}

impl Standing {
    /// That of a node of a cluster: the text of its `CLUSTER NODES`, and of its
    /// `INFO server`. `None` if there is no line of its own in it.
    pub(super) fn of_node(nodes: &str, info: &str) -> Option<Standing> {
        let mut standing = Standing::default();
        let mut found = false;
        for line in parse_nodes(nodes) {
            if !line.flags.myself {
                let endpoint = line.endpoint();
                let epoch = line.epoch;
                standing.peers.insert(line.id, Peer { epoch, endpoint });
                continue;
            }
            found = true;
            standing.who = format!("{}.{}", short(&line.id), short(run(info)));
            standing.id = line.id;
            standing.epoch = line.epoch;
            if !line.flags.primary {
                continue;
            }
            standing.leaving = line.migrating.into_iter().collect();
            standing.arriving = line.importing.into_iter().collect();
            let own = line.slots.into_iter().flatten().filter_map(Slot::new);
            standing.settled = own
                .filter(|slot| !standing.leaving.contains_key(slot))
                .collect();
        }
        found.then_some(standing)
    }

    /// All slots that it answers for.
    pub(super) fn owned(&self) -> SlotSet {
        let leaving = self.leaving.keys().copied();
        self.settled.iter().chain(leaving).collect()
    }

    /// That of a server alone, which has all slots, by its `INFO server`.
    pub(super) fn alone(info: &str) -> Standing {
        Standing {
            who: format!(".{}", short(run(info))),
            settled: Slot::all().collect(),
            ..Standing::default()
        }
    }
}

/// The id of the process: another after each start.
pub(super) fn run(info: &str) -> &str {
    let mut lines = info.lines();
    let found = lines.find_map(|line| line.strip_prefix("run_id:"));
    found.unwrap_or_default().trim()
}

fn short(id: &str) -> &str {
    id.get(..SHORT).unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    const INFO: &str = "# Server\r\nredis_version:7.0.15\r\nrun_id:0123456789abcdef0123\r\n";

    #[test]
    fn a_node_says_which_slots_are_its_own_and_which_are_on_the_move() {
        let nodes = "\
            aaaaaaaaaaaaaaaa 127.0.0.1:7000@17000 myself,master - 0 0 3 connected \
            0-92 94 [93->-bbbbbbbbbbbbbbbb] [94->-bbbbbbbbbbbbbbbb] [200-<-cccccccccccccccc]\n\
            bbbbbbbbbbbbbbbb 127.0.0.1:7001@17001 master - 0 0 7 connected 100-200\n\
            cccccccccccccccc :0@0 slave bbbbbbbbbbbbbbbb 0 0 7 disconnected\n";
        let standing = Standing::of_node(nodes, INFO).expect("a line of its own");
        assert_eq!(standing.who, "aaaaaaaaaaaa.0123456789ab");
        assert_eq!(standing.epoch, 3);
        let slot = |number| Slot::new(number).expect("a slot");
        assert_eq!(standing.settled.len(), 93, "all of 0 to 92");
        assert!(standing.leaving.contains_key(&slot(93)));
        assert!(!standing.settled.contains(slot(94)));
        assert_eq!(standing.arriving[&slot(200)], "cccccccccccccccc");
        let peer = &standing.peers["bbbbbbbbbbbbbbbb"];
        assert_eq!(peer.endpoint, Some(Endpoint::new("127.0.0.1", 7001)));
        assert_eq!(peer.epoch, 7);
        assert_eq!(standing.peers["cccccccccccccccc"].endpoint, None);
    }

    #[test]
    fn a_replica_has_no_slots_and_a_server_alone_has_all() {
        let nodes = "aa 127.0.0.1:7000@17000 myself,slave bb 0 0 3 connected\n";
        let standing = Standing::of_node(nodes, "").expect("a line of its own");
        assert_eq!((standing.settled.len(), &*standing.who), (0, "aa."));
        let alone = Standing::alone(INFO);
        assert_eq!(
            (alone.settled.len(), &*alone.who),
            (16_384, ".0123456789ab")
        );
        assert!(Standing::of_node("", INFO).is_none());
    }
}
