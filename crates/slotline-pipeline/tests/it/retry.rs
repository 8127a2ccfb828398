//! What failed without an answer. With two primaries, `k` is on 7000.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use slotline_pipeline::retry::Failed;
use slotline_pipeline::{
    ChunkLayer, Nodes, ReadFrom, Request, RetryBudget, RetryLayer, RetryPolicy, StandardPolicy,
};
use slotline_topology::slot_of;
use tokio::time::Instant;

use crate::fake::{Cut, endpoint};
use crate::rig::{PATIENCE, Rig, commands, outcomes};

const NOT_SENT: Cut = Cut {
    runs: 0,
    answers: 0,
    first_unsent: 0,
};
const ANSWER_LOST: Cut = Cut {
    runs: 1,
    answers: 0,
    first_unsent: 1,
};

#[tokio::test(start_paused = true)]
async fn what_was_not_sent_goes_again() {
    let rig = Rig::new(2, 0);
    for _ in 0..3 {
        rig.fake.cut(7000, NOT_SENT);
    }
    let began = Instant::now();
    assert_eq!(rig.send(&["INCR k", "INCR k"]).await, ["1", "2"]);
    assert!(began.elapsed() > Duration::ZERO, "the fault took place");
    assert_eq!(rig.fake.ran("INCR"), 2);
}

#[tokio::test(start_paused = true)]
async fn a_write_that_may_have_run_never_goes_again() {
    let rig = Rig::new(2, 0);
    let other = format!("INCR {}", rig.fake.key(7001, 0));
    rig.fake.cut(7000, ANSWER_LOST);
    let outcomes = rig.send(&["INCR k", &other]).await;
    assert_eq!(outcomes, ["!ambiguous network", "1"]);
    assert_eq!(rig.fake.value(7000, "k").as_deref(), Some("1"));
}

#[tokio::test(start_paused = true)]
async fn neither_does_what_only_lacks_the_write_flag() {
    for line in ["PUBLISH c m", "EVAL add-one 1 k"] {
        let rig = Rig::new(1, 0);
        rig.fake.cut(7000, ANSWER_LOST);
        assert_eq!(rig.send(&[line]).await, ["!ambiguous network"]);
        assert_eq!(rig.fake.log().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_read_that_may_have_run_goes_again() {
    let rig = Rig::new(2, 0);
    rig.fake.put("k", "v");
    rig.fake.cut(7000, ANSWER_LOST);
    assert_eq!(rig.send(&["GET k"]).await, ["v"]);
    assert_eq!(rig.fake.ran("GET"), 2, "the fault took place");
}

#[tokio::test(start_paused = true)]
async fn a_write_that_may_run_twice_goes_again_if_that_is_allowed() {
    for (allowed, line, expected) in [
        (true, "SET k v", "OK"),
        (true, "INCR k", "!ambiguous network"),
        (false, "SET k v", "!ambiguous network"),
    ] {
        let policy = StandardPolicy::new().repeat_idempotent_writes(allowed);
        let rig = Rig::with(1, 0, ChunkLayer::new(), RetryLayer::new(policy));
        rig.fake.cut(7000, ANSWER_LOST);
        assert_eq!(rig.send(&[line]).await, [expected], "{line}");
        assert_eq!(rig.fake.log().len(), 1 + usize::from(expected == "OK"));
    }
}

#[tokio::test(start_paused = true)]
async fn each_command_of_a_lost_part_has_an_outcome_of_its_own() {
    let rig = Rig::new(1, 0);
    rig.fake.put("c", "v");
    let in_the_middle = Cut {
        runs: 3,
        answers: 1,
        first_unsent: 4,
    };
    rig.fake.cut(7000, in_the_middle);
    let lines = ["INCR a", "INCR b", "GET c", "INCR d", "INCR e"];
    let lost = "!ambiguous network";
    assert_eq!(rig.send(&lines).await, ["1", lost, "v", lost, "1"]);
    let counted = |key| rig.fake.value(7000, key);
    assert_eq!(counted("b").as_deref(), Some("1"), "it ran after all");
    assert_eq!(counted("d"), None, "it did not");
}

#[tokio::test(start_paused = true)]
async fn what_was_taken_back_goes_at_once_where_the_map_now_says() {
    let rig = Rig::new(2, 0);
    rig.fake.set_away(7000, true);
    let (fake, cluster) = (rig.fake.clone(), rig.cluster.clone());
    let given_back = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(1)).await;
        fake.move_slot("k", 7001);
        cluster.moved(slot_of("k"), &endpoint(7001));
        fake.give_back(&endpoint(7000));
        Instant::now()
    });
    assert_eq!(rig.send(&["INCR k"]).await, ["1"]);
    assert_eq!(Instant::now(), given_back.await.unwrap());
    assert_eq!(rig.fake.lines(), ["7001 INCR k"]);
}

