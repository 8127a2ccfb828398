//! A transaction goes as a whole, or goes again as a whole. With two primaries,
//! `{k}` is on 7000.

use slotline_pipeline::{ChunkLayer, RetryLayer, StandardPolicy};
use slotline_topology::slot_of;

use crate::fake::Cut;
use crate::rig::{Rig, outcomes};

const LINES: [&str; 4] = ["MULTI", "INCR {k}1", "INCR {k}2", "EXEC"];
const DONE: [&str; 4] = ["OK", "QUEUED", "QUEUED", "*2 :1 :1"];

async fn send(rig: &Rig, lines: &[&str]) -> Vec<String> {
    outcomes(&rig.answer(rig.request(lines).transaction()).await)
}

fn parts(rig: &Rig) -> Vec<Vec<String>> {
    let mut parts: Vec<(usize, Vec<String>)> = Vec::new();
    for entry in rig.fake.log() {
        let line = format!("{} {}", entry.port, entry.command);
        match parts.last_mut() {
            Some((part, lines)) if *part == entry.part => lines.push(line),
            _ => parts.push((entry.part, vec![line])),
        }
    }
    parts.into_iter().map(|(_, lines)| lines).collect()
}

fn counted(rig: &Rig, port: u16) -> [Option<String>; 2] {
    ["{k}1", "{k}2"].map(|key| rig.fake.value(port, key))
}

fn once() -> [Option<String>; 2] {
    [Some("1".to_owned()), Some("1".to_owned())]
}

/// Fails when `Chunk` cuts a transaction.
#[tokio::test(start_paused = true)]
async fn it_is_one_write_however_small_the_pieces() {
    let rig = Rig::with(2, 0, ChunkLayer::new().commands(1), RetryLayer::default());
    assert_eq!(send(&rig, &LINES).await, DONE);
    assert_eq!(parts(&rig), [LINES.map(|line| format!("7000 {line}"))]);
}

/// Fails when only the refused commands go again, as from a pipeline.
#[tokio::test(start_paused = true)]
async fn after_a_moved_it_goes_again_as_a_whole() {
    let rig = Rig::new(2, 0);
    rig.fake.move_slot("{k}", 7001);
    assert_eq!(send(&rig, &LINES).await, DONE);
    assert_eq!(rig.fake.answered("-EXECABORT"), 1, "the fault took place");
    let [first, second] = ["7000", "7001"].map(|port| LINES.map(|line| format!("{port} {line}")));
    assert_eq!(parts(&rig), [first, second]);
    assert_eq!(counted(&rig, 7001), once());
    rig.fake.forget_log();
    send(&rig, &LINES).await;
    assert_eq!(rig.fake.answered("-MOVED"), 0, "the map has learned");
}

/// Fails when there is an ASKING before each command: the server then takes
/// ASKING for a command of the transaction.
#[tokio::test(start_paused = true)]
async fn after_an_ask_one_asking_goes_before_all_of_it() {
    let rig = Rig::new(2, 0);
    rig.fake.migrate_slot("{k}", 7001);
    assert_eq!(send(&rig, &LINES).await, DONE);
    assert_eq!(rig.fake.answered("-ASK"), 2, "the fault took place");
    let asked = ["ASKING", LINES[0], LINES[1], LINES[2], LINES[3]];
    assert_eq!(parts(&rig)[1], asked.map(|line| format!("7001 {line}")));
    assert_eq!(counted(&rig, 7001), once());
}

