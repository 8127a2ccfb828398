//! A scene: what one node of a real cluster answered, and what was true then. The
//! suite `topology` makes them on real servers, and keeps them here if it is told
//! to; both check them with this file.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use slotline_resp::Reply;
use slotline_topology::{Endpoint, Health, PortKind, Role, Slot, Topology, View};

/// The answers of one node and the facts beside them.
#[derive(Debug, Default)]
pub(crate) struct Scene {
    /// Lines of words: see [`Facts`].
    pub(crate) facts: Vec<String>,
    /// By name: `slots2` and `shards3` are replies in RESP2 and RESP3, `nodes` is a
    /// text.
    pub(crate) answers: BTreeMap<String, Vec<u8>>,
}

impl Scene {
    /// Notes a fact.
    pub(crate) fn fact(&mut self, line: impl Into<String>) {
        self.facts.push(line.into());
    }

    /// The facts, an empty line, and each answer behind its name and length.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut head = String::new();
        for fact in &self.facts {
            let _ = writeln!(head, "{fact}");
        }
        let mut bytes = head.into_bytes();
        for (name, answer) in &self.answers {
            bytes.extend_from_slice(format!("\n{name} {}\n", answer.len()).as_bytes());
            bytes.extend_from_slice(answer);
        }
        bytes
    }

    /// Reads what `to_bytes` wrote.
    pub(crate) fn parse(mut bytes: &[u8]) -> Scene {
        let mut scene = Scene::default();
        while !bytes.is_empty() {
            let (line, rest) = cut_line(bytes);
            bytes = rest;
            if !line.is_empty() {
                scene.fact(line);
                continue;
            }
            let (line, rest) = cut_line(bytes);
            let (name, len) = line.split_once(' ').expect("a name and a length");
            let (answer, rest) = rest.split_at(len.parse().expect("a length"));
            scene.answers.insert(name.to_owned(), answer.to_vec());
            bytes = rest;
        }
        scene
    }

    fn reply(&self, name: &str) -> Reply {
        let bytes = self.answers[name].clone();
        Reply::from_frame(bytes.into()).expect("a whole reply")
    }

    /// All answers are read, and say what is true.
    ///
    /// # Panics
    /// They are not, or do not.
    pub(crate) fn check(&self) {
        let facts = Facts::of(&self.facts);
        let asked = &facts.asked;
        let text = std::str::from_utf8(&self.answers["nodes"]).expect("a text");
        let nodes = View::from_nodes(text, asked);
        facts.check("nodes", &nodes, |known| &known.address);
        facts.check_migrations(&nodes);
        for version in ["2", "3"] {
            let slots = self.reply(&format!("slots{version}"));
            let mut view = View::from_slots(&slots, asked).expect("CLUSTER SLOTS");
            view.add_nodes(text);
            facts.check("slots", &view, |known| &known.endpoint);
            facts.check_migrations(&view);
            let shards = self.reply(&format!("shards{version}"));
            view.add_shards(&shards).expect("CLUSTER SHARDS");
            if let Some(zone) = self.answers.get("zone") {
                view.set_zone(std::str::from_utf8(zone).expect("a text"));
            }
            let detailed = facts.check("slots and shards", &view, |known| &known.endpoint);
            facts.check_details(&detailed);
            let view = View::from_shards(&shards, asked, PortKind::Plain);
            let mut view = view.expect("CLUSTER SHARDS");
            view.add_nodes(text);
            if let Some(zone) = self.answers.get("zone") {
                view.set_zone(std::str::from_utf8(zone).expect("a text"));
            }
            let detailed = facts.check("shards", &view, |known| &known.endpoint);
            facts.check_details(&detailed);
            assert_eq!(
                detailed.diff(&view.topology().expect("slots")),
                Default::default()
            );
        }
    }
}

fn cut_line(bytes: &[u8]) -> (&str, &[u8]) {
    let end = bytes.iter().position(|byte| *byte == b'\n');
    let (line, rest) = bytes.split_at(end.expect("a line"));
    (std::str::from_utf8(line).expect("a text"), &rest[1..])
}

/// What was true, in lines:
///
/// - `asked ENDPOINT`, `myself ID`
/// - `owns ID FIRST LAST`, for each range
/// - `copies ID PRIMARY-ID`, for each replica that is well
/// - `at ID ADDRESS ENDPOINT`: what CLUSTER NODES calls it, and what the others do
/// - `hostname ID NAME`; `zone ID NAME`, of the node that was asked
/// - `migrating SLOT`, `importing SLOT`
struct Facts {
    asked: Endpoint,
    myself: String,
    owners: Vec<(String, u16, u16)>,
    copies: BTreeMap<String, BTreeSet<String>>,
    known: BTreeMap<String, Known>,
    hostnames: BTreeMap<String, String>,
    zones: BTreeMap<String, String>,
    migrating: Vec<u16>,
    importing: Vec<u16>,
}

