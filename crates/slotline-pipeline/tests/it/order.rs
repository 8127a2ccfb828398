//! Commands of one pipeline that share a key run in the order in which they were
//! added (O1). With two primaries, `{k}` is on 7000.

use std::time::Duration;

use slotline_pipeline::retry::Failed;
use slotline_pipeline::{ChunkLayer, RetryLayer, RetryPolicy};
use slotline_topology::slot_of;

use crate::fake::Cut;
use crate::rig::Rig;

const LOADING: &str = "LOADING for a moment";

/// The first command is refused once, the others run: `expected` says what
/// becomes of all.
async fn first_refused(lines: &[&str], expected: &[&str], runs_in_the_end: usize) {
    let rig = Rig::new(2, 0);
    rig.fake.refuse(7000, lines[0], LOADING, 1);
    let outcomes = rig.send(lines).await;
    assert_eq!(rig.fake.answered("-LOADING"), 1, "the fault took place");
    assert_eq!(outcomes, expected, "{lines:?}");
    assert_eq!(rig.fake.ran(lines[0]), runs_in_the_end, "{lines:?}");
}

#[tokio::test(start_paused = true)]
async fn a_refused_command_surfaces_if_a_later_one_for_its_key_has_run() {
    let order = "!rejected order";
    first_refused(&["SET {k} 5", "GET {k}"], &[order, "nil"], 0).await;
    first_refused(&["SET {k} 5", "INCR {k}"], &[order, "1"], 0).await;
    first_refused(&["GET {k}", "SET {k} 5"], &[order, "OK"], 0).await;
    first_refused(&["GET {k}", "INCR {k}"], &[order, "1"], 0).await;
    first_refused(&["MGET {k} {k}2", "SET {k}2 5"], &[order, "OK"], 0).await;
    first_refused(
        &["SET {k} 5", "GET {k}2", "GET {k}"],
        &[order, "nil", "nil"],
        0,
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_refused_command_goes_again_if_no_later_one_depends_on_it() {
    first_refused(&["SET {k} 5", "GET {k}2"], &["OK", "nil"], 1).await;
    first_refused(&["MGET {k}", "GET {k}"], &["*1 $-1", "nil"], 1).await;
    first_refused(&["GET {k}", "MGET {k} {k}2"], &["nil", "*2 $-1 $-1"], 1).await;
    // The later one ran into an error of its own making, which counts as run.
    let unknown = "-ERR unknown command";
    first_refused(&["GET {k}", "STRLEN {k}"], &["nil", unknown], 1).await;
}

#[tokio::test(start_paused = true)]
async fn commands_that_were_refused_together_go_again_together() {
    let rig = Rig::new(2, 0);
    rig.fake.move_slot("{k}", 7001);
    let lines = ["SET {k} 5", "INCR {k}", "GET {k}", "INCR {k}", "GET {k}"];
    assert_eq!(rig.send(&lines).await, ["OK", "6", "6", "7", "7"]);
    assert_eq!(rig.fake.answered("-MOVED"), 5, "the fault took place");
    let log = rig.fake.log();
    assert!(log[5..].iter().all(|entry| entry.part == log[5].part));
}

#[tokio::test(start_paused = true)]
async fn commands_that_were_sent_different_ways_go_one_after_the_other() {
    let rig = Rig::new(2, 0);
    let slot = slot_of("{k}");
    rig.fake
        .refuse(7000, "SET {k} 5", &format!("ASK {slot} node:7001"), 1);
    rig.fake
        .refuse(7000, "INCR {k}", &format!("MOVED {slot} node:7001"), 1);
    rig.fake
        .refuse(7000, "GET {k}", &format!("MOVED {slot} node:7001"), 1);
    rig.fake.move_slot("{k}", 7001);
    rig.fake.set_delay(7001, Duration::from_millis(50));
    let outcomes = rig.send(&["SET {k} 5", "INCR {k}", "GET {k}"]).await;
    assert_eq!(outcomes, ["OK", "6", "6"]);
    let lines = [
        "7001 ASKING",
        "7001 SET {k} 5",
        "7001 INCR {k}",
        "7001 GET {k}",
    ];
    assert_eq!(rig.fake.lines()[3..], lines);
    let log = rig.fake.log();
    assert!(log[5].at >= log[4].at + Duration::from_millis(50));
}

#[tokio::test(start_paused = true)]
async fn a_command_whose_answer_was_lost_counts_as_run() {
    let rig = Rig::new(2, 0);
    rig.fake.refuse(7000, "SET", LOADING, 1);
    let answer_lost = Cut {
        runs: 2,
        answers: 1,
        first_unsent: 2,
    };
    rig.fake.cut(7000, answer_lost);
    let outcomes = rig.send(&["SET {k} 5", "INCR {k}", "PING"]).await;
    assert_eq!(outcomes[..2], ["!rejected order", "!ambiguous network"]);
    assert_eq!(rig.fake.value(7000, "{k}").as_deref(), Some("1"));
}

#[tokio::test(start_paused = true)]
async fn a_command_that_was_never_sent_does_not_count_as_run() {
    let rig = Rig::new(2, 0);
    rig.fake.refuse(7000, "SET", LOADING, 1);
    let not_sent = Cut {
        runs: 1,
        answers: 1,
        first_unsent: 1,
    };
    rig.fake.cut(7000, not_sent);
    let outcomes = rig.send(&["SET {k} 5", "INCR {k}", "GET {k}"]).await;
    assert_eq!(outcomes, ["OK", "6", "6"]);
    assert_eq!(rig.fake.answered("-LOADING"), 1, "the fault took place");
}

#[tokio::test(start_paused = true)]
async fn a_script_that_fails_counts_as_run_whatever_its_error_says() {
    let rig = Rig::new(2, 0);
    rig.fake.refuse(7000, "SET", LOADING, 1);
    let line = "READONLY said the script";
    rig.fake.run_and_refuse(7000, "EVAL", line, 1);
    let outcomes = rig.send(&["SET {k} 5", "EVAL add-one 1 {k}"]).await;
    assert_eq!(outcomes, ["!rejected order".to_owned(), format!("-{line}")]);
    assert_eq!(rig.fake.value(7000, "{k}").as_deref(), Some("1"));
}

#[tokio::test(start_paused = true)]
async fn a_later_chunk_comes_after_whatever_the_earlier_one_met() {
    let chunk = ChunkLayer::new().commands(2);
    let rig = Rig::with(2, 0, chunk, RetryLayer::default());
    let other = rig.fake.key(7001, 0);
    rig.fake.refuse(7000, "SET", LOADING, 3);
    let other = format!("GET {other}");
    let outcomes = rig
        .send(&["SET {k} 5", &other, "INCR {k}", "GET {k}"])
        .await;
    assert_eq!(outcomes, ["OK", "nil", "6", "6"]);
    assert_eq!(rig.fake.answered("-LOADING"), 3, "the fault took place");
}

#[derive(Debug)]
struct Anything;

impl RetryPolicy for Anything {
    fn retry(&self, _: &Failed<'_>) -> Option<Duration> {
        Some(Duration::ZERO)
    }
}

#[tokio::test(start_paused = true)]
async fn even_a_policy_that_allows_everything_cannot_turn_the_order() {
    let rig = Rig::with(2, 0, ChunkLayer::new(), RetryLayer::new(Anything));
    let both_ran = Cut {
        runs: 2,
        answers: 0,
        first_unsent: 2,
    };
    rig.fake.cut(7000, both_ran);
    let outcomes = rig.send(&["SET {k} 5", "INCR {k}"]).await;
    // INCR goes again, as its caller allowed; SET may not, since INCR may have
    // run behind it.
    assert_eq!(outcomes, ["!ambiguous order", "7"]);
    assert_eq!(rig.fake.ran("SET"), 1);
}
