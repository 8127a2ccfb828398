//! What real servers answer, checked as it comes. With `SLOTLINE_RECORD` set to a
//! folder the scenes are kept there, for the crate's own tests: its
//! `tests/it/recorded`, with a folder for each server.

use std::path::Path;

use slotline_testkit::{LocalCluster, Node};
use slotline_tests::{PATIENCE, binary, skipped, until};

use crate::raw;
use crate::scene::Scene;

/// How the cluster names its nodes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Naming {
    Ip,
    Hostname,
    HostnameThatIsUnknown,
    Unknown,
}

/// What a test knows of its cluster without having asked.
struct Truth<'c> {
    cluster: &'c LocalCluster,
    naming: Naming,
    has_zones: bool,
    /// The owner's place among the nodes, and its first and last slot.
    owners: Vec<(usize, u16, u16)>,
    /// The places of those that are down.
    failed: Vec<usize>,
    migrating: Option<(u16, usize)>,
    importing: Option<(u16, usize)>,
}

fn hostname(index: usize) -> String {
    format!("node-{index}.slotline.example")
}

impl<'c> Truth<'c> {
    fn new(cluster: &'c LocalCluster, has_zones: bool) -> Truth<'c> {
        Truth {
            cluster,
            naming: Naming::Ip,
            has_zones,
            owners: vec![(0, 0, 5460), (1, 5461, 10921), (2, 10922, 16383)],
            failed: Vec::new(),
            migrating: None,
            importing: None,
        }
    }

    /// Waits until a node's answers agree with each other: SHARDS lists a replica that has
    /// just come as loading, and until gossip has told its shard as a shard of its own, when
    /// NODES has long had it where it belongs.
    async fn settled(&self, asked: usize) {
        let nodes = self.cluster.nodes();
        let (failed, well): (Vec<usize>, Vec<usize>) =
            (0..nodes.len()).partition(|index| self.failed.contains(index));
        let agree = async || {
            let mut stream = raw::open(&nodes[asked], "2").await;
            let shards = raw::ask(&mut stream, &["CLUSTER", "SHARDS"]).await;
            let slots = raw::ask(&mut stream, &["CLUSTER", "SLOTS"]).await;
            let shards = String::from_utf8_lossy(&shards).into_owned();
            let slots = String::from_utf8_lossy(&slots).into_owned();
            shards.matches("$5\r\nslots\r\n").count() == 3
                && shards.matches("online").count() == well.len()
                && well.iter().all(|index| slots.contains(nodes[*index].id()))
                && failed
                    .iter()
                    .all(|index| !slots.contains(nodes[*index].id()))
        };
        until("SHARDS and SLOTS agree", agree).await;
    }

    /// Asks a node, and checks what it says.
    async fn scene(&self, name: &str, asked: usize) {
        let nodes = self.cluster.nodes();
        let node = &nodes[asked];
        self.settled(asked).await;
        let mut scene = Scene::default();
        let address =
            |node: &Node| slotline::Endpoint::new(node.address().ip().to_string(), node.port());
        // By another name than the cluster knows, so that it is seen where it comes from.
        let asked_at = slotline::Endpoint::new("asked.example", node.port());
        scene.fact(format!("asked {asked_at}"));
        scene.fact(format!("myself {}", node.id()));
        for (owner, first, last) in &self.owners {
            scene.fact(format!("owns {} {first} {last}", nodes[*owner].id()));
        }
        for (index, node) in nodes.iter().enumerate() {
            let told = match self.naming {
                Naming::Ip | Naming::HostnameThatIsUnknown => address(node),
                Naming::Hostname => slotline::Endpoint::new(hostname(index), node.port()),
                Naming::Unknown => slotline::Endpoint::new("asked.example", node.port()),
            };
            scene.fact(format!("at {} {} {told}", node.id(), address(node)));
            if self.naming == Naming::Hostname {
                scene.fact(format!("hostname {} {}", node.id(), hostname(index)));
            }
            if index >= 3 && !self.failed.contains(&index) {
                scene.fact(format!("copies {} {}", node.id(), nodes[index - 3].id()));
            }
        }
        if let Some((slot, _)) = self.migrating.filter(|(_, from)| *from == asked) {
            scene.fact(format!("migrating {slot}"));
        }
        if let Some((slot, _)) = self.importing.filter(|(_, to)| *to == asked) {
            scene.fact(format!("importing {slot}"));
        }
        if self.has_zones {
            // Up to version 8 of Valkey a node tells only its own.
            scene.fact(format!("zone {} zone-{}", node.id(), asked % 3));
            let zone = node.info("server", "availability_zone").await.unwrap();
            scene
                .answers
                .insert("zone".to_owned(), zone.unwrap().into_bytes());
        }
        for version in ["2", "3"] {
            let mut stream = raw::open(node, version).await;
            for (command, word) in [("slots", "SLOTS"), ("shards", "SHARDS")] {
                let reply = raw::ask(&mut stream, &["CLUSTER", word]).await;
                scene.answers.insert(format!("{command}{version}"), reply);
            }
        }
        let text: String = node.ask(&["CLUSTER", "NODES"]).await.unwrap();
        scene.answers.insert("nodes".to_owned(), text.into_bytes());
        let bytes = scene.to_bytes();
        if let Some(folder) = std::env::var_os("SLOTLINE_RECORD") {
            let version = self.cluster_version();
            let folder = Path::new(&folder).join(version);
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join(format!("{name}.scene")), &bytes).unwrap();
        }
        println!("{name}");
        // As the crate's own tests read it.
        Scene::parse(&bytes).check();
    }

