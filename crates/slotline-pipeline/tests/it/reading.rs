//! Where reads go. With two primaries and two replicas each, `{k}` is on 7000, its
//! replicas at 7100 and 7200.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use slotline_pipeline::{
    Candidate, ChunkLayer, Cluster, Facts, ReadFrom, ReadPolicy, RedirectLayer, RetryLayer,
    RouteLayer,
};
use tower::ServiceBuilder;

use crate::fake::{Fake, endpoint};
use crate::rig::{Rig, call, outcomes, request};

fn rig(read_from: ReadFrom) -> Rig {
    let rig = Rig::new(2, 2).read_from(read_from);
    rig.fake.put("{k}", "v");
    rig
}

/// Which nodes so many reads went to, in order.
async fn ports(rig: &Rig, reads: usize) -> Vec<u16> {
    rig.fake.forget_log();
    for _ in 0..reads {
        assert_eq!(rig.send(&["GET {k}"]).await, ["v"]);
    }
    rig.fake.log().iter().map(|entry| entry.port).collect()
}

fn count(ports: &[u16], port: u16) -> usize {
    ports.iter().filter(|own| **own == port).count()
}

#[tokio::test(start_paused = true)]
async fn the_nearest_is_the_one_that_answers_fastest() {
    let rig = rig(ReadFrom::Nearest);
    for (port, millis) in [(7000, 9), (7100, 5), (7200, 1)] {
        rig.fake.set_delay(port, Duration::from_millis(millis));
    }
    ports(&rig, 8).await;
    let fast = ports(&rig, 64).await;
    assert!(count(&fast, 7200) >= 60, "{fast:?}");
    // Another has become faster: now and then it is asked, and so it is seen.
    rig.fake.set_delay(7200, Duration::from_millis(20));
    rig.fake.set_delay(7100, Duration::ZERO);
    ports(&rig, 64).await;
    let fast = ports(&rig, 64).await;
    assert!(count(&fast, 7100) >= 58, "{fast:?}");
}

#[tokio::test(start_paused = true)]
async fn the_nearest_node_that_is_away_yields() {
    let rig = rig(ReadFrom::Nearest);
    rig.fake.set_delay(7000, Duration::from_millis(5));
    rig.fake.set_delay(7200, Duration::from_millis(1));
    ports(&rig, 8).await;
    rig.fake.set_away(7100, true);
    rig.fake.set_away(7200, true);
    let left = ports(&rig, 8).await;
    assert_eq!(left, [7000; 8]);
}

#[tokio::test(start_paused = true)]
async fn a_zone_is_preferred_replicas_first() {
    let rig = rig(ReadFrom::zone("here"));
    let facts = |here: &[u16]| {
        let zone = |port| {
            if here.contains(&port) {
                "here"
            } else {
                "there"
            }
        };
        [7000, 7100, 7200].map(|port| (endpoint(port), Facts::in_zone(zone(port))))
    };
    let read = async |here: &[u16]| {
        rig.cluster.set_facts(facts(here));
        let mut ports = ports(&rig, 4).await;
        ports.sort_unstable();
        ports.dedup();
        ports
    };
    assert_eq!(read(&[7200]).await, [7200]);
    assert_eq!(read(&[7000, 7100]).await, [7100]);
    assert_eq!(read(&[7000]).await, [7000]);
    assert_eq!(read(&[]).await, [7100, 7200]);
    rig.fake.set_away(7200, true);
    assert_eq!(read(&[7200]).await, [7100]);
    rig.fake.set_away(7100, true);
    assert_eq!(read(&[7200]).await, [7000]);
}