#[tokio::test(start_paused = true)]
async fn a_primary_that_is_away_is_waited_for() {
    let rig = Rig::new(2, 0);
    rig.fake.set_away(7000, true);
    let fake = rig.fake.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(3)).await;
        fake.set_away(7000, false);
    });
    let began = Instant::now();
    assert_eq!(rig.send(&["INCR k"]).await, ["1"]);
    assert_eq!(began.elapsed().as_secs(), 3);
    rig.fake.set_away(7000, true);
    let began = Instant::now();
    assert_eq!(rig.send(&["INCR k"]).await, ["!not sent timeout"]);
    assert!(began.elapsed() <= PATIENCE + Duration::from_millis(1));
    assert_eq!(rig.fake.ran("INCR"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_replica_that_is_away_yields_to_another_and_at_last_to_the_primary() {
    let rig = Rig::new(1, 2).read_from(ReadFrom::PreferReplica);
    rig.fake.put("k", "v");
    rig.fake.set_away(7100, true);
    for _ in 0..2 {
        assert_eq!(rig.send(&["GET k"]).await, ["v"]);
    }
    assert_eq!(rig.fake.lines(), ["7200r GET k", "7200r GET k"]);
    rig.fake.set_away(7200, true);
    rig.fake.forget_log();
    assert_eq!(rig.send(&["GET k"]).await, ["v"]);
    assert_eq!(rig.fake.lines(), ["7000 GET k"]);
}

#[tokio::test(start_paused = true)]
async fn with_replicas_only_the_primary_is_never_read() {
    let rig = Rig::new(1, 2).read_from(ReadFrom::ReplicaOnly);
    rig.fake.put("k", "v");
    rig.fake.set_away(7100, true);
    assert_eq!(rig.send(&["GET k"]).await, ["v"]);
    rig.fake.set_away(7200, true);
    assert_eq!(rig.send(&["GET k"]).await, ["!not sent unreachable"]);
    assert_eq!(rig.fake.lines(), ["7200r GET k"]);
}

/// Fails when retries do not wait between their attempts: sixteen of them are then
/// over before anything could get better.
#[tokio::test(start_paused = true)]
async fn retries_last_long_enough_for_nodes_to_come_back() {
    let rig = Rig::new(3, 0);
    let set_away = |fake: &crate::fake::Fake, away| {
        (7000..7003).for_each(|port| fake.set_away(port, away));
    };
    set_away(&rig.fake, true);
    let fake = rig.fake.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(300)).await;
        set_away(&fake, false);
    });
    // It waits for no single node, since any could answer.
    let began = Instant::now();
    assert_eq!(rig.send(&["PING"]).await, ["PONG"]);
    assert!(began.elapsed() >= Duration::from_millis(300), "the fault");
}

/// It may be what the server closes its connections for.
///
/// Fails when reads that were lost go again as often as what was not sent.
#[tokio::test(start_paused = true)]
async fn a_read_that_is_lost_again_and_again_is_given_up_after_a_few_times() {
    let rig = Rig::new(1, 0);
    for _ in 0..99 {
        rig.fake.cut(7000, ANSWER_LOST);
    }
    assert_eq!(rig.send(&["GET huge"]).await, ["!ambiguous network"]);
    assert_eq!(rig.fake.ran("GET"), 5);
    // What was not sent is not what the server closes them for.
    let rig = Rig::new(1, 0);
    for _ in 0..12 {
        rig.fake.cut(7000, NOT_SENT);
    }
    assert_eq!(rig.send(&["INCR k"]).await, ["1"]);
}

/// Fails when retries take nothing out of the budget.
#[tokio::test(start_paused = true)]
async fn an_empty_budget_ends_the_retries_of_all_requests() {
    // Two saved up, and one more for every ten commands.
    let budget = RetryBudget::new(0.1, 0, 2);
    let policy = StandardPolicy::new().budget(budget.clone());
    let rig = Rig::with(1, 0, ChunkLayer::new(), RetryLayer::new(policy));
    let lost = |times| (0..times).for_each(|_| rig.fake.cut(7000, ANSWER_LOST));
    lost(1);
    assert_eq!(rig.send(&["GET a"]).await, ["nil"]);
    lost(1);
    assert_eq!(rig.send(&["GET a"]).await, ["nil"]);
    lost(1);
    assert_eq!(rig.send(&["GET a"]).await, ["!ambiguous network"]);
    // Not what was not sent: no server has had any work with it.
    rig.fake.cut(7000, NOT_SENT);
    assert_eq!(rig.send(&["GET a"]).await, ["nil"]);
    assert_eq!((budget.withdrawn(), budget.refused()), (2, 1));
    rig.send(&["GET a"; 10]).await;
    lost(1);
    assert_eq!(rig.send(&["GET a"]).await, ["nil"]);
}

