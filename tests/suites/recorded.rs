//! What real servers answer while slots move and replicas take over, beside what
//! is on record. With `SLOTLINE_RECORD` set to a file's path it is written there.
//!
//! The fake cluster of slotline-testkit replays the same recordings.

#[path = "../../crates/slotline-testkit/tests/recordings/script.rs"]
mod script;

use std::collections::BTreeMap;
use std::time::Duration;

use script::{Named, Step, ask, parse, render};
use slotline_testkit::{LocalCluster, Migration, Node};
use slotline_tests::{binary, cluster, until};
use tokio::net::TcpStream;

const REDIS_7_0: &str =
    include_str!("../../crates/slotline-testkit/tests/recordings/redis-7.0.txt");
const VALKEY_8_1: &str =
    include_str!("../../crates/slotline-testkit/tests/recordings/valkey-8.1.txt");

const SOON: Duration = Duration::from_secs(20);

struct Recorder {
    cluster: LocalCluster,
    nodes: Vec<(Named, Node)>,
    connections: BTreeMap<String, TcpStream>,
    migration: Option<Migration>,
}

impl Recorder {
    async fn new() -> Recorder {
        let cluster = cluster().await;
        let mut nodes = Vec::new();
        for (letter, slot) in [('A', 0), ('B', 8000), ('C', 16_000)] {
            let primary = cluster.owner_of(slot).await.unwrap();
            let replica = cluster.replica_of(&primary).await.unwrap();
            for (letter, node) in [(letter, primary), (letter.to_ascii_lowercase(), replica)] {
                let named = Named {
                    letter,
                    port: node.port(),
                    id: node.id().to_owned(),
                };
                nodes.push((named, node));
            }
        }
        let recorder = Recorder {
            cluster,
            nodes,
            connections: BTreeMap::new(),
            migration: None,
        };
        recorder.settle().await;
        recorder
    }

    fn node(&self, name: &str) -> Node {
        let mut all = self.nodes.iter();
        let found = all.find(|(named, _)| name.starts_with(named.letter));
        found.expect("a node of that letter").1.clone()
    }

    async fn ask(&mut self, connection: &str, command: &[String]) -> String {
        if !self.connections.contains_key(connection) {
            let address = self.node(connection).address();
            let stream = TcpStream::connect(address).await.unwrap();
            self.connections.insert(connection.to_owned(), stream);
        }
        let stream = self.connections.get_mut(connection).unwrap();
        let nodes: Vec<Named> = self.nodes.iter().map(|(named, _)| named.clone()).collect();
        ask(stream, command, &nodes).await
    }

    async fn act(&mut self, words: &[String]) {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["settle"] => self.settle().await,
            ["hello", connection] => {
                let hello = ["HELLO".to_owned(), "3".to_owned()];
                self.ask(connection, &hello).await;
            }
            ["begin", key, from, to] => {
                let slot = slotline::slot_of(key).get();
                let (from, to) = (self.node(from), self.node(to));
                let begun = self.cluster.begin_migration(slot, &from, &to).await;
                self.migration = Some(begun.unwrap());
            }
            ["move", key, from, to] => {
                let port = self.node(to).port().to_string();
                let migrate = ["MIGRATE", "127.0.0.1", &port, key, "0", "4000"];
                self.node(from).call(&migrate).await.unwrap();
            }
            ["finish", ..] => {
                let migration = self.migration.take().expect("one has begun");
                migration.finish().await.unwrap();
                self.settle().await;
            }
            ["failover", replica] => {
                self.cluster.failover(&self.node(replica)).await.unwrap();
                self.settle().await;
            }
            other => panic!("no such step: {other:?}"),
        }
    }

    async fn settle(&self) {
        self.cluster.wait_until_agreed(SOON).await.unwrap();
        self.cluster.wait_replicas_synced(SOON).await.unwrap();
        // A replica is listed once gossip has told how far it is.
        for (_, node) in &self.nodes {
            until("every node lists all others", async || {
                let slots = node.call(&["CLUSTER", "SLOTS"]).await.unwrap();
                let shown = format!("{slots:?}");
                let mut all = self.nodes.iter();
                all.all(|(named, _)| shown.contains(&named.port.to_string()))
            })
            .await;
        }
    }
}

/// What primaries answered, by the first word: replicas differ from version to
/// version in what they know of a migration.
fn kinds(steps: &[Step]) -> Vec<String> {
    let kind = |step: &Step| match step {
        Step::Ask {
            connection,
            command,
            answer,
        } if connection.starts_with(char::is_uppercase) => {
            let first = answer.split(' ').next().unwrap_or_default();
            Some(format!("{connection} {}: {first}", command.join(" ")))
        }
        _ => None,
    };
    steps.iter().filter_map(kind).collect()
}

#[tokio::test]
async fn a_real_cluster_answers_as_is_on_record() {
    let version = binary().version().clone();
    let (stored, is_its_own) = match (version.name.as_str(), version.major, version.minor) {
        ("redis", 7, minor) => (REDIS_7_0, minor == 0),
        ("valkey", 8, minor) => (VALKEY_8_1, minor == 1),
        // What the others answer may differ in words, and not in kind.
        ("redis", ..) => (REDIS_7_0, false),
        _ => (VALKEY_8_1, false),
    };
    let mut recorder = Recorder::new().await;
    let mut steps = parse(stored);
    for step in &mut steps {
        match step {
            Step::Remark(_) => {}
            Step::Act(words) => recorder.act(words).await,
            Step::Ask {
                connection,
                command,
                answer,
            } => *answer = recorder.ask(connection, command).await,
        }
    }
    let recorded = render(&steps);
    if let Some(path) = std::env::var_os("SLOTLINE_RECORD") {
        std::fs::write(path, &recorded).unwrap();
        return;
    }
    if is_its_own {
        assert_eq!(recorded, stored);
    } else {
        assert_eq!(kinds(&steps), kinds(&parse(stored)));
    }
}
