//! The intent is chosen per slot, over the whole pipeline (O3). With two
//! primaries, `{k}` is on 7000.

use slotline_pipeline::{ChunkLayer, ReadFrom, RetryLayer};

use crate::fake::Cut;
use crate::rig::Rig;

const PIPELINE: [&str; 3] = ["SET {k} new", "GET {k}", "GET {k}2"];

/// Replicas hold old values, so that a read from one shows.
fn rig(chunk: ChunkLayer) -> (Rig, String) {
    let rig = Rig::with(2, 1, chunk, RetryLayer::default());
    let other = rig.fake.key(7001, 0);
    for key in ["{k}", "{k}2", &other] {
        rig.fake.put(key, "old");
    }
    (
        rig.read_from(ReadFrom::PreferReplica),
        format!("GET {other}"),
    )
}

#[tokio::test(start_paused = true)]
async fn a_slot_that_is_written_to_goes_to_its_primary_as_a_whole() {
    let (rig, other) = rig(ChunkLayer::new());
    let lines = [PIPELINE[0], PIPELINE[1], PIPELINE[2], &other];
    assert_eq!(rig.send(&lines).await, ["OK", "new", "old", "old"]);
    let mut sent = rig.fake.lines();
    sent.sort();
    let mut expected = PIPELINE.map(|line| format!("7000 {line}")).to_vec();
    expected.push(format!("7101r {other}"));
    expected.sort();
    assert_eq!(sent, expected);
    // Without the write, they are read from the replica.
    rig.fake.forget_log();
    assert_eq!(rig.send(&["GET {k}", "GET {k}2"]).await, ["old", "old"]);
    assert_eq!(rig.fake.lines(), ["7100r GET {k}", "7100r GET {k}2"]);
}

#[tokio::test(start_paused = true)]
async fn so_it_is_when_the_pipeline_is_cut_into_chunks() {
    let (rig, other) = rig(ChunkLayer::new().commands(1));
    let lines = [PIPELINE[2], PIPELINE[0], PIPELINE[1], &other];
    assert_eq!(rig.send(&lines).await, ["old", "OK", "new", "old"]);
    assert_eq!(
        rig.fake.lines()[..3],
        ["7000 GET {k}2", "7000 SET {k} new", "7000 GET {k}"]
    );
    assert_eq!(rig.fake.lines()[3], format!("7101r {other}"));
}

#[tokio::test(start_paused = true)]
async fn so_it_is_when_only_the_read_is_refused() {
    for line in [
        "LOADING for a moment",
        "CLUSTERDOWN for a moment",
        "READONLY no",
    ] {
        for commands in [1, 1000] {
            let (rig, other) = rig(ChunkLayer::new().commands(commands));
            rig.fake.refuse(7000, "GET {k}", line, 2);
            let outcomes = rig.send(&[PIPELINE[0], PIPELINE[1], &other]).await;
            assert_eq!(outcomes, ["OK", "new", "old"]);
            assert_eq!(
                rig.fake.answered(&format!("-{line}")),
                2,
                "the fault took place"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn so_it_is_when_only_the_read_was_not_sent() {
    for first_unsent in [1, 2] {
        let (rig, other) = rig(ChunkLayer::new());
        let behind_set = Cut {
            runs: first_unsent,
            answers: 1,
            first_unsent,
        };
        rig.fake.cut(7000, behind_set);
        let outcomes = rig.send(&[PIPELINE[0], PIPELINE[1], &other]).await;
        assert_eq!(outcomes, ["OK", "new", "old"]);
        let set = rig.fake.lines();
        assert_eq!(set.iter().filter(|line| line.contains("SET")).count(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn so_it_is_when_only_the_read_is_redirected() {
    let (rig, other) = rig(ChunkLayer::new());
    rig.fake.put_at(7000, "{k}", "old");
    rig.fake.migrate_slot("{k}", 7001);
    // SET finds its key still there; then the key moves.
    rig.fake.put_at(7001, "{k}9", "moved");
    let outcomes = rig
        .send(&[PIPELINE[0], "GET {k}9", PIPELINE[1], &other])
        .await;
    assert_eq!(outcomes, ["OK", "moved", "new", "old"]);
    assert_eq!(rig.fake.answered("-ASK"), 1, "the fault took place");
    assert!(
        rig.fake
            .lines()
            .iter()
            .all(|line| !line.starts_with("7100"))
    );
}