#[tokio::test(start_paused = true)]
async fn what_is_temporary_is_waited_out_by_all_of_it() {
    for line in [
        "TRYAGAIN",
        "LOADING for a moment",
        "CLUSTERDOWN so",
        "READONLY no",
    ] {
        for at in [1, 3] {
            let rig = Rig::new(2, 0);
            rig.fake.refuse(7000, LINES[at], line, 3);
            assert_eq!(send(&rig, &LINES).await, DONE, "{line} to {}", LINES[at]);
            let refused = rig.fake.answered(&format!("-{line}"));
            assert_eq!(refused, 3, "the fault took place");
            assert_eq!(counted(&rig, 7000), once());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_ran_does_not_go_again_whatever_is_in_its_answer() {
    let rig = Rig::new(2, 0);
    // An error of a command within EXEC's answer, and one of the caller's making.
    rig.fake.refuse(7000, "INCR {k}1", "ERR not so", 1);
    let outcomes = send(&rig, &LINES).await;
    assert_eq!(outcomes[1], "-ERR not so");
    assert!(outcomes[3].starts_with("-EXECABORT"), "{outcomes:?}");
    assert_eq!(parts(&rig).len(), 1);
}

/// Fails when a part whose EXEC was not written counts as one that may have run,
/// and when a part that may have run goes again.
#[tokio::test(start_paused = true)]
async fn without_its_exec_it_has_not_run_and_with_it_it_may_have() {
    let without = |first_unsent| Cut {
        runs: 0,
        answers: 0,
        first_unsent,
    };
    for first_unsent in 0..4 {
        let rig = Rig::new(2, 0);
        rig.fake.cut(7000, without(first_unsent));
        assert_eq!(send(&rig, &LINES).await, DONE, "{first_unsent}");
        assert_eq!(counted(&rig, 7000), once());
    }
    for first_unsent in 0..4 {
        let never = RetryLayer::new(StandardPolicy::new().attempts(0));
        let rig = Rig::with(2, 0, ChunkLayer::new(), never);
        rig.fake.cut(7000, without(first_unsent));
        assert_eq!(send(&rig, &LINES).await, ["!not sent network"; 4]);
    }
    let rig = Rig::new(2, 0);
    let answer_lost = Cut {
        runs: 4,
        answers: 0,
        first_unsent: 4,
    };
    rig.fake.cut(7000, answer_lost);
    assert_eq!(send(&rig, &LINES).await, ["!ambiguous network"; 4]);
    assert_eq!(counted(&rig, 7000), once());
    // Also where the part had an ASKING.
    let rig = Rig::new(2, 0);
    rig.fake.migrate_slot("{k}", 7001);
    rig.fake.cut(7001, without(3));
    assert_eq!(send(&rig, &LINES).await, DONE);
    assert_eq!(counted(&rig, 7001), once());
}

#[tokio::test(start_paused = true)]
async fn keys_of_several_slots_are_refused_unsent() {
    let rig = Rig::new(2, 0);
    let outcomes = send(&rig, &["MULTI", "INCR {k}1", "INCR b", "EXEC"]).await;
    assert_eq!(outcomes, ["!not sent cluster"; 4]);
    assert!(rig.fake.log().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_circle_of_redirects_ends_for_a_transaction_too() {
    let rig = Rig::new(2, 0);
    let slot = slot_of("{k}");
    for (port, other) in [(7000, 7001), (7001, 7000)] {
        let moved = format!("MOVED {slot} node:{other}");
        rig.fake.refuse(port, "INCR {k}1", &moved, usize::MAX);
    }
    let outcomes = send(&rig, &LINES).await;
    assert!(outcomes[1].starts_with("-MOVED"), "{outcomes:?}");
    assert!(outcomes[3].starts_with("-EXECABORT"), "{outcomes:?}");
    assert_eq!(rig.fake.ran("INCR"), 0);
}

/// Fails when only a refusal that came to a queued command is read.
#[tokio::test(start_paused = true)]
async fn what_exec_itself_was_refused_for_is_waited_out() {
    let rig = Rig::new(2, 0);
    let line = "EXECABORT Transaction discarded because of: READONLY You can't write";
    rig.fake.refuse(7000, "EXEC", line, 2);
    assert_eq!(send(&rig, &LINES).await, DONE);
    assert_eq!(rig.fake.answered("-EXECABORT"), 2, "the fault took place");
    assert_eq!(counted(&rig, 7000), once());
}

/// Fails when a transaction is routed without a look at what is in it.
#[tokio::test(start_paused = true)]
async fn what_does_not_belong_in_it_is_refused_unsent() {
    let rig = Rig::new(2, 0);
    for within in ["WATCH {k}1", "MULTI", "WAIT 1 0", "SELECT 1"] {
        let outcomes = send(&rig, &["MULTI", "INCR {k}1", within, "EXEC"]).await;
        assert_eq!(outcomes, ["!not sent refused"; 4], "{within}");
    }
    // Of these each primary has a part only, whatever goes with them.
    for within in ["DBSIZE", "FLUSHALL", "SCRIPT LOAD x"] {
        for lines in [
            &["MULTI", within, "EXEC"][..],
            &["MULTI", "INCR {k}1", within, "EXEC"],
        ] {
            let outcomes = send(&rig, lines).await;
            assert_eq!(outcomes, vec!["!not sent cluster"; lines.len()], "{within}");
        }
    }
    assert!(rig.fake.log().is_empty());
}
