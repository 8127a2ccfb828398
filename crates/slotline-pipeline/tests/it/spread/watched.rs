//! Progress and explain speak of the commands that were given, not of their parts.

use std::time::Duration;

use slotline_pipeline::observe::What;
use slotline_pipeline::{ChunkLayer, Explain, Progress, RetryLayer};

use crate::rig::{Rig, call, outcomes};

#[tokio::test(start_paused = true)]
async fn what_becomes_of_parts_is_told_of_their_command() {
    let rig = Rig::new(3, 0);
    rig.fake.move_slot("c", 7000);
    let explain = Explain::new();
    let request = rig
        .request(&["GET a", "MGET a b c", "GET b"])
        .explain(&explain);
    outcomes(&call(rig.spread(), request).await.unwrap());
    let steps = explain.of_command(1);
    assert_eq!(steps[0].what, What::Spread { parts: 3 }, "{explain}");
    let turned =
        |step: &&slotline_pipeline::observe::Step| matches!(step.what, What::Turned { .. });
    assert_eq!(steps.iter().filter(turned).count(), 1, "{explain}");
    for step in explain.steps() {
        assert!(
            step.commands.iter().all(|command| *command < 3),
            "{explain}"
        );
        assert!(step.commands.is_sorted_by(|a, b| a < b), "{explain}");
    }
    let sent = |step: &&slotline_pipeline::observe::Step| matches!(step.what, What::Sent { .. });
    let of_last = explain.of_command(2);
    assert_eq!(of_last.iter().filter(sent).count(), 1, "{explain}");
}

#[tokio::test(start_paused = true)]
async fn a_command_counts_once_all_of_its_parts_have_their_outcomes() {
    for commands in [1, 2, 5, 1_000] {
        let chunk = ChunkLayer::new().commands(commands).in_flight(1);
        let rig = Rig::with(3, 0, chunk, RetryLayer::default());
        for port in [7000, 7001, 7002] {
            rig.fake.set_delay(port, Duration::from_millis(10));
        }
        let progress = Progress::new();
        let lines = ["GET a", "MGET a b c", "DBSIZE", "GET b", "DEL a b"];
        let request = rig.request(&lines).progress(&progress);
        let sending = tokio::spawn(call(rig.spread(), request));
        let mut seen = vec![0];
        while seen[seen.len() - 1] < lines.len() {
            let last = seen[seen.len() - 1];
            seen.push(progress.beyond(last).await);
        }
        assert_eq!(progress.answered(), lines.len(), "{commands}: {seen:?}");
        assert_eq!(sending.await.unwrap().unwrap().len(), lines.len());
        if commands == 1 {
            assert_eq!(seen, [0, 1, 2, 3, 4, 5]);
        }
    }
}
