//! WATCH, MULTI and EXEC among tasks that share a pool (F1).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};

use slotline_pool::Pool;
use slotline_tests::{in_time, server};
use tokio::task::JoinSet;

use super::setting::{ask, ask_shared, lease};
use crate::setting::{BOTH, Dice, builder};

/// Fails if `Session::note` does not take a nil for the end of a transaction.
#[tokio::test]
async fn an_exec_whose_key_was_changed_is_nil() {
    let server = server().await;
    for protocol in BOTH {
        let pool = builder(&server, "racers").protocol(protocol).build();
        let (mut one, mut two) = (lease(&pool).await, lease(&pool).await);
        for racer in [&mut one, &mut two] {
            assert_eq!(ask(racer, &["WATCH k", "DEL other"]).await[0], "OK");
        }
        let set = ["MULTI", "SET k won", "EXEC"];
        assert_eq!(ask(&mut two, &set).await, ["OK", "QUEUED", "[OK]"]);
        let set = ["MULTI", "SET k lost", "EXEC"];
        assert_eq!(ask(&mut one, &set).await, ["OK", "QUEUED", "nil"]);
        assert_eq!(ask(&mut one, &["GET k"]).await, ["won"]);
        // Both are as before, and so lie ready.
        drop((one, two));
        assert_eq!(pool.statistics().leases.idle, 2);
    }
}

/// Adds one to the counter by WATCH; whether it won.
async fn add_one(pool: &Pool, owner: u64) -> bool {
    let mut lease = lease(pool).await;
    let read = ask(&mut lease, &["WATCH counter", "GET counter"]).await;
    assert!(read[1] != "QUEUED", "somebody else's transaction is open");
    let count: u64 = read[1].parse().unwrap_or(0);
    let set = format!("SET counter {}", count + 1);
    let own = format!("INCR own:{owner}");
    let done = ask(&mut lease, &["MULTI", &set, &own, "EXEC"]).await;
    assert_eq!(done[..3], ["OK", "QUEUED", "QUEUED"]);
    match done[3].as_str() {
        "nil" => false,
        won => {
            // Its own two commands, and nobody else's.
            assert_eq!(won.split(' ').count(), 2, "{won}");
            true
        }
    }
}

/// Tasks race for a counter, beside a task that uses the shared connection and one that
/// leaves its transactions open. Fails if `Session::condition` is always `Clean`: then
/// the next one's commands are queued in a transaction that is not his own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobodys_commands_fall_into_anothers_transaction() {
    let server = server().await;
    for protocol in BOTH {
        server.call(&["FLUSHALL"]).await.expect("FLUSHALL");
        let pool = builder(&server, "racers")
            .protocol(protocol)
            .max_leases(4)
            .build();
        let over = Arc::new(AtomicBool::new(false));
        let (won, lost) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let mut beside = JoinSet::new();
        let (shared, until) = (pool.clone(), Arc::clone(&over));
        beside.spawn(async move {
            let mut turns = 0;
            while !until.load(SeqCst) {
                turns += 1;
                let said = ask_shared(&shared, &["INCR beside", "GET nothing"]).await;
                assert_eq!(said, [turns.to_string(), "nil".to_owned()]);
            }
            turns
        });
        let (careless, until) = (pool.clone(), Arc::clone(&over));
        beside.spawn(async move {
            let (mut dice, mut turns) = (Dice(5), 0);
            while !until.load(SeqCst) {
                turns += 1;
                let mut lease = lease(&careless).await;
                let all = ["WATCH counter", "MULTI", "INCR never", "INCR never"];
                let said = ask(&mut lease, &all[..1 + dice.roll(4) as usize]).await;
                assert_eq!(said[0], "OK");
            }
            turns
        });
        let mut racers = JoinSet::new();
        for owner in 0..6 {
            let (pool, won, lost) = (pool.clone(), Arc::clone(&won), Arc::clone(&lost));
            racers.spawn(async move {
                for _ in 0..100 {
                    let which = if add_one(&pool, owner).await {
                        &won
                    } else {
                        &lost
                    };
                    which.fetch_add(1, SeqCst);
                }
            });
        }
        in_time(async {
            while racers
                .join_next()
                .await
                .transpose()
                .expect("a racer")
                .is_some()
            {}
        })
        .await;
        over.store(true, SeqCst);
        while let Some(turns) = beside.join_next().await {
            assert!(turns.expect("a task beside") > 10);
        }
        let (won, lost) = (won.load(SeqCst), lost.load(SeqCst));
        println!("{protocol:?}: {won} won, {lost} lost");
        assert!(lost > 0, "nobody was in anybody's way");
        assert_eq!(won + lost, 600);
        let counter: u64 = server.ask(&["GET", "counter"]).await.expect("GET");
        assert_eq!(counter, won);
        let mut own = 0;
        for owner in 0..6 {
            let count = server
                .ask::<Option<u64>>(&["GET", &format!("own:{owner}")])
                .await;
            own += count.expect("GET").unwrap_or(0);
        }
        assert_eq!(own, won);
        let never: Option<String> = server.ask(&["GET", "never"]).await.expect("GET");
        assert_eq!(never, None);
        let counts = pool.statistics().leases;
        assert_eq!(
            counts.discarded + counts.lost,
            0,
            "each could be used again"
        );
        assert_eq!(counts.dials, 4);
    }
}
