//! Reads from replicas that lag, are cut off, or stand in some zone.

use slotline::{Client, ClientBuilder, Discovery, ReadFrom};
use slotline_testkit::{LocalCluster, Node, ProxyConnection};
use slotline_tests::{PATIENCE, binary, calls, connections, errors, reset_counters, until};

const KEY: &str = "key";

/// One primary and two replicas.
struct Shard {
    cluster: LocalCluster,
    primary: Node,
    replicas: [Node; 2],
}

impl Shard {
    async fn new() -> Shard {
        let cluster = LocalCluster::builder(&binary()).primaries(1).replicas(2);
        let cluster = cluster.proxied().start().await.expect("a cluster");
        let primary = cluster.owner_of(0).await.expect("an owner");
        let replicas = cluster.replicas().await.expect("replicas");
        Shard {
            primary,
            replicas: replicas.try_into().expect("two of them"),
            cluster,
        }
    }

    fn builder(&self) -> ClientBuilder {
        let builder = Client::builder().nodes([self.cluster.url()]);
        builder.read_from(ReadFrom::PreferReplica)
    }

    /// Whoever asks this node alone gets what it has.
    async fn of_one(&self, node: &Node) -> Client {
        let client = Client::builder()
            .nodes([node.url()])
            .discovery(Discovery::SingleNode)
            .read_from(ReadFrom::PreferReplica);
        client.connect().await.expect("connecting")
    }

    /// A connection over which a replica gets its primary's writes.
    async fn link(&self) -> ProxyConnection {
        let proxy = self.cluster.proxy(&self.primary).expect("a proxy");
        let all = connections(&self.primary).await;
        let is_link = |connection: &ProxyConnection| {
            let seen = connection.seen_by_server().map(|seen| seen.to_string());
            all.iter().any(|own| {
                own.field("flags").contains('S') && Some(own.address()) == seen.as_deref()
            })
        };
        let link = proxy.open().into_iter().find(is_link);
        link.expect("replicas reach their primary through its proxy")
    }

    async fn in_step(&self) {
        let synced = self.cluster.wait_replicas_synced(PATIENCE).await;
        synced.expect("in step");
    }
}

async fn replication(node: &Node, field: &str) -> String {
    let value = node.info("replication", field).await.expect("INFO");
    value.unwrap_or_default()
}

async fn offset(node: &Node) -> u64 {
    let of_replica = replication(node, "slave_repl_offset").await;
    let of_primary = replication(node, "master_repl_offset").await;
    let offset = [of_replica, of_primary].into_iter();
    let mut told = offset.filter(|offset| !offset.is_empty());
    let offset = told.next().expect("an offset");
    offset.parse().expect("a number")
}

/// How many of so many reads bring `expected`.
async fn reads(client: &Client, expected: &str, count: usize) -> usize {
    let mut found = 0;
    for _ in 0..count {
        let value: Option<String> = client.get(KEY).await.expect("GET");
        found += usize::from(value.as_deref() == Some(expected));
    }
    found
}

/// The line to one replica stands still, while both ends take it for up: so nobody but
/// the offsets can tell.
///
/// Fails when `most_lag` does not reach the layer, when nobody asks nodes how far they
/// have come, and when a bound is no reason to pass a replica over.
#[tokio::test]
async fn a_replica_that_lags_by_more_than_the_bound_is_not_read_from() {
    let shard = Shard::new().await;
    let bounded = shard.builder().most_lag(4_096).connect().await;
    let bounded = bounded.expect("connecting");
    let unbounded = shard.builder().connect().await.expect("connecting");
    bounded.set(KEY, "old").await.expect("SET");
    shard.in_step().await;
    assert_eq!(reads(&bounded, "old", 20).await, 20);

    let link = shard.link().await;
    link.to_client().pause();
    let new = "new".repeat(4_000);
    bounded.set(KEY, &new).await.expect("SET");
    let behind = async |node: &Node| offset(&shard.primary).await - offset(node).await > 8_192;
    let [first, second] = &shard.replicas;
    until("the other replica has got it", async || {
        behind(first).await != behind(second).await
    })
    .await;
    let lagging = if behind(first).await { first } else { second };
    assert_eq!(replication(lagging, "master_link_status").await, "up");
    let own = shard.of_one(lagging).await;
    assert_eq!(reads(&own, "old", 1).await, 1, "it has no way to know");

    let passed_over = async || reads(&bounded, &new, 20).await == 20;
    until("it is passed over", passed_over).await;
    reset_counters(&shard.replicas).await;
    assert_eq!(reads(&bounded, &new, 100).await, 100);
    assert_eq!(calls(lagging, "get").await, 0);
    let fresh = reads(&unbounded, &new, 100).await;
    println!("{fresh} of 100 reads without a bound brought what was written last");
    assert!(fresh < 100, "without a bound it is read from");
    assert!(
        behind(lagging).await,
        "the line has stood still all the time"
    );
    let surveys = bounded.on_the_way().surveys;
    assert!(surveys >= 1 && calls(lagging, "role").await > 0);

    link.to_client().resume();
    shard.in_step().await;
    reset_counters(&shard.replicas).await;
    until("it is read from again", async || {
        reads(&bounded, &new, 20).await;
        calls(lagging, "get").await > 0
    })
    .await;
}

