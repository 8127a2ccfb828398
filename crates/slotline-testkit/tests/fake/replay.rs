//! The fake cluster answers as real ones did.

use std::collections::BTreeMap;

use slotline_testkit::{FakeCluster, FakeServer, Unreplicated};
use slotline_topology::slot_of;
use tokio::io::DuplexStream;

use crate::script::{Named, Step, ask, parse, render};

struct Replay {
    cluster: FakeCluster,
    nodes: Vec<Named>,
    connections: BTreeMap<String, DuplexStream>,
}

impl Replay {
    fn new(server: FakeServer) -> Replay {
        let node = |letter, port: u16| Named {
            letter,
            port,
            id: format!("{port:040x}"),
        };
        let primaries = ['A', 'B', 'C'].into_iter().zip(7000..);
        let replicas = ['a', 'b', 'c'].into_iter().zip(7100..);
        Replay {
            cluster: FakeCluster::builder().server(server).build(),
            nodes: primaries
                .chain(replicas)
                .map(|(letter, port)| node(letter, port))
                .collect(),
            connections: BTreeMap::new(),
        }
    }

    fn port(&self, name: &str) -> u16 {
        let named = self.nodes.iter().find(|node| name.starts_with(node.letter));
        named.expect("a node of that letter").port
    }

    async fn ask(&mut self, connection: &str, command: &[String]) -> String {
        let port = self.port(connection);
        let stream = self
            .connections
            .entry(connection.to_owned())
            .or_insert_with(|| self.cluster.connect(port).expect("it is up"));
        ask(stream, command, &self.nodes).await
    }

    async fn act(&mut self, words: &[String]) {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words.as_slice() {
            // It hears of everything at once.
            ["settle"] => {}
            ["hello", connection] => {
                let hello = ["HELLO".to_owned(), "3".to_owned()];
                self.ask(connection, &hello).await;
            }
            ["begin", key, from, to] => {
                let owner = self
                    .cluster
                    .begin_migration(slot_of(key).get(), self.port(to));
                assert_eq!(owner, Some(self.port(from)));
            }
            ["move", key, _, _] => assert!(self.cluster.move_key(key), "{key}"),
            ["finish", key, _, to] => {
                self.cluster
                    .finish_migration(slot_of(key).get(), self.port(to));
            }
            ["failover", replica] => {
                self.cluster
                    .fail_over(self.port(replica), Unreplicated::Kept);
            }
            other => panic!("no such step: {other:?}"),
        }
    }

    async fn check(mut self, name: &str, recording: &str) {
        let mut differences = Vec::new();
        let mut asked = 0;
        for step in parse(recording) {
            match step {
                Step::Remark(_) => {}
                Step::Act(words) => self.act(&words).await,
                Step::Ask {
                    connection,
                    command,
                    answer,
                } => {
                    asked += 1;
                    let own = self.ask(&connection, &command).await;
                    if own != answer {
                        let line = command.join(" ");
                        differences.push(format!(
                            "{connection} {line}\n  real: {answer}\n  fake: {own}"
                        ));
                    }
                }
            }
        }
        assert_eq!(render(&parse(recording)), recording, "{name} is read whole");
        assert!(asked > 150, "{name}: {asked} commands");
        let differences = differences.join("\n");
        assert!(differences.is_empty(), "{name}:\n{differences}");
    }
}

#[tokio::test]
async fn a_recording_of_redis_7_0_replays_on_the_fake() {
    let recording = include_str!("../recordings/redis-7.0.txt");
    Replay::new(FakeServer::Redis70)
        .check("redis-7.0", recording)
        .await;
}

#[tokio::test]
async fn a_recording_of_valkey_8_1_replays_on_the_fake() {
    let recording = include_str!("../recordings/valkey-8.1.txt");
    Replay::new(FakeServer::Valkey81)
        .check("valkey-8.1", recording)
        .await;
}
