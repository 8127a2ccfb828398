//! The task that keeps the map fresh (T2, T3, T6). With two primaries, `k` is on
//! 7000.

use std::time::Duration;

use slotline_pipeline::{
    Cluster, Intent, Part, ReadFrom, Refresh, RefreshConfig, Watched, WhileAway,
};
use slotline_topology::{Slot, Topology, slot_of};
use tokio::time::{Instant, sleep};
use tower::ServiceExt;

use crate::fake::{Fake, endpoint};
use crate::rig::{PATIENCE, Rig, commands};

const TICK: Duration = Duration::from_millis(1);

fn config() -> RefreshConfig {
    RefreshConfig::new(vec![endpoint(7000), endpoint(7001)])
}

fn keep_fresh(rig: &Rig, config: RefreshConfig) -> Refresh {
    Refresh::spawn(rig.cluster.clone(), rig.fake.clone(), config)
}

fn owner(cluster: &Cluster, key: &str) -> u16 {
    let snapshot = cluster.snapshot();
    let topology = snapshot.topology();
    let owner = topology.primary_of(slot_of(key)).unwrap();
    topology.endpoint(owner).unwrap().port()
}

/// When nodes were asked how they see the cluster.
fn questions(fake: &Fake) -> Vec<Instant> {
    let log = fake.log();
    let questions = log.iter().filter(|entry| entry.command == "CLUSTER SLOTS");
    questions.map(|entry| entry.at).collect()
}

#[tokio::test(start_paused = true)]
async fn a_thousand_triggers_make_one_refresh_and_a_trailing_one() {
    let rig = Rig::new(2, 0);
    for port in [7000, 7001] {
        rig.fake.set_delay(port, 10 * TICK);
    }
    let _refresh = keep_fresh(&rig, config().sample(1));
    let began = Instant::now();
    for _ in 0..500 {
        rig.cluster.want_refresh();
    }
    sleep(5 * TICK).await;
    // One is under way: what is asked for now may be newer than its answer.
    for _ in 0..500 {
        rig.cluster.want_refresh();
    }
    sleep(Duration::from_secs(30)).await;
    let asked = questions(&rig.fake);
    assert_eq!(asked.len(), 2);
    assert!(asked[0] - began < 20 * TICK, "the first comes at once");
    let spacing = asked[1] - asked[0];
    assert!((1000..1300).contains(&spacing.as_millis()), "{spacing:?}");
}

