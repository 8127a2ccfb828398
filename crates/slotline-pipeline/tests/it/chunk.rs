//! What is too large for one go.

use std::collections::BTreeMap;
use std::time::Duration;

use slotline_pipeline::{ChunkLayer, RetryLayer};

use crate::fake::Cut;
use crate::rig::Rig;

fn rig(primaries: u16, chunk: ChunkLayer) -> Rig {
    Rig::with(primaries, 0, chunk, RetryLayer::default())
}

/// How many commands each part had.
fn sizes(rig: &Rig) -> Vec<usize> {
    let mut sizes = BTreeMap::new();
    for entry in rig.fake.log() {
        *sizes.entry(entry.part).or_insert(0) += 1;
    }
    sizes.into_values().collect()
}

fn echo_keys(rig: &Rig, count: usize) -> (Vec<String>, Vec<String>) {
    let primaries = rig.fake.topology().primaries().count();
    let keys: Vec<String> = (0..count)
        .map(|n| rig.fake.key(7000 + (n % primaries) as u16, n))
        .collect();
    for key in &keys {
        rig.fake.put(key, &format!("v:{key}"));
    }
    let lines = keys.iter().map(|key| format!("GET {key}")).collect();
    let values = keys.iter().map(|key| format!("v:{key}")).collect();
    (lines, values)
}

#[tokio::test(start_paused = true)]
async fn a_piece_has_no_more_commands_than_allowed() {
    let rig = rig(1, ChunkLayer::new().commands(10));
    let (lines, values) = echo_keys(&rig, 25);
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    assert_eq!(rig.send(&lines).await, values);
    assert_eq!(sizes(&rig), [10, 10, 5]);
}

#[tokio::test(start_paused = true)]
async fn a_piece_has_no_more_bytes_than_allowed_unless_one_command_has() {
    let rig = rig(1, ChunkLayer::new().bytes(100));
    let large = format!("SET a {}", "x".repeat(1000));
    // 27 bytes each.
    let small = ["SET b 1"; 7];
    let mut lines = small.to_vec();
    lines.push(&large);
    lines.push("GET b");
    let outcomes = rig.send(&lines).await;
    assert_eq!(outcomes[..8], ["OK"; 8]);
    assert_eq!(outcomes[8], "1");
    assert_eq!(sizes(&rig), [3, 3, 1, 1, 1]);
}

#[tokio::test(start_paused = true)]
async fn results_over_pieces_and_nodes_come_in_order() {
    let rig = rig(3, ChunkLayer::new().commands(7));
    for (port, delay) in [(7000, 30), (7001, 10), (7002, 20)] {
        rig.fake.set_delay(port, Duration::from_millis(delay));
    }
    let (lines, values) = echo_keys(&rig, 50);
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    assert_eq!(rig.send(&lines).await, values);
}

#[tokio::test(start_paused = true)]
async fn a_piece_that_fails_takes_no_other_with_it() {
    let rig = rig(1, ChunkLayer::new().commands(2));
    let both_lost = Cut {
        runs: 2,
        answers: 0,
        first_unsent: 2,
    };
    let whole = Cut {
        runs: 2,
        answers: 2,
        first_unsent: 2,
    };
    rig.fake.cut(7000, whole);
    rig.fake.cut(7000, both_lost);
    let lines = ["INCR a", "INCR a", "INCR a", "INCR a", "INCR a"];
    let lost = "!ambiguous network";
    assert_eq!(rig.send(&lines).await, ["1", "2", lost, lost, "5"]);
}

#[tokio::test(start_paused = true)]
async fn a_request_of_no_command_has_no_outcome() {
    let rig = rig(1, ChunkLayer::new());
    assert!(rig.answer(rig.request(&[])).await.is_empty());
}

/// A FLUSHDB behind a SELECT that is refused would empty another database.
#[tokio::test(start_paused = true)]
async fn what_comes_behind_a_refused_session_command_is_refused_too() {
    for pieces in [1, 2, 100] {
        let rig = rig(2, ChunkLayer::new().commands(pieces));
        let lines = [
            "SET a 1",
            "BLPOP l 0",
            "SET b 1",
            "SELECT 3",
            "SET a 2",
            "SET b 2",
        ];
        let refused = "!not sent refused";
        let outcomes = rig.send(&lines).await;
        assert_eq!(outcomes, ["OK", refused, "OK", refused, refused, refused]);
        assert_eq!(rig.fake.ran("SET"), 2, "pieces of {pieces}");
    }
}