#[derive(Debug, Clone)]
struct Told {
    wait: Duration,
    attempts: u32,
    asked: Arc<Mutex<Vec<(&'static str, u32)>>>,
}

impl Told {
    fn new(wait: Duration, attempts: u32) -> Told {
        Told {
            wait,
            attempts,
            asked: Arc::default(),
        }
    }
}

impl RetryPolicy for Told {
    fn retry(&self, failed: &Failed<'_>) -> Option<Duration> {
        let asked = (failed.info.name, failed.attempt);
        self.asked.lock().unwrap().push(asked);
        (failed.attempt < self.attempts).then_some(self.wait)
    }
}

fn with_policy(policy: &Told) -> Rig {
    Rig::with(2, 0, ChunkLayer::new(), RetryLayer::new(policy.clone()))
}

#[tokio::test(start_paused = true)]
async fn the_policy_is_obeyed() {
    let policy = Told::new(Duration::from_millis(100), 2);
    let rig = with_policy(&policy);
    for _ in 0..9 {
        rig.fake.cut(7000, ANSWER_LOST);
    }
    let began = Instant::now();
    // Even a write that may have run goes again, if its caller allowed it.
    assert_eq!(rig.send(&["INCR k"]).await, ["!ambiguous network"]);
    assert_eq!(began.elapsed().as_millis(), 200);
    assert_eq!(rig.fake.ran("INCR"), 3);
    let asked = policy.asked.lock().unwrap();
    assert_eq!(*asked, [("INCR", 0), ("INCR", 1), ("INCR", 2)]);
}

#[tokio::test(start_paused = true)]
async fn a_write_that_may_have_run_stays_so_whatever_becomes_of_a_second_attempt() {
    let policy = Told::new(Duration::from_millis(100), 1);
    for refused in [false, true] {
        let rig = with_policy(&policy);
        rig.fake.cut(7000, ANSWER_LOST);
        let fake = rig.fake.clone();
        let second = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(50)).await;
            if refused {
                fake.refuse(7000, "INCR", "OOM command not allowed", 1);
            } else {
                fake.cut(7000, NOT_SENT);
            }
        });
        assert_eq!(rig.send(&["INCR k"]).await, ["!ambiguous network"]);
        second.await.unwrap();
        assert_eq!(rig.fake.ran("INCR"), 1);
        let times = usize::from(refused);
        assert_eq!(rig.fake.answered("-OOM"), times, "the fault took place");
    }
}

#[tokio::test(start_paused = true)]
async fn no_attempt_begins_after_the_deadline() {
    let policy = Told::new(Duration::from_millis(700), u32::MAX);
    let rig = with_policy(&policy);
    for _ in 0..99 {
        rig.fake.cut(7000, ANSWER_LOST);
    }
    let began = Instant::now();
    assert_eq!(rig.send(&["GET k"]).await, ["!ambiguous network"]);
    assert!(began.elapsed() <= PATIENCE);
    let log = rig.fake.log();
    assert_eq!(log.len(), 8, "every 700 ms of five seconds");
    assert!(log.iter().all(|entry| entry.at < began + PATIENCE));
}

#[tokio::test(start_paused = true)]
async fn a_timer_that_is_late_begins_no_attempt_either() {
    // Timers count in milliseconds: this one ends after the deadline.
    let rig = with_policy(&Told::new(Duration::from_micros(10_200), u32::MAX));
    rig.fake.cut(7000, ANSWER_LOST);
    let deadline = Instant::now() + Duration::from_micros(10_400);
    let response = rig
        .answer(Request::new(commands(&["GET k"]), deadline))
        .await;
    assert!(Instant::now() > deadline, "the fault took place");
    assert_eq!(outcomes(&response), ["!ambiguous network"]);
    assert_eq!(rig.fake.log().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_wait_without_end_is_no_attempt() {
    let rig = with_policy(&Told::new(Duration::MAX, u32::MAX));
    rig.fake.cut(7000, NOT_SENT);
    let began = Instant::now();
    assert_eq!(rig.send(&["GET k"]).await, ["!not sent network"]);
    assert_eq!(began.elapsed(), Duration::ZERO);
}
