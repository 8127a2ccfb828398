//! Several pieces of one pipeline on their way at once. With two primaries, `{k}`
//! is on 7000.

use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use slotline_pipeline::{
    ChunkLayer, Cluster, Progress, RedirectLayer, RetryLayer, RouteLayer, StandardPolicy,
};
use slotline_topology::slot_of;
use tokio::time::Instant;
use tower::ServiceBuilder;

use crate::fake::{Cut, Entry, Fake, endpoint};
use crate::rig::{PATIENCE, Rig, call, outcomes, request};

const DELAY: Duration = Duration::from_millis(10);

fn rig(commands: usize, in_flight: usize) -> Rig {
    let chunk = ChunkLayer::new().commands(commands).in_flight(in_flight);
    let rig = Rig::with(2, 0, chunk, RetryLayer::default());
    for port in [7000, 7001] {
        rig.fake.set_delay(port, DELAY);
    }
    rig
}

/// Fails when a piece waits for the one before.
#[tokio::test(start_paused = true)]
async fn as_many_pieces_are_on_their_way_as_are_allowed() {
    for (in_flight, turns) in [(1, 6), (2, 3), (3, 2), (99, 1)] {
        let rig = rig(1, in_flight);
        let began = Instant::now();
        let outcomes = rig.send(&["INCR {k}"; 6]).await;
        assert_eq!(outcomes, ["1", "2", "3", "4", "5", "6"]);
        assert_eq!(began.elapsed(), DELAY * turns, "{in_flight} in flight");
    }
}

#[tokio::test(start_paused = true)]
async fn results_come_in_order_though_later_pieces_end_first() {
    let rig = rig(1, 4);
    rig.fake.set_delay(7000, DELAY * 10);
    let other = format!("INCR {}", rig.fake.key(7001, 0));
    let began = Instant::now();
    let lines = ["INCR {k}", &other, &other, &other, &other, "INCR {k}"];
    assert_eq!(rig.send(&lines).await, ["1", "1", "2", "3", "4", "2"]);
    assert!(began.elapsed() < DELAY * 15, "the slow node held nobody up");
}

/// Fails when a trouble of one piece holds up all of the next.
#[tokio::test(start_paused = true)]
async fn a_piece_in_trouble_holds_back_its_own_keys_only() {
    let rig = rig(1, 2);
    rig.fake.refuse(7000, "SET {k}", "LOADING for a moment", 30);
    let mut lines = vec!["SET {k} 5"];
    lines.extend(["INCR {k}2"; 5]);
    lines.extend(["INCR {k}", "GET {k}"]);
    let outcomes = rig.send(&lines).await;
    assert_eq!(rig.fake.answered("-LOADING"), 30, "the fault took place");
    assert_eq!(outcomes, ["OK", "1", "2", "3", "4", "5", "6", "6"]);
    let log = rig.fake.log();
    let ran = |command: &str| {
        let entry = log
            .iter()
            .find(|entry| entry.ran && entry.command == command);
        entry.unwrap().at
    };
    assert!(ran("INCR {k}2") < ran("SET {k} 5"));
    assert!(ran("SET {k} 5") < ran("INCR {k}"));
}