/// Fails when the state in ROLE is not looked at.
#[tokio::test]
async fn a_replica_whose_link_is_down_is_not_read_from_while_another_is_there() {
    let shard = Shard::new().await;
    let client = shard.builder().connect().await.expect("connecting");
    client.set(KEY, "old").await.expect("SET");
    shard.in_step().await;
    let [cut_off, other] = &shard.replicas;
    // Its primary has no password, so it refuses one.
    let lock_out = ["CONFIG", "SET", "masterauth", "wrong"];
    cut_off.call(&lock_out).await.expect("CONFIG SET");
    let links = ["CLIENT", "KILL", "TYPE", "replica"];
    shard.primary.call(&links).await.expect("CLIENT KILL");
    let is =
        async |node: &Node, status: &str| replication(node, "master_link_status").await == status;
    until("one link is down, the other up", async || {
        is(cut_off, "down").await && is(other, "up").await
    })
    .await;
    client.set(KEY, "new").await.expect("SET");
    let own = shard.of_one(cut_off).await;
    assert_eq!(reads(&own, "old", 1).await, 1, "it serves what it has");
    until("it is passed over", async || {
        reads(&client, "new", 20).await == 20
    })
    .await;
    reset_counters(&shard.replicas).await;
    assert_eq!(reads(&client, "new", 100).await, 100);
    assert_eq!(calls(cut_off, "get").await, 0);
    assert!(is(cut_off, "down").await);

    let let_in = ["CONFIG", "SET", "masterauth", ""];
    cut_off.call(&let_in).await.expect("CONFIG SET");
    shard.in_step().await;
    until("it is read from again", async || {
        reads(&client, "new", 20).await;
        calls(cut_off, "get").await > 0
    })
    .await;
}

/// A server without zones is read from as by `PreferReplica`.
///
/// Fails when nobody asks nodes for their zones.
#[tokio::test]
async fn reads_stay_in_their_zone_where_servers_have_zones() {
    let shard = Shard::new().await;
    let [here, there] = &shard.replicas;
    let zones = [(here, "za"), (there, "zb"), (&shard.primary, "zb")];
    let version = binary().version().clone();
    let has_zones = version.name == "valkey" && version.is_at_least(8, 0);
    for (node, zone) in zones {
        let set = ["CONFIG", "SET", "availability-zone", zone];
        assert_eq!(node.call(&set).await.is_ok(), has_zones, "{version:?}");
        let told = node.info("server", "availability_zone").await;
        let told = told.expect("INFO");
        assert_eq!(told.as_deref(), has_zones.then_some(zone));
    }
    let client = shard.builder().read_from(ReadFrom::zone("za"));
    let client = client.connect().await.expect("connecting");
    client.set(KEY, "v").await.expect("SET");
    shard.in_step().await;
    let count = async || {
        reset_counters(&shard.replicas).await;
        assert_eq!(reads(&client, "v", 100).await, 100);
        (calls(here, "get").await, calls(there, "get").await)
    };
    let asked = async || {
        reads(&client, "v", 1).await;
        calls(here, "info").await > 1 || client.on_the_way().surveys > 0
    };
    until("nodes were asked", asked).await;
    if has_zones {
        until("reads keep to their zone", async || {
            count().await == (100, 0)
        })
        .await;
    } else {
        let (here, there) = count().await;
        assert!(here > 30 && there > 30, "{here} and {there}");
    }
}

/// A user who may not ask is told nothing, and reads all the same.
///
/// Fails when a refusal is asked for again at every turn, and when it is an error.
#[tokio::test]
async fn whoever_may_not_ask_nodes_how_they_are_is_not_refused_again_and_again() {
    let shard = Shard::new().await;
    let all = [&shard.primary, &shard.replicas[0], &shard.replicas[1]];
    for node in all {
        let rules = "ACL SETUSER reader on >secret ~* &* +@all -role -info -cluster|shards";
        let rules: Vec<&str> = rules.split(' ').collect();
        node.call(&rules).await.expect("ACL SETUSER");
    }
    let client = shard
        .builder()
        .credentials(Some("reader"), "secret")
        .read_from(ReadFrom::zone("za"))
        .most_lag(4_096);
    let client = client.connect().await.expect("connecting");
    client.set(KEY, "v").await.expect("SET");
    shard.in_step().await;
    let refreshes = async || {
        assert_eq!(reads(&client, "v", 20).await, 20);
        client.on_the_way().refreshes
    };
    until("a few refreshes have been made", async || {
        refreshes().await >= 5
    })
    .await;
    let mut refused = Vec::new();
    for node in all {
        refused.push(errors(node, "NOPERM").await);
    }
    println!("refused at each node: {refused:?}");
    // ROLE, INFO and CLUSTER SHARDS, each once.
    assert!(refused.iter().all(|count| (1..=3).contains(count)));
    assert_eq!(refused.iter().sum::<u64>(), 9);
}