struct Known {
    address: Endpoint,
    endpoint: Endpoint,
}

impl Facts {
    fn of(lines: &[String]) -> Facts {
        let mut facts = Facts {
            asked: Endpoint::new("", 0),
            myself: String::new(),
            owners: Vec::new(),
            copies: BTreeMap::new(),
            known: BTreeMap::new(),
            hostnames: BTreeMap::new(),
            zones: BTreeMap::new(),
            migrating: Vec::new(),
            importing: Vec::new(),
        };
        let endpoint = |text: &str| Endpoint::parse(text).expect("an endpoint");
        let number = |text: &str| text.parse::<u16>().expect("a slot");
        for line in lines {
            let words: Vec<&str> = line.split(' ').collect();
            match words[..] {
                ["asked", at] => facts.asked = endpoint(at),
                ["myself", id] => facts.myself = id.to_owned(),
                ["owns", id, first, last] => {
                    facts
                        .owners
                        .push((id.to_owned(), number(first), number(last)));
                }
                ["copies", id, primary] => {
                    let copies = facts.copies.entry(primary.to_owned()).or_default();
                    copies.insert(id.to_owned());
                }
                ["at", id, address, told] => {
                    let known = Known {
                        address: endpoint(address),
                        endpoint: endpoint(told),
                    };
                    facts.known.insert(id.to_owned(), known);
                }
                ["hostname", id, name] => {
                    facts.hostnames.insert(id.to_owned(), name.to_owned());
                }
                ["zone", id, name] => {
                    facts.zones.insert(id.to_owned(), name.to_owned());
                }
                ["migrating", slot] => facts.migrating.push(number(slot)),
                ["importing", slot] => facts.importing.push(number(slot)),
                _ => panic!("no fact: {line:?}"),
            }
        }
        facts
    }

    fn check(&self, what: &str, view: &View, told: impl Fn(&Known) -> &Endpoint) -> Topology {
        assert_eq!(view.myself(), Some(&*self.myself), "{what}");
        let topology = view
            .topology()
            .unwrap_or_else(|error| panic!("{what}: {error}"));
        let mut covered = 0;
        for (id, first, last) in &self.owners {
            for slot in *first..=*last {
                covered += 1;
                let shard = topology.shard_of(Slot::new(slot).expect("a slot"));
                let shard = shard.unwrap_or_else(|| panic!("{what}: nobody owns {slot}"));
                let owner = topology.node(shard.primary()).expect("a node");
                assert_eq!(
                    (owner.id(), owner.role()),
                    (Some(&**id), Role::Primary),
                    "{what}"
                );
                assert_eq!(owner.endpoint(), told(&self.known[id]), "{what}");
                assert!(shard.epoch().is_some(), "{what}");
                let copies: BTreeSet<String> = shard
                    .replicas()
                    .iter()
                    .map(|node| {
                        let replica = topology.node(*node).expect("a node");
                        let id = replica.id().expect("an id");
                        assert_eq!(replica.endpoint(), told(&self.known[id]), "{what}");
                        id.to_owned()
                    })
                    .collect();
                let expected = self.copies.get(id).cloned().unwrap_or_default();
                assert_eq!(copies, expected, "{what}: replicas of {id}");
            }
        }
        assert_eq!(topology.covered(), covered, "{what}");
        topology
    }

    fn check_migrations(&self, view: &View) {
        let slots =
            |set: &slotline_topology::SlotSet| -> Vec<u16> { set.iter().map(Slot::get).collect() };
        assert_eq!(slots(view.migrating()), self.migrating);
        assert_eq!(slots(view.importing()), self.importing);
    }

    fn check_details(&self, topology: &Topology) {
        for node in topology.nodes() {
            let id = node.id().expect("an id");
            let known = &self.known[id];
            assert_eq!(node.ip(), Some(known.address.host()));
            assert_eq!(node.port(), Some(known.address.port()));
            assert_eq!(node.tls_port(), None);
            assert_eq!(node.health(), Health::Online);
            assert!(node.offset().is_some());
            assert_eq!(node.hostname(), self.hostnames.get(id).map(|name| &**name));
            assert_eq!(node.zone(), self.zones.get(id).map(|name| &**name));
        }
    }
}
