//! A server that stands still while many want something of it (G1). A program of its
//! own, since it looks at its own memory.

use std::alloc::System;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cap::Cap;
use slotline_pool::{Pool, WhileAway};
use slotline_resp::{CommandBuffer, Delivery};
use slotline_tests::{connections_of, in_time, server, until};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

/// As long as it stands still.
const STOPPED: Duration = Duration::from_secs(60);
/// How much may wait for it.
const BYTES: usize = 1 << 20;
const COMMANDS: usize = 2_000;
/// As many want something of it at any time, four times what may wait.
const CALLERS: u64 = 1_000;
const VALUE: usize = 4 << 10;
const MIB: u64 = 1 << 20;

/// Tells what is allocated: what the system has given us is more, and it does not
/// get all of that back at once.
#[global_allocator]
static HEAP: Cap<System> = Cap::new(System, usize::MAX);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Answered,
    InDoubt,
    NotSent,
}

/// One caller, who goes on asking: an INCR of a key of its own each time, with
/// something heavy before it. What became of each.
async fn call(pool: Pool, caller: String, is_over: Arc<AtomicBool>) -> Vec<Fate> {
    let value = vec![b'x'; VALUE];
    let mut fates = Vec::new();
    while !is_over.load(Ordering::Relaxed) {
        let mut buffer = CommandBuffer::new();
        buffer
            .begin_named("SET")
            .key(&format!("heavy:{caller}"))
            .arg(&value);
        buffer.begin_named("INCR").key(&key(&caller, fates.len()));
        let deadline = Instant::now() + Duration::from_millis(700);
        let answer = pool.send(buffer.freeze(), deadline, WhileAway::Wait).await;
        fates.push(match answer.failure {
            None => Fate::Answered,
            Some(failure) => match failure.delivery(1) {
                Delivery::NotSent => Fate::NotSent,
                _ => Fate::InDoubt,
            },
        });
        if fates.last() != Some(&Fate::NotSent) {
            // It is the stop that is to be seen, not how fast the server is.
            sleep(Duration::from_millis(100)).await;
        }
    }
    fates
}

fn key(caller: &str, turn: usize) -> String {
    format!("{caller}:{turn}")
}

/// All callers.
struct Load {
    tasks: JoinSet<(String, Vec<Fate>)>,
    is_over: Arc<AtomicBool>,
}

impl Load {
    fn start(pool: &Pool, name: &str) -> Load {
        let is_over = Arc::new(AtomicBool::new(false));
        let mut tasks = JoinSet::new();
        for number in 0..CALLERS {
            let (pool, is_over) = (pool.clone(), Arc::clone(&is_over));
            let caller = format!("{name}:{number}");
            tasks.spawn(async move {
                let fates = call(pool, caller.clone(), is_over).await;
                (caller, fates)
            });
        }
        Load { tasks, is_over }
    }

    /// What became of each request of each caller.
    async fn end(self) -> Vec<(String, Vec<Fate>)> {
        self.is_over.store(true, Ordering::Relaxed);
        in_time(self.tasks.join_all()).await
    }
}

/// What of our memory is in the machine's, in bytes.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("our own status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
    kib.and_then(|kib| kib.trim().parse::<u64>().ok())
        .expect("a size")
        << 10
}

/// What waits stays within its bound all the time, and so does our memory; what was
/// said not to have been sent has not run when the server goes on.
///
/// Fails when requests whose callers have been told are written all the same (let
/// `Protocol::is_dead` say no), and when there is no bound in bytes (in
/// `Protocol::has_room`): four megabytes wait.
#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_a_server_that_stands_still_is_bounded_and_never_runs_late() {
    let server = server().await;
    let pool = Pool::builder(server.address().into())
        .client_name("stopped")
        .max_queued_bytes(BYTES)
        .max_in_flight(COMMANDS)
        .response_timeout(Duration::from_millis(1500))
        .connect_timeout(Duration::from_millis(500))
        .build();
    // Once without anything happening, so that what is kept is there.
    let load = Load::start(&pool, "warm");
    let replies = async || pool.statistics().replies > 10 * CALLERS;
    until("everybody has been answered", replies).await;
    drop(load.end().await);
    let heap = HEAP.allocated();

    let load = Load::start(&pool, "n");
    let warm = pool.statistics().replies;
    let replies = async || pool.statistics().replies > warm + 10 * CALLERS;
    until("everybody has been answered", replies).await;
    let before = resident();

    server.pause().expect("SIGSTOP");
    let start = Instant::now();
    let (mut most_bytes, mut most_commands, mut most_resident) = (0, 0, 0);
    while start.elapsed() < STOPPED {
        sleep(Duration::from_millis(5)).await;
        let now = pool.statistics();
        most_bytes = most_bytes.max(now.queued_bytes);
        most_commands = most_commands.max(now.in_flight);
        most_resident = most_resident.max(resident());
    }
    server.resume().expect("SIGCONT");
    let before_the_rest = pool.statistics().replies;
    let replies = async || pool.statistics().replies > before_the_rest + 10 * CALLERS;
    until("everybody is answered again", replies).await;
    let fates = load.end().await;
    let rest = pool.statistics();
    assert_eq!((rest.in_flight, rest.queued_bytes, rest.waiting), (0, 0, 0));
    let taken_down: usize = fates.iter().map(|(_, fates)| fates.capacity()).sum();
    let left = HEAP.allocated().saturating_sub(heap + taken_down) as u64;
    println!(
        "at most {most_bytes} bytes and {most_commands} commands waited; \
         {} MiB resident before, {} at most; {left} bytes of the heap still in use",
        before / MIB,
        most_resident / MIB,
    );
    assert!(most_bytes <= BYTES, "{most_bytes} bytes waited");
    assert!(most_bytes >= BYTES / 2, "it was no full load: {most_bytes}");
    assert!(most_commands <= COMMANDS, "{most_commands} commands waited");
    // The callers' own requests, which wait to be let in, and as much again.
    let bound = BYTES as u64 + 2 * CALLERS * VALUE as u64;
    assert!(most_resident <= before + bound, "memory has grown");
    assert!(left <= MIB / 2, "memory has not come back");

    // Whatever the server had got of the connections that were given up has run.
    until("the old connections are gone", async || {
        connections_of(&server, "stopped").await.len() <= 1
    })
    .await;
    let mut counts = [0; 3];
    for (caller, fates) in &fates {
        for (turn, fate) in fates.iter().enumerate() {
            let key = key(caller, turn);
            let value: Option<i64> = server.ask(&["GET", &key]).await.expect("GET");
            match fate {
                Fate::Answered => assert_eq!(value, Some(1), "{key}"),
                Fate::NotSent => assert_eq!(value, None, "{key} ran though not sent"),
                Fate::InDoubt => assert!(value.is_none_or(|it| it == 1), "{key}"),
            }
            counts[*fate as usize] += 1;
        }
    }
    let [answered, in_doubt, not_sent] = counts;
    println!("{answered} answered, {in_doubt} in doubt, {not_sent} not sent");
    assert!(not_sent > 10_000 && in_doubt > 0, "{counts:?}");
}
