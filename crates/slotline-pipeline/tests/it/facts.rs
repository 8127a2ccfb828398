//! What the refresh finds out about nodes, and what reads make of it. With two
//! primaries and two replicas each, `{k}` is on 7000, its replicas at 7100 and 7200.

use std::time::Duration;

use slotline_pipeline::route::Route;
use slotline_pipeline::{Cluster, Facts, ReadFrom, Refresh, RefreshConfig, Request, RouteLayer};
use tokio::time::{Instant, sleep};
use tower::ServiceBuilder;

use crate::fake::{Fake, endpoint};
use crate::rig::{call, outcomes, request};

const ALL: [u16; 6] = [7000, 7001, 7100, 7101, 7200, 7201];
const TICK: Duration = Duration::from_millis(10);
/// After this everybody has been asked again.
const ROUND: Duration = Duration::from_millis(1_500);

struct Reader {
    fake: Fake,
    cluster: Cluster,
    stack: Route<Fake>,
    read_from: ReadFrom,
    refresh: Option<Refresh>,
}

fn reader(read_from: ReadFrom, most_lag: Option<u64>) -> Reader {
    let fake = Fake::new(2, 2);
    fake.put("{k}", "v");
    let cluster = Cluster::new(fake.topology());
    let mut route = RouteLayer::new(cluster.clone());
    if let Some(bytes) = most_lag {
        route = route.most_lag(bytes);
    }
    Reader {
        stack: ServiceBuilder::new().layer(route).service(fake.clone()),
        fake,
        cluster,
        read_from,
        refresh: None,
    }
}

impl Reader {
    fn kept_fresh(mut self, config: RefreshConfig) -> Reader {
        let refresh = Refresh::spawn(self.cluster.clone(), self.fake.clone(), config);
        self.refresh = Some(refresh);
        self
    }

    fn read(&self) -> Request {
        request(&["GET {k}"]).read_from(self.read_from.clone())
    }

    /// Which nodes eight reads go to.
    async fn ports(&self) -> Vec<u16> {
        let before = self.fake.log().len();
        for _ in 0..8 {
            let answer = call(self.stack.clone(), self.read()).await.unwrap();
            assert_eq!(outcomes(&answer), ["v"]);
        }
        let log = self.fake.log();
        let reads = log[before..]
            .iter()
            .filter(|entry| entry.command == "GET {k}");
        let mut ports: Vec<u16> = reads.map(|entry| entry.port).collect();
        ports.sort_unstable();
        ports.dedup();
        ports
    }

    /// Whom so far this was asked, as often as they were.
    fn asked(&self, command: &str) -> Vec<u16> {
        let log = self.fake.log();
        let asked = log.iter().filter(|entry| entry.command == command);
        let mut ports: Vec<u16> = asked.map(|entry| entry.port).collect();
        ports.sort_unstable();
        ports
    }
}

fn config() -> RefreshConfig {
    RefreshConfig::new(vec![endpoint(7000), endpoint(7001)])
}

/// Fails when nodes are not asked for their zones, and when they are asked once and
/// for all.
#[tokio::test(start_paused = true)]
async fn zones_are_asked_for_and_asked_for_again() {
    let reader = reader(ReadFrom::zone("here"), None).kept_fresh(config());
    reader.fake.set_zone(7100, Some("there"));
    reader.fake.set_zone(7200, Some("here"));
    assert_eq!(reader.ports().await, [7100, 7200], "nothing is known yet");
    sleep(TICK).await;
    assert_eq!(reader.ports().await, [7200]);
    // Another server has come to that address.
    reader.fake.set_zone(7100, Some("here"));
    reader.fake.set_zone(7200, None);
    sleep(Duration::from_secs(63)).await;
    assert_eq!(reader.ports().await, [7100]);
    for port in ALL {
        let asked = reader.asked("INFO server");
        let asked = asked.iter().filter(|own| **own == port).count();
        assert!((1..=2).contains(&asked), "{port}: {asked}");
    }
}