#[tokio::test(start_paused = true)]
async fn pieces_that_are_redirected_together_keep_their_order() {
    for asking in [false, true] {
        let rig = rig(1, 8);
        if asking {
            rig.fake.migrate_slot("{k}", 7001);
        } else {
            rig.fake.move_slot("{k}", 7001);
        }
        let lines = [
            "SET {k} 5",
            "INCR {k}",
            "INCR {k}2",
            "GET {k}",
            "INCR {k}",
            "GET {k}",
        ];
        let outcomes = rig.send(&lines).await;
        assert_eq!(outcomes, ["OK", "6", "1", "6", "7", "7"]);
        let sign = if asking { "-ASK" } else { "-MOVED" };
        assert!(rig.fake.answered(sign) >= 6, "the fault took place");
        assert_eq!(rig.fake.ran("INCR") + rig.fake.ran("SET"), 4);
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_later_piece_has_passed_surfaces() {
    let rig = rig(1, 2);
    rig.fake.refuse(7000, "SET {k}", "LOADING for a moment", 1);
    let outcomes = rig.send(&["SET {k} 5", "INCR {k}", "INCR {k}"]).await;
    assert_eq!(rig.fake.answered("-LOADING"), 1, "the fault took place");
    // The first INCR was on its way already; the second was not.
    assert_eq!(outcomes, ["!rejected order", "1", "2"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_held_back_goes_when_the_earlier_one_has_surfaced_and_not_before() {
    let rig = rig(1, 2);
    // Else the last attempt could be under way at the deadline.
    rig.fake.set_delay(7000, Duration::ZERO);
    rig.fake
        .refuse(7000, "SET {k}", "LOADING for ever", usize::MAX);
    let began = Instant::now();
    let outcomes = rig.send(&["SET {k} 5", "PING", "PING", "INCR {k}"]).await;
    assert_eq!(outcomes[..3], ["-LOADING for ever", "PONG", "PONG"]);
    let lines = rig.fake.lines();
    let last_set = lines.iter().rposition(|line| line.contains("SET"));
    let first_incr = lines.iter().position(|line| line.contains("INCR"));
    assert!(first_incr.is_none_or(|incr| Some(incr) > last_set));
    assert!(began.elapsed() <= PATIENCE + Duration::from_millis(1));
}

#[tokio::test(start_paused = true)]
async fn progress_is_seen_while_it_is_made() {
    let rig = rig(10, 1);
    let progress = Progress::new();
    let request = request(&["INCR {k}"; 25]).progress(&progress);
    let seen = async {
        let mut seen = vec![progress.answered()];
        while seen[seen.len() - 1] < 25 {
            seen.push(progress.beyond(seen[seen.len() - 1]).await);
        }
        seen
    };
    let (response, seen) = tokio::join!(rig.answer(request), seen);
    assert_eq!(outcomes(&response).len(), 25);
    assert_eq!(seen, [0, 10, 20, 25]);
    // Also where nothing is cut.
    let progress = Progress::new();
    rig.answer(crate::rig::request(&["PING"]).progress(&progress))
        .await;
    assert_eq!(progress.answered(), 1);
}

/// A limit between the layers: whoever waits for another piece must not keep a
/// place that it needs.
#[tokio::test(start_paused = true)]
async fn pieces_that_wait_for_each_other_keep_no_place() {
    for limited_at in 0..4 {
        let fake = Fake::new(2, 0);
        let cluster = Cluster::new(fake.topology());
        let limit = |at| usize::from(at != limited_at) * 98 + 1;
        let stack = ServiceBuilder::new()
            .layer(ChunkLayer::new().commands(1).in_flight(4))
            .concurrency_limit(limit(0))
            .layer(RetryLayer::default())
            .concurrency_limit(limit(1))
            .layer(RedirectLayer::new(cluster.clone()))
            .concurrency_limit(limit(2))
            .layer(RouteLayer::new(cluster))
            .layer(tower::layer::layer_fn(
                tower::util::BoxCloneSyncService::new,
            ))
            .concurrency_limit(limit(3))
            .service(fake.clone());
        fake.set_delay(7000, DELAY);
        fake.move_slot("{k}", 7001);
        fake.cut(
            7001,
            Cut {
                runs: 0,
                answers: 0,
                first_unsent: 0,
            },
        );
        let lines = ["SET {k} 5", "INCR {k}", "INCR {k}", "INCR {k}", "GET {k}"];
        let began = Instant::now();
        let response = call(stack, request(&lines)).await.unwrap();
        assert_eq!(outcomes(&response), ["OK", "6", "7", "8", "8"]);
        assert!(fake.answered("-MOVED") > 0, "the fault took place");
        assert!(began.elapsed() < Duration::from_secs(1), "at {limited_at}");
    }
}

/// The place of a logged command in its pipeline: each has one of its own.
fn place(entry: &Entry) -> Option<usize> {
    entry.command.rsplit_once('#')?.1.parse().ok()
}

fn key(entry: &Entry) -> &str {
    entry.command.split(' ').nth(1).unwrap_or_default()
}

/// Faults of every kind while pipelines over four keys go in pieces: nothing that
/// shares a key ever runs out of order, no write twice, and every result is that
/// of its own command.
///
/// Fails when `Ledger::route` lets everything pass, when `hand_over` hands nothing
/// over, and when `Pieces` forgets to look at the order.
#[tokio::test(start_paused = true)]
async fn whatever_happens_commands_that_share_a_key_run_in_order() {
    let (mut redirects, mut passed, mut lost) = (0, 0, 0);
    for seed in 0..400 {
        let mut random = SmallRng::seed_from_u64(seed);
        let chunk = ChunkLayer::new()
            .commands(random.random_range(1..5))
            .in_flight(random.random_range(1..6));
        let retry = RetryLayer::new(StandardPolicy::new());
        let rig = Rig::with(2, 0, chunk, retry);
        for port in [7000, 7001] {
            let delay = random.random_range(0..8);
            rig.fake.set_delay(port, Duration::from_millis(delay));
        }
        let keys = ["{k}1", "{k}2", "b1", "b2"];
        let lines: Vec<String> = (0..24)
            .map(|n| {
                let key = keys[random.random_range(0..keys.len())];
                match random.random_range(0..3) {
                    // The fake takes what stands behind its arguments for another.
                    0 => format!("GET {key} #{n}"),
                    _ => format!("SET {key} v#{n}"),
                }
            })
            .collect();
        let faults = tokio::spawn({
            let (fake, cluster) = (rig.fake.clone(), rig.cluster.clone());
            let mut random = SmallRng::seed_from_u64(!seed);
            async move {
                for _ in 0..6 {
                    let key = keys[random.random_range(0..keys.len())];
                    let port = random.random_range(7000..7002);
                    match random.random_range(0..6) {
                        0 => fake.move_slot(key, port),
                        1 => fake.refuse(port, "SET", "LOADING for a moment", 1),
                        2 => fake.refuse(port, &format!("SET {key}"), "TRYAGAIN", 2),
                        3 => {
                            let runs = random.random_range(0..3);
                            let answers = random.random_range(0..=runs);
                            let first_unsent = runs + random.random_range(0..2);
                            let cut = Cut {
                                runs,
                                answers,
                                first_unsent,
                            };
                            fake.cut(port, cut);
                        }
                        4 => cluster.moved(slot_of(key), &endpoint(port)),
                        _ => fake.refuse(port, "GET", "MASTERDOWN", 1),
                    }
                    let wait = random.random_range(0..6);
                    tokio::time::sleep(Duration::from_millis(wait)).await;
                }
            }
        });
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let outcomes = rig.send(&lines).await;
        faults.await.unwrap();

        let log = rig.fake.log();
        let ran: Vec<&Entry> = log.iter().filter(|entry| entry.ran).collect();
        for (at, entry) in ran.iter().enumerate() {
            let writes = entry.command.starts_with("SET");
            for before in &ran[..at] {
                let both_read = !writes && before.command.starts_with("GET");
                let later = place(before) > place(entry);
                let shares = key(before) == key(entry);
                assert!(
                    !(later && shares) || both_read,
                    "seed {seed}: {} ran before {}\n{lines:#?}\n{outcomes:#?}",
                    before.command,
                    entry.command
                );
                let twice = writes && place(before) == place(entry);
                assert!(!twice, "seed {seed}: {} ran twice", entry.command);
            }
        }
        for (line, outcome) in lines.iter().zip(&outcomes) {
            let count = ran.iter().filter(|entry| entry.command == **line).count();
            match outcome.as_str() {
                "OK" => assert_eq!(count, 1, "seed {seed}: {line}"),
                text if text.starts_with("!ambiguous") => lost += 1,
                text if text.starts_with("!not sent") || text.starts_with("!rejected") => {
                    let reads = line.starts_with("GET");
                    assert!(count == 0 || reads, "seed {seed}: {line}: {text}");
                    passed += usize::from(text.ends_with("order"));
                }
                _ => assert!(count > 0, "seed {seed}: {line}: {outcome}"),
            }
        }
        redirects += rig.fake.answered("-MOVED");
    }
    println!("{redirects} MOVED, {passed} passed by later ones, {lost} in doubt");
    assert!(redirects > 400 && passed > 20 && lost > 20);
}
