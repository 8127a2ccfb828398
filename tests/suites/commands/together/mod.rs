//! What a cluster does to commands, all of it at once: values over all slots, counts,
//! scans, transactions and queues, with one client, while slots move.

mod scans;
mod transactions;
mod values;

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use slotline::Client;
use slotline_testkit::LocalCluster;
use slotline_tests::{PATIENCE, errors_at_all, keys_of_slot, on_own_cluster, reset_counters};
use tokio::task::JoinSet;

use crate::blocking::connect;
use crate::queues::Queues;

/// These go to and fro, each from one of the primaries to the next.
const MOVING: [Range<u16>; 3] = [100..120, 5_600..5_620, 11_000..11_020];
/// So many transactions are run, unless more come while the others are not done.
const TRANSACTIONS: u64 = 20_000;
/// How long that, and two scans, may take on a machine that has other things to do.
const WHOLE: Duration = Duration::from_secs(180);

/// What the tasks of the test have in common.
struct Load {
    client: Client,
    over: AtomicBool,
    transactions: AtomicU64,
    rounds: AtomicU64,
    sizes: AtomicU64,
    scans: AtomicU64,
}

impl Load {
    fn goes_on(&self) -> bool {
        !self.over.load(Relaxed)
    }

    fn is_enough(&self) -> bool {
        self.transactions.load(Relaxed) >= TRANSACTIONS
            && self.rounds.load(Relaxed) >= 10
            && self.scans.load(Relaxed) >= 2
    }
}

/// Keys of each slot that moves, so many.
fn moving_keys(prefix: &str, count: usize) -> Vec<String> {
    let slots = MOVING.into_iter().flatten();
    slots
        .flat_map(|slot| keys_of_slot(prefix, slot, count))
        .collect()
}

/// Moves slots until it is over. How many keys were moved.
async fn reshard(cluster: &LocalCluster, load: &Load) -> usize {
    let mut owners = Vec::new();
    for slots in MOVING {
        owners.push(cluster.owner_of(slots.start).await.expect("an owner"));
    }
    let mut moved = 0;
    while load.goes_on() {
        for (at, slots) in MOVING.into_iter().enumerate() {
            let (from, to) = (&owners[at], &owners[(at + 1) % owners.len()]);
            for (from, to) in [(from, to), (to, from)] {
                let now = cluster.migrate_slots(slots.clone(), from, to).await;
                moved += now.expect("migrating");
                let agreed = cluster.wait_until_agreed(PATIENCE).await;
                agreed.expect("agreement");
            }
        }
    }
    moved
}

/// Waits until all tasks have done enough. How long that took, and what went wrong.
async fn attend(load: &Load, mut tasks: JoinSet<Result<(), String>>) -> (Duration, Vec<String>) {
    let started = Instant::now();
    let mut took = Duration::ZERO;
    let mut wrong = Vec::new();
    loop {
        tokio::select! {
            ended = tasks.join_next() => match ended {
                None => return (took, wrong),
                Some(task) => wrong.extend(task.expect("a task").err()),
            },
            () = tokio::time::sleep(Duration::from_millis(50)) => {}
        }
        let is_late = started.elapsed() > WHOLE;
        if load.goes_on() && is_late {
            wrong.push("it took too long".to_owned());
        }
        if load.goes_on() && (is_late || load.is_enough() || !wrong.is_empty()) {
            took = started.elapsed();
            load.over.store(true, Relaxed);
        }
    }
}

/// Fails when a part that was redirected takes its command along, when a transaction is
/// followed in part, when a slot counts as scanned though its keys have gone elsewhere, and
/// when MOVED, ASK or TRYAGAIN is handed on.
#[test]
fn nothing_is_lost_or_doubled_by_all_of_it_at_once_while_slots_move() {
    on_own_cluster(async |cluster| {
        let load = Arc::new(Load {
            client: connect(cluster.url()).await,
            over: AtomicBool::new(false),
            transactions: AtomicU64::new(0),
            rounds: AtomicU64::new(0),
            sizes: AtomicU64::new(0),
            scans: AtomicU64::new(0),
        });
        scans::fill(&load).await;
        reset_counters(cluster.nodes()).await;
        let mut tasks = JoinSet::new();
        tasks.spawn(scans::run(Arc::clone(&load)));
        tasks.spawn(values::run(Arc::clone(&load)));
        tasks.spawn(values::count(Arc::clone(&load)));
        transactions::run(&load, &mut tasks);
        let queues = Queues::start(&load.client, moving_keys("queue", 1)[..8].to_vec());
        let (moved, (took, wrong)) = tokio::join!(reshard(cluster, &load), attend(&load, tasks));
        let pushed = queues.end().await;
        let seconds = took.as_secs_f64();
        let transactions = load.transactions.load(Relaxed);
        println!(
            "{seconds:.1} s: {moved} keys moved; {transactions} transactions ({:.0}/s), {} rounds of \
             MSET, MGET and DEL over {} keys, {} of DBSIZE, {} scans of {} keys, {pushed} elements",
            transactions as f64 / seconds,
            load.rounds.load(Relaxed),
            values::COUNT,
            load.sizes.load(Relaxed),
            load.scans.load(Relaxed),
            scans::COUNT,
        );
        assert_eq!(wrong, Vec::<String>::new());
        let size = load.client.dbsize().await.expect("DBSIZE");
        assert_eq!(size, scans::COUNT as u64 + transactions::KEYS);
        let met = ["MOVED", "ASK", "TRYAGAIN", "CROSSSLOT"];
        let mut counts = [0; 4];
        for (count, code) in counts.iter_mut().zip(met) {
            *count = errors_at_all(cluster.nodes(), code).await;
        }
        let [moved, asked, again, cross] = counts;
        println!("servers answered MOVED {moved} times, ASK {asked}, TRYAGAIN {again}");
        assert!(moved > 20 && asked + again > 20, "slots moved under it");
        assert_eq!(cross, 0);
    });
}