/// Fails when the answer to ROLE is not asked for, or not believed more than what
/// others have heard.
#[tokio::test(start_paused = true)]
async fn a_replica_that_says_that_it_lags_is_passed_over_until_it_has_caught_up() {
    let reader = reader(ReadFrom::PreferReplica, Some(1_000)).kept_fresh(config());
    let fake = &reader.fake;
    // Old news: by these 7200 would lag, and 7100 would not.
    for (port, gossip) in [(7000, 40_000), (7100, 40_000), (7200, 100)] {
        fake.set_gossip(port, gossip);
    }
    for (port, offset) in [(7000, 50_000), (7100, 48_999), (7200, 49_000)] {
        fake.set_role(port, offset, true);
    }
    assert_eq!(reader.ports().await, [7100, 7200], "nothing is known yet");
    sleep(TICK).await;
    assert_eq!(reader.ports().await, [7200]);
    let snapshot = reader.cluster.snapshot();
    let topology = snapshot.topology();
    let at = |port| topology.find(&endpoint(port)).unwrap();
    assert_eq!(snapshot.lag(at(7100), at(7000)), Some(1_001));
    drop(snapshot);
    fake.set_role(7100, 50_000, true);
    fake.set_role(7000, 50_001, true);
    fake.set_role(7200, 0, true);
    sleep(ROUND).await;
    assert_eq!(reader.ports().await, [7100]);
    fake.set_role(7100, 0, true);
    sleep(ROUND).await;
    assert_eq!(reader.ports().await, [7000]);
}

/// Fails when `is_up` is not read out of ROLE.
#[tokio::test(start_paused = true)]
async fn a_replica_whose_link_is_down_is_passed_over_without_a_bound_too() {
    let reader = reader(ReadFrom::PreferReplica, None).kept_fresh(config());
    reader.fake.set_role(7100, 5, false);
    assert_eq!(reader.ports().await, [7100, 7200], "nothing is known yet");
    sleep(TICK).await;
    assert_eq!(reader.ports().await, [7200]);
    reader.fake.set_role(7100, 5, true);
    reader.fake.set_role(7200, 5, false);
    sleep(13 * ROUND / 2 + ROUND * 2).await;
    assert_eq!(reader.ports().await, [7100]);
    // Primaries have no link, and nobody wants to know how far they are.
    assert!(reader.asked("ROLE").iter().all(|port| *port >= 7100));
    assert_eq!(reader.asked("INFO server"), [0; 0]);
}

/// Fails when anybody is asked before a read depends on it.
#[tokio::test(start_paused = true)]
async fn who_reads_from_primaries_asks_for_none_of_it() {
    let reader = reader(ReadFrom::Primary, Some(1_000)).kept_fresh(config());
    for _ in 0..100 {
        assert_eq!(reader.ports().await, [7000]);
        sleep(Duration::from_secs(3)).await;
    }
    assert!(reader.asked("CLUSTER SLOTS").len() > 10);
    for never in ["CLUSTER SHARDS", "ROLE", "INFO server"] {
        assert_eq!(reader.asked(never), [0; 0], "{never}");
    }
    assert_eq!(reader.cluster.statistics().surveys, 0);
}

/// Fails when surveys are made as often as reads, and when they make the map be
/// refreshed more often.
#[tokio::test(start_paused = true)]
async fn nodes_are_asked_once_a_second_and_the_map_no_more_often_for_it() {
    let reader = reader(ReadFrom::PreferReplica, Some(1_000)).kept_fresh(config());
    let begun = Instant::now();
    let mut offset = 0;
    while begun.elapsed() < Duration::from_secs(60) {
        offset += 1;
        ALL.iter()
            .for_each(|port| reader.fake.set_role(*port, offset, true));
        reader.ports().await;
        sleep(Duration::from_millis(100)).await;
    }
    let statistics = reader.cluster.statistics();
    assert!(
        (48..=60).contains(&statistics.surveys),
        "{}",
        statistics.surveys
    );
    assert!(statistics.refreshes <= 10, "{}", statistics.refreshes);
    let asked = reader.asked("ROLE").len() as u64;
    assert_eq!(asked, statistics.surveys * ALL.len() as u64);
}

/// Fails when a refusal is an error, when it is not remembered, and when what others
/// have heard is not used then.
#[tokio::test(start_paused = true)]
async fn a_question_that_is_refused_is_not_asked_again_and_again() {
    const FOR_GOOD: usize = usize::MAX;
    let reader = reader(ReadFrom::PreferReplica, Some(1_000)).kept_fresh(config());
    let fake = &reader.fake;
    for port in ALL {
        fake.refuse(
            port,
            "ROLE",
            "NOPERM this user has no permissions",
            FOR_GOOD,
        );
    }
    for (port, gossip) in [(7000, 40_000), (7100, 100), (7200, 39_500)] {
        fake.set_gossip(port, gossip);
    }
    reader.ports().await;
    sleep(TICK).await;
    assert_eq!(reader.ports().await, [7200]);
    fake.set_gossip(7100, 40_000);
    fake.set_gossip(7200, 0);
    sleep(2 * ROUND).await;
    assert_eq!(reader.ports().await, [7100]);
    sleep(Duration::from_secs(60)).await;
    assert_eq!(reader.asked("ROLE"), ALL, "each once");
    let refreshes = reader.cluster.statistics().refreshes;
    assert!((48..=70).contains(&refreshes), "{refreshes}");

    // And as it is with a server before version 7.
    for port in ALL {
        fake.refuse(port, "CLUSTER SHARDS", "ERR unknown subcommand", FOR_GOOD);
    }
    fake.forget_log();
    sleep(Duration::from_secs(120)).await;
    let mut asked = reader.asked("CLUSTER SHARDS");
    let refused = asked.len();
    asked.dedup();
    assert_eq!(asked.len(), refused, "none twice: {asked:?}");
    assert!(refused >= 3, "{asked:?}");
    assert!(reader.asked("CLUSTER SLOTS").len() > 100);
    // A server changes, too.
    sleep(Duration::from_secs(600)).await;
    assert!(reader.asked("ROLE").len() >= ALL.len());
}