#[tokio::test(start_paused = true)]
async fn refreshes_are_a_second_apart_however_many_redirects_there_are() {
    let rig = Rig::new(2, 0);
    let _refresh = keep_fresh(&rig, config().sample(1));
    for turn in 0..2000 {
        rig.cluster.moved(slot_of("k"), &endpoint(7000 + turn % 2));
        sleep(5 * TICK).await;
    }
    let asked = questions(&rig.fake);
    assert!(
        (7..=10).contains(&asked.len()),
        "in ten seconds: {}",
        asked.len()
    );
    for pair in asked.windows(2) {
        assert!(pair[1] - pair[0] >= Duration::from_secs(1));
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_trigger_a_refresh_comes_within_every_period_and_not_always_at_its_end() {
    let rig = Rig::new(2, 0);
    let _refresh = keep_fresh(&rig, config().sample(1).period(Duration::from_secs(10)));
    sleep(Duration::from_secs(601)).await;
    let asked = questions(&rig.fake);
    let mut gaps: Vec<f64> = asked
        .windows(2)
        .map(|pair| (pair[1] - pair[0]).as_secs_f64())
        .collect();
    gaps.sort_by(f64::total_cmp);
    let (least, most) = (gaps[0], gaps[gaps.len() - 1]);
    assert!(7.5 <= least && most <= 10.25, "{least} to {most}");
    // Clients that were told of a change at once part again.
    assert!(most - least > 1.0, "{least} to {most}");
}

#[tokio::test(start_paused = true)]
async fn the_heir_of_a_dead_owner_is_found_within_a_third_of_a_second() {
    let rig = Rig::new(3, 1);
    let key = rig.fake.key(7000, 0);
    let _refresh = keep_fresh(&rig, config());
    rig.fake.set_away(7000, true);
    sleep(Duration::from_secs(2)).await;
    assert_eq!(owner(&rig.cluster, &key), 7000);
    let heir = rig
        .fake
        .log()
        .iter()
        .filter(|entry| entry.port == 7100)
        .count()
        / 2;
    assert!(
        (7..=11).contains(&heir),
        "probed every 200 ms and a little: {heir}"
    );
    // Those who do not know yet are more than those who do.
    rig.fake.isolate(7001);
    rig.fake.isolate(7002);
    let waiting = rig.send(&["PING"]);
    assert_eq!(waiting.await, ["PONG"]);

    let fake = rig.fake.clone();
    let failed_over = tokio::spawn(async move {
        sleep(Duration::from_secs(1)).await;
        fake.fail_over(7100);
        Instant::now()
    });
    // It waits for the dead node all the while, and is taken back.
    assert_eq!(rig.send(&[&format!("INCR {key}")]).await, ["1"]);
    let took = failed_over.await.unwrap().elapsed();
    assert!(took <= Duration::from_millis(300), "{took:?}");
    assert_eq!(owner(&rig.cluster, &key), 7100);
    assert!(rig.fake.given_back(7000) > 0);
    assert_eq!(rig.fake.given_back(7001) + rig.fake.given_back(7002), 0);
    assert_eq!(rig.fake.ran("INCR"), 1);
}

/// Fails when only owners that cannot be reached have their heirs asked: then it takes
/// as long as the next refresh, a second and more.
#[tokio::test(start_paused = true)]
async fn the_heir_of_an_owner_that_is_cut_off_from_the_others_is_found_as_soon() {
    let rig = Rig::new(3, 1);
    let key = rig.fake.key(7000, 0);
    let _refresh = keep_fresh(&rig, config());
    // It hears nothing of its heir, and goes on saying that its side is too small.
    rig.fake.isolate(7000);
    let down = "CLUSTERDOWN The cluster is down";
    rig.fake.refuse(7000, "INCR", down, usize::MAX);
    let (fake, cluster, other) = (rig.fake.clone(), rig.cluster.clone(), key.clone());
    let failed_over = tokio::spawn(async move {
        sleep(Duration::from_millis(2_500)).await;
        fake.fail_over(7100);
        let began = Instant::now();
        while owner(&cluster, &other) != 7100 {
            sleep(TICK).await;
        }
        began.elapsed()
    });
    assert_eq!(rig.send(&[&format!("INCR {key}")]).await, ["1"]);
    let took = failed_over.await.unwrap();
    assert!(took <= Duration::from_millis(300), "{took:?}");
    // The heir was asked before, and not more often than that of a dead owner.
    let log = rig.fake.log();
    let heir = log.iter().filter(|entry| entry.port == 7100).count() / 2;
    // As jitter has it: in 2.8 s at most, 200 ms apart or somewhat less.
    assert!((8..=18).contains(&heir), "{heir}");
    // Once nobody asks the old owner any more, there is no reason to doubt anyone.
    let before = rig.cluster.statistics().probes;
    sleep(Duration::from_secs(2)).await;
    assert!(rig.cluster.statistics().probes - before <= 3);
}

#[tokio::test(start_paused = true)]
async fn what_reaches_a_lost_owner_just_after_the_map_changed_is_taken_back_too() {
    let rig = Rig::new(2, 1);
    let _refresh = keep_fresh(&rig, config());
    rig.fake.set_away(7000, true);
    rig.fake.fail_over(7100);
    while rig.fake.given_back(7000) == 0 {
        sleep(TICK).await;
    }
    let began = Instant::now();
    let late = Part {
        node: endpoint(7000),
        intent: Intent::ReadWrite,
        commands: commands(&["INCR k"]),
        is_transaction: false,
        alone: None,
        deadline: began + PATIENCE,
        while_away: WhileAway::Wait,
        watched: Watched::default(),
    };
    let answer = rig.fake.clone().oneshot(late).await.unwrap();
    assert!(answer.failure.unwrap().error.is_displaced());
    assert!(began.elapsed() <= Duration::from_millis(300));
}

#[tokio::test(start_paused = true)]
async fn a_dead_owner_of_whose_replicas_nobody_knows_is_asked_after() {
    let rig = Rig::new(2, 1);
    let half = Slot::COUNT / 2;
    let without_replicas = Topology::builder()
        .shard([0..=half - 1], endpoint(7000), [])
        .shard([half..=Slot::COUNT - 1], endpoint(7001), []);
    let cluster = Cluster::new(without_replicas.build());
    let _refresh = Refresh::spawn(cluster.clone(), rig.fake.clone(), config());
    rig.fake.fail_over(7100);
    rig.fake.set_away(7000, true);
    sleep(Duration::from_millis(300)).await;
    assert_eq!(owner(&cluster, "k"), 7100);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_lost_its_last_slot_to_a_moved_gives_its_commands_back() {
    let rig = Rig::new(2, 0);
    rig.fake.add_node(7999);
    rig.fake.move_slot("k", 7999);
    assert_eq!(rig.send(&["INCR k"]).await, ["1"]);
    let _refresh = keep_fresh(&rig, config());
    sleep(10 * TICK).await;
    rig.fake.set_away(7999, true);
    let (fake, cluster) = (rig.fake.clone(), rig.cluster.clone());
    tokio::spawn(async move {
        sleep(Duration::from_secs(1)).await;
        fake.move_slot("k", 7001);
        // Another request was told by another node.
        cluster.moved(slot_of("k"), &endpoint(7001));
    });
    let began = Instant::now();
    assert_eq!(rig.send(&["INCR k"]).await, ["2"]);
    let took = began.elapsed();
    assert!(took <= Duration::from_millis(2300), "{took:?}");
    assert!(rig.fake.given_back(7999) > 0);
}

#[tokio::test(start_paused = true)]
async fn what_follows_a_late_moved_to_a_lost_owner_is_taken_back() {
    let rig = Rig::new(2, 1);
    let _refresh = keep_fresh(&rig, config());
    rig.fake.set_away(7000, true);
    rig.fake.fail_over(7100);
    sleep(Duration::from_secs(1)).await;
    assert_eq!(owner(&rig.cluster, "k"), 7100, "the map is new");
    // Given before the failover, and read only when the rest of its pipeline had
    // been answered, too.
    rig.cluster.moved(slot_of("k"), &endpoint(7000));
    let began = Instant::now();
    assert_eq!(rig.send(&["INCR k"]).await, ["1"]);
    let took = began.elapsed();
    assert!(took <= Duration::from_millis(1600), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_moved_outranks_the_refresh_that_was_under_way() {
    // The first says what the map knows already, the second what is new.
    for known in [true, false] {
        let rig = Rig::new(2, 0);
        for port in [7000, 7001] {
            rig.fake.isolate(port);
            rig.fake.set_delay(port, 100 * TICK);
        }
        if known {
            rig.cluster.moved(slot_of("k"), &endpoint(7001));
        }
        let _refresh = keep_fresh(&rig, config());
        rig.cluster.want_refresh();
        sleep(50 * TICK).await;
        rig.cluster.moved(slot_of("k"), &endpoint(7001));
        sleep(100 * TICK).await;
        assert_eq!(questions(&rig.fake).len(), 2, "the refresh has ended");
        assert_eq!(owner(&rig.cluster, "k"), 7001);
        // It does not outrank the next one.
        sleep(Duration::from_secs(3)).await;
        assert_eq!(owner(&rig.cluster, "k"), 7000);
    }
}

#[tokio::test(start_paused = true)]
async fn a_slot_settles_when_its_owners_own_line_shows_no_migration() {
    let rig = Rig::new(3, 1).read_from(ReadFrom::PreferReplica);
    let key = rig.fake.key(7000, 0);
    let incr = format!("INCR {key}");
    rig.fake.migrate_slot(&key, 7001);
    let _refresh = keep_fresh(&rig, config().sample(1));
    assert_eq!(rig.send(&[&incr]).await, ["1"]);
    assert_eq!(rig.fake.answered("-ASK"), 1, "the fault took place");
    let is_unsettled = || rig.cluster.snapshot().is_unsettled(slot_of(&key));
    sleep(Duration::from_secs(10)).await;
    assert!(is_unsettled(), "it is still on its way");
    rig.fake.move_slot(&key, 7001);
    sleep(Duration::from_secs(4)).await;
    assert!(!is_unsettled());
    assert_eq!(owner(&rig.cluster, &key), 7001);
    let asked = questions(&rig.fake).len();
    sleep(Duration::from_secs(30)).await;
    // Nothing is left that has to be asked; after a change it is all the same, less
    // and less often.
    let more = questions(&rig.fake).len() - asked;
    assert!((2..=5).contains(&more), "{more} more");
    sleep(Duration::from_secs(30)).await;
    let last = questions(&rig.fake).len() - asked - more;
    assert!(last <= 1, "{last} in the end");
}

#[tokio::test(start_paused = true)]
async fn an_ask_during_a_refresh_keeps_its_slot_unsettled() {
    let rig = Rig::new(2, 0);
    for port in [7000, 7001] {
        rig.fake.set_delay(port, 100 * TICK);
    }
    let is_unsettled = || rig.cluster.snapshot().is_unsettled(slot_of("k"));
    rig.cluster.migrating(slot_of("k"));
    let _refresh = keep_fresh(&rig, config());
    sleep(50 * TICK).await;
    rig.cluster.migrating(slot_of("k"));
    sleep(100 * TICK).await;
    assert_eq!(questions(&rig.fake).len(), 2, "the refresh has ended");
    assert!(is_unsettled());
    sleep(Duration::from_secs(3)).await;
    assert!(!is_unsettled());
}

#[tokio::test(start_paused = true)]
async fn epochs_are_learned_though_every_slot_stays_where_it_is() {
    let rig = Rig::new(2, 1);
    rig.fake.fail_over(7100);
    rig.fake.isolate(7001);
    rig.fake.fail_over(7000);
    // The client knows who owns what, but not since when.
    let _refresh = keep_fresh(&rig, config().sample(4));
    rig.cluster.want_refresh();
    sleep(10 * TICK).await;
    assert_eq!(owner(&rig.cluster, "k"), 7000);
    rig.fake.set_away(7000, true);
    rig.fake.set_away(7100, true);
    rig.fake.forget_log();
    sleep(Duration::from_secs(5)).await;
    assert!(!questions(&rig.fake).is_empty(), "the one left was asked");
    assert_eq!(owner(&rig.cluster, "k"), 7000, "and is behind");
}

#[tokio::test(start_paused = true)]
async fn nodes_that_do_not_answer_change_nothing() {
    let rig = Rig::new(2, 1);
    let before = rig.fake.topology();
    let _refresh = keep_fresh(&rig, config());
    for port in [7000, 7001] {
        rig.fake
            .refuse(port, "CLUSTER", "LOADING for long", usize::MAX);
    }
    for port in [7100, 7101] {
        rig.fake.set_away(port, true);
    }
    rig.cluster.want_refresh();
    sleep(Duration::from_secs(5)).await;
    assert!(rig.fake.answered("-LOADING") > 0, "the fault took place");
    for port in [7000, 7001] {
        rig.fake.set_away(port, true);
    }
    rig.cluster.want_refresh();
    sleep(Duration::from_secs(5)).await;
    assert_eq!(*rig.cluster.snapshot().topology(), before);
    assert_eq!(rig.fake.given_back(7000), 0);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_swallows_the_question_holds_up_nobody() {
    let rig = Rig::new(2, 1);
    rig.fake.fail_over(7100);
    rig.fake.set_delay(7000, Duration::from_secs(3600));
    let _refresh = keep_fresh(&rig, config().sample(4));
    rig.cluster.want_refresh();
    sleep(200 * TICK).await;
    assert_eq!(owner(&rig.cluster, "k"), 7100);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_cannot_serve_is_left_once_another_has_taken_over() {
    for line in [
        "LOADING Redis is loading the dataset in memory",
        "MASTERDOWN Link with MASTER is down",
        "READONLY You can't write against a read only replica.",
        "CLUSTERDOWN The cluster is down",
    ] {
        let rig = Rig::new(2, 1);
        let _refresh = keep_fresh(&rig, config());
        rig.fake.fail_over(7100);
        rig.fake.refuse(7000, "INCR", line, usize::MAX);
        let began = Instant::now();
        assert_eq!(rig.send(&["INCR k"]).await, ["1"]);
        assert!(rig.fake.answered("-") > 0, "the fault took place");
        assert!(began.elapsed() < Duration::from_secs(2), "{line}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_waits_after_a_moved_goes_by_the_map() {
    let rig = Rig::new(3, 1);
    let key = rig.fake.key(7000, 0);
    let _refresh = keep_fresh(&rig, config());
    rig.fake.move_slot(&key, 7001);
    rig.fake
        .refuse(7001, "INCR", "LOADING for long", usize::MAX);
    let fake = rig.fake.clone();
    tokio::spawn(async move {
        sleep(Duration::from_secs(1)).await;
        fake.fail_over(7101);
    });
    assert_eq!(rig.send(&[&format!("INCR {key}")]).await, ["1"]);
    assert_eq!(rig.fake.answered("-MOVED"), 1, "the fault took place");
    assert!(rig.fake.answered("-LOADING") > 0);
    assert_eq!(rig.fake.value(7101, &key).as_deref(), Some("1"));
}

#[tokio::test(start_paused = true)]
async fn no_setting_makes_the_task_spin_or_fall() {
    for extreme in [Duration::ZERO, Duration::MAX] {
        for probe in [extreme, 5 * TICK] {
            let rig = Rig::new(2, 0);
            let config = config().spacing(extreme).period(extreme).probe(probe);
            let _refresh = keep_fresh(&rig, config);
            sleep(20 * TICK).await;
            rig.fake.forget_log();
            rig.cluster.want_refresh();
            sleep(20 * TICK).await;
            assert!(!questions(&rig.fake).is_empty(), "{extreme:?}, {probe:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn dropping_it_ends_the_task() {
    let rig = Rig::new(2, 1);
    let refresh = keep_fresh(&rig, config());
    rig.fake.set_away(7000, true);
    sleep(Duration::from_secs(1)).await;
    assert!(!questions(&rig.fake).is_empty());
    drop(refresh);
    sleep(TICK).await;
    rig.fake.forget_log();
    rig.cluster.want_refresh();
    sleep(Duration::from_secs(120)).await;
    assert!(rig.fake.log().is_empty());
}