/// Fails when a replica is read from whatever is known of it.
#[tokio::test(start_paused = true)]
async fn a_replica_that_is_down_or_lags_is_passed_over() {
    let fake = Fake::new(1, 2);
    fake.put("k", "v");
    let cluster = Cluster::new(fake.topology());
    let stack = ServiceBuilder::new()
        .layer(ChunkLayer::new())
        .layer(RetryLayer::default())
        .layer(RedirectLayer::new(cluster.clone()))
        .layer(RouteLayer::new(cluster.clone()).most_lag(1_000))
        .service(fake.clone());
    let primary = (endpoint(7000), Facts::default().offset(50_000));
    let read = async |replicas: [Facts; 2], read_from: &ReadFrom| {
        let [first, second] = replicas;
        let facts = [(endpoint(7100), first), (endpoint(7200), second)];
        cluster.set_facts(facts.into_iter().chain([primary.clone()]));
        fake.forget_log();
        let mut ports = Vec::new();
        for _ in 0..4 {
            let read = request(&["GET k"]).read_from(read_from.clone());
            let answer = outcomes(&call(stack.clone(), read).await.unwrap());
            ports.extend(fake.log().last().map(|entry| entry.port));
            if answer != ["v"] {
                return answer;
            }
        }
        ports.sort_unstable();
        ports.dedup();
        ports.iter().map(u16::to_string).collect()
    };
    let at = |offset| Facts::default().offset(offset);
    let down = || Facts::default().up(false);
    let prefer = ReadFrom::PreferReplica;
    assert_eq!(
        read([at(49_000), at(50_000)], &prefer).await,
        ["7100", "7200"]
    );
    assert_eq!(read([at(48_999), at(50_000)], &prefer).await, ["7200"]);
    // What is ahead of what was told of its primary does not lag.
    assert_eq!(read([at(60_000), down()], &prefer).await, ["7100"]);
    assert_eq!(read([at(1), down()], &prefer).await, ["7000"]);
    assert_eq!(read([at(1), down()], &ReadFrom::Nearest).await, ["7000"]);
    let only = ReadFrom::ReplicaOnly;
    assert_eq!(read([at(1), at(49_500)], &only).await, ["7200"]);
    // There is a bound on lag, and none on what is not known.
    assert_eq!(read([at(1), down()], &only).await, ["7200"]);
    let neither = [at(1), down().offset(48_999)];
    assert_eq!(read(neither.clone(), &only).await, ["!not sent no owner"]);
    assert_eq!(read(neither, &prefer).await, ["7000"]);
    // Nothing is known: nothing is held against anybody.
    let unknown = [Facts::default(), Facts::default()];
    assert_eq!(read(unknown, &prefer).await, ["7100", "7200"]);
}

/// When a primary dies, the links of its replicas go down with it.
///
/// Fails when a link that is down counts as much as a bound of lag.
#[tokio::test(start_paused = true)]
async fn a_replica_without_its_primary_serves_what_it_has() {
    for read_from in [
        ReadFrom::PreferReplica,
        ReadFrom::ReplicaOnly,
        ReadFrom::Nearest,
        ReadFrom::zone("here"),
    ] {
        let rig = rig(read_from.clone());
        let down = || Facts::default().up(false);
        let both = [7100, 7200].map(|port| (endpoint(port), down()));
        rig.cluster.set_facts(both);
        let only = read_from == ReadFrom::ReplicaOnly;
        let before = ports(&rig, 4).await;
        assert!(
            before.iter().all(|port| only == (*port >= 7100)),
            "{before:?}"
        );
        rig.fake.set_away(7000, true);
        let left = ports(&rig, 4).await;
        assert!(left.iter().all(|port| *port >= 7100), "{left:?}");
    }
}

#[derive(Debug, Clone, Default)]
struct Asked {
    seen: Arc<Mutex<Vec<Vec<String>>>>,
    choose: Option<usize>,
}

impl ReadPolicy for Asked {
    fn choose(&self, candidates: &[Candidate<'_>]) -> Option<usize> {
        let name = |candidate: &Candidate<'_>| {
            format!("{} {:?}", candidate.endpoint.port(), candidate.zone)
        };
        let seen = candidates.iter().map(name).collect();
        self.seen.lock().unwrap().push(seen);
        self.choose
    }
}

#[tokio::test(start_paused = true)]
async fn a_policy_of_ones_own_is_asked_once_for_each_shard() {
    for (choose, expected) in [
        (None, 7000),
        (Some(0), 7000),
        (Some(2), 7200),
        (Some(9), 7000),
    ] {
        let policy = Asked {
            choose,
            ..Asked::default()
        };
        let rig = rig(ReadFrom::custom(policy.clone()));
        rig.cluster
            .set_facts([(endpoint(7100), Facts::in_zone("z"))]);
        let outcomes = rig
            .send(&["GET {k}", "GET {k}", "GET {k}2", "GET {k}"])
            .await;
        assert_eq!(outcomes, ["v", "v", "nil", "v"]);
        let log = rig.fake.log();
        assert!(log.iter().all(|entry| entry.port == expected), "{choose:?}");
        let seen = policy.seen.lock().unwrap();
        assert_eq!(*seen, [["7000 None", "7100 Some(\"z\")", "7200 None"]]);
    }
}

/// A write in the slot outranks every policy (O3).
#[tokio::test(start_paused = true)]
async fn no_policy_reads_a_slot_elsewhere_that_the_pipeline_writes_to() {
    let policy = Asked {
        choose: Some(1),
        ..Asked::default()
    };
    for read_from in [
        ReadFrom::Nearest,
        ReadFrom::zone("here"),
        ReadFrom::custom(policy),
    ] {
        let rig = rig(read_from);
        let outcomes = rig.send(&["SET {k} new", "GET {k}"]).await;
        assert_eq!(outcomes, ["OK", "new"]);
        assert_eq!(rig.fake.lines(), ["7000 SET {k} new", "7000 GET {k}"]);
    }
}