/// Fails when a refusal that passes counts as one for good.
#[tokio::test(start_paused = true)]
async fn a_node_that_is_loading_is_asked_again() {
    let reader = reader(ReadFrom::PreferReplica, Some(1_000)).kept_fresh(config());
    reader.fake.refuse(7100, "ROLE", "LOADING the dataset", 1);
    for (port, offset) in [(7000, 50_000), (7100, 0), (7200, 50_000)] {
        reader.fake.set_role(port, offset, true);
    }
    reader.ports().await;
    sleep(ROUND).await;
    assert_eq!(reader.fake.answered("-LOADING"), 1);
    assert_eq!(reader.ports().await, [7200]);
}

/// Fails when nodes of shards that nothing goes to are asked.
#[tokio::test(start_paused = true)]
async fn shards_that_are_not_used_are_left_alone() {
    let read_from = ReadFrom::zone("here");
    let reader = reader(read_from, Some(1_000)).kept_fresh(config());
    for port in [7001, 7101, 7201] {
        reader.fake.set_unused(port);
    }
    reader.fake.set_unused(7200);
    reader.ports().await;
    sleep(10 * ROUND).await;
    for question in ["ROLE", "INFO server"] {
        let mut asked = reader.asked(question);
        asked.dedup();
        assert_eq!(asked, [7000, 7100, 7200], "{question}");
    }
}

/// Fails when a survey waits for all before it takes anything in.
#[tokio::test(start_paused = true)]
async fn a_silent_node_does_not_keep_the_others_from_being_heard() {
    let reader = reader(ReadFrom::PreferReplica, Some(1_000)).kept_fresh(config());
    reader.fake.set_delay(7201, Duration::from_secs(10));
    for (port, offset) in [(7000, 50_000), (7100, 0), (7200, 50_000)] {
        reader.fake.set_role(port, offset, true);
    }
    reader.ports().await;
    sleep(Duration::from_millis(200)).await;
    assert_eq!(reader.ports().await, [7200]);
}

/// Fails when the refresh puts what it finds in place of what it was told to leave.
#[tokio::test(start_paused = true)]
async fn whoever_tells_the_facts_himself_is_left_to_it() {
    let config = config().without_facts();
    let reader = reader(ReadFrom::zone("here"), Some(1_000)).kept_fresh(config);
    let facts = [(endpoint(7200), Facts::in_zone("here"))];
    reader.cluster.set_facts(facts);
    reader.fake.set_zone(7100, Some("here"));
    for _ in 0..30 {
        assert_eq!(reader.ports().await, [7200]);
        reader.cluster.want_refresh();
        sleep(ROUND).await;
    }
    for never in ["CLUSTER SHARDS", "ROLE", "INFO server"] {
        assert_eq!(reader.asked(never), [0; 0], "{never}");
    }
}

/// Fails when facts keep to the places that nodes had in a map before.
#[tokio::test(start_paused = true)]
async fn facts_stay_with_their_nodes_when_the_map_changes() {
    let reader = reader(ReadFrom::zone("here"), None).kept_fresh(config());
    reader.fake.set_zone(7200, Some("here"));
    reader.ports().await;
    sleep(TICK).await;
    for port in [7000, 7001, 7200] {
        reader.fake.add_node(port + 50);
        let slot = slotline_topology::slot_of("{other}");
        reader.cluster.moved(slot, &endpoint(port + 50));
        assert_eq!(reader.ports().await, [7200]);
    }
    reader.fake.fail_over(7101);
    reader.cluster.want_refresh();
    sleep(2 * ROUND).await;
    assert_eq!(reader.ports().await, [7200]);
}
