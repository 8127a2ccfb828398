//! A server that stands still while many want something of it (G1, in small).

use std::time::Duration;

use slotline_pool::{Pool, WhileAway};
use slotline_resp::Delivery;
use slotline_tests::{connections_of, in_time, server, until};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::setting::{builder, meanwhile, send, texts, words};

const BYTES: usize = 256 << 10;
const COMMANDS: usize = 2_000;

/// One INCR of a key of its own, with something heavy beside it.
async fn one(pool: Pool, key: String) -> (String, Fate) {
    let lines = [
        format!("SET heavy:{} {}", key.len(), "x".repeat(1_000)),
        format!("INCR {key}"),
    ];
    let deadline = Instant::now() + Duration::from_millis(700);
    let answer = pool.send(words(&lines), deadline, WhileAway::Wait).await;
    let fate = match answer.failure {
        None => Fate::Answered,
        Some(failure) => match failure.delivery(1) {
            Delivery::NotSent => Fate::NotSent,
            _ => Fate::InDoubt,
        },
    };
    (key, fate)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Answered,
    InDoubt,
    NotSent,
}

/// What waits stays within its bound all the time, and what was said not to have been
/// sent has not run when the server goes on.
///
/// Fails when requests whose callers have been told are written all the same (let
/// `Protocol::is_dead` say no), and when there is no bound in bytes (in
/// `Protocol::has_room`): a megabyte waits.
#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_a_server_that_stands_still_is_bounded_and_never_runs_late() {
    let server = server().await;
    let pool = builder(&server, "stopped")
        .max_queued_bytes(BYTES)
        .max_in_flight(COMMANDS)
        .response_timeout(Duration::from_millis(1500))
        .connect_timeout(Duration::from_millis(500))
        .build();
    assert_eq!(texts(&send(&pool, &["ECHO on"]).await), ["on"]);
    server.pause().expect("SIGSTOP");
    let start = Instant::now();
    let mut tasks = JoinSet::new();
    let (mut count, mut most_bytes, mut most_commands) = (0, 0, 0);
    // Full load: as many as can be, for as long as it stands still.
    while start.elapsed() < Duration::from_secs(4) {
        for _ in 0..400 {
            tasks.spawn(one(pool.clone(), format!("n:{count}")));
            count += 1;
        }
        for _ in 0..5 {
            meanwhile(4).await;
            let now = pool.statistics();
            most_bytes = most_bytes.max(now.queued_bytes);
            most_commands = most_commands.max(now.in_flight);
        }
    }
    assert!(most_bytes <= BYTES, "{most_bytes} bytes wait");
    assert!(
        most_commands <= COMMANDS,
        "{most_commands} commands hold a place"
    );
    assert!(
        most_bytes >= BYTES / 2,
        "it was no full load: {most_bytes} bytes"
    );
    server.resume().expect("SIGCONT");
    let mut fates = Vec::new();
    while let Some(task) = tasks.join_next().await {
        fates.push(task.expect("a task"));
    }
    // Whatever the server had got of the connections that were given up has run.
    until("the old connections are gone", async || {
        connections_of(&server, "stopped").await.len() <= 1
    })
    .await;
    assert_eq!(texts(&in_time(send(&pool, &["ECHO on"])).await), ["on"]);
    let mut counts = [0; 3];
    for (key, fate) in &fates {
        let value: Option<i64> = server.ask(&["GET", key]).await.expect("GET");
        match fate {
            Fate::Answered => assert_eq!(value, Some(1), "{key}"),
            Fate::NotSent => assert_eq!(value, None, "{key} ran though not sent"),
            Fate::InDoubt => assert!(value.is_none_or(|it| it == 1), "{key}"),
        }
        counts[*fate as usize] += 1;
    }
    let [answered, in_doubt, not_sent] = counts;
    println!(
        "{count} requests: {answered} answered, {in_doubt} in doubt, {not_sent} not sent; at most {most_bytes} bytes"
    );
    assert_eq!(fates.len(), count);
    assert!(not_sent > 1000 && in_doubt > 0, "{counts:?}");
    let rest = pool.statistics();
    assert_eq!((rest.in_flight, rest.queued_bytes, rest.waiting), (0, 0, 0));
}