    fn cluster_version(&self) -> String {
        let binary = binary();
        let version = binary.version();
        format!("{}-{}.{}", version.name, version.major, version.minor)
    }

    /// Every node names itself so, and every other knows.
    async fn rename(&mut self, naming: Naming) {
        self.naming = naming;
        let kind = match naming {
            Naming::Ip => "ip",
            Naming::Hostname | Naming::HostnameThatIsUnknown => "hostname",
            Naming::Unknown => "unknown-endpoint",
        };
        for (index, node) in self.cluster.nodes().iter().enumerate() {
            let name = match naming {
                Naming::Hostname => hostname(index),
                _ => String::new(),
            };
            let set = ["CONFIG", "SET", "cluster-preferred-endpoint-type", kind];
            node.call(&set).await.unwrap();
            let set = ["CONFIG", "SET", "cluster-announce-hostname", &name];
            node.call(&set).await.unwrap();
        }
        for node in self.cluster.nodes() {
            let all_know = async || {
                let text: String = node.ask(&["CLUSTER", "NODES"]).await.unwrap();
                let named = text.matches(".slotline.example").count();
                named == if naming == Naming::Hostname { 6 } else { 0 }
            };
            until("the names have spread", all_know).await;
        }
    }
}

/// Whether the server has zones, and the options that give them to six nodes.
fn zones() -> Option<Vec<(usize, String)>> {
    let binary = binary();
    let has = binary.version().name == "valkey" && binary.version().is_at_least(8, 0);
    has.then(|| {
        (0..6)
            .map(|index| (index, format!("zone-{}", index % 3)))
            .collect()
    })
}

async fn start(ip: std::net::IpAddr) -> (LocalCluster, bool) {
    let mut builder = LocalCluster::builder(&binary()).ip(ip);
    let zones = zones();
    for (index, zone) in zones.iter().flatten() {
        builder = builder.node_option(*index, "availability-zone", zone);
    }
    let cluster = builder.start().await.unwrap();
    // Replicas that have never had anything count as loading.
    cluster.nodes()[0].call(&["SET", "{b}", "v"]).await.unwrap();
    cluster.wait_replicas_synced(PATIENCE).await.unwrap();
    (cluster, zones.is_some())
}

/// Fails where any form of an answer is not understood: the host that is null or
/// `?`, the flat array for a map, the ranges, the replica that has failed.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_says_of_its_cluster_is_understood() {
    let (cluster, has_zones) = start([127, 0, 0, 1].into()).await;
    let mut truth = Truth::new(&cluster, has_zones);
    truth.scene("ip", 0).await;
    truth.scene("ip-of-a-replica", 4).await;
    truth.rename(Naming::HostnameThatIsUnknown).await;
    truth.scene("hostname-unknown", 0).await;
    truth.rename(Naming::Hostname).await;
    truth.scene("hostname", 1).await;
    truth.rename(Naming::Unknown).await;
    truth.scene("unknown-endpoint", 0).await;
    truth.rename(Naming::Ip).await;

    let (from, to) = (&cluster.nodes()[0], &cluster.nodes()[1]);
    cluster.migrate_slots(100..=101, from, to).await.unwrap();
    let migration = cluster.begin_migration(200, from, to).await.unwrap();
    cluster.wait_until_agreed(PATIENCE).await.unwrap();
    truth.owners = vec![
        (0, 0, 99),
        (1, 100, 101),
        (0, 102, 5460),
        (1, 5461, 10921),
        (2, 10922, 16383),
    ];
    truth.migrating = Some((200, 0));
    truth.importing = Some((200, 1));
    truth.scene("migrating", 0).await;
    truth.scene("importing", 1).await;
    migration.abandon().await.unwrap();
    (truth.migrating, truth.importing) = (None, None);

    cluster.nodes()[5].kill().unwrap();
    cluster.wait_until_agreed(PATIENCE).await.unwrap();
    truth.failed = vec![5];
    truth.scene("failed-replica", 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn so_it_is_with_ipv6() {
    if std::net::TcpListener::bind("[::1]:0").is_err() {
        return skipped("this machine has no IPv6");
    }
    let (cluster, has_zones) = start(std::net::Ipv6Addr::LOCALHOST.into()).await;
    Truth::new(&cluster, has_zones).scene("ipv6", 0).await;
}
