//! Transactions while their slot moves.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use slotline::Client;
use slotline_tests::{
    PATIENCE, calls, errors, errors_at_all, in_time, keys_of_slot, on_shared_cluster,
    reset_counters, two_primaries, until,
};
use tokio::task::JoinSet;

/// Increments two counters and reads both: four numbers, all the same.
async fn count(client: &Client, keys: &[String]) -> slotline::Result<i64> {
    let transaction = client.transaction(|t| {
        for key in keys {
            t.incr(key);
        }
        for key in keys {
            t.get(key);
        }
    });
    let all: Vec<i64> = transaction.await?.decode_all()?;
    assert_eq!(all, [all[0]; 4], "{keys:?}");
    Ok(all[0])
}

/// C9. The client has only transactions to learn from.
///
/// Fails when a MOVED among the answers to MULTI … EXEC is not read (in
/// `redirect/transaction.rs`, look at EXEC's own answer alone): EXECABORT surfaces,
/// and every transaction goes to the old owner first.
#[test]
fn the_second_transaction_goes_straight_to_where_the_slot_has_moved() {
    const SLOT: u16 = 900;
    on_shared_cluster(async |cluster| {
        let (from, to) = two_primaries(cluster, SLOT).await;
        let both = [from.clone(), to.clone()];
        let client = Client::connect(cluster.url()).await.expect("connecting");
        let keys = keys_of_slot("second", SLOT, 2);
        assert_eq!(count(&client, &keys).await.expect("a transaction"), 1);
        cluster
            .migrate_slots([SLOT], &from, &to)
            .await
            .expect("migrating");
        reset_counters(&both).await;
        assert_eq!(count(&client, &keys).await.expect("a transaction"), 2);
        let met = errors(&from, "MOVED").await;
        assert!(met >= 4, "{met} MOVED: it had not heard of it");
        assert_eq!(errors(&from, "EXECABORT").await, 1);
        assert_eq!(calls(&to, "exec").await, 1);
        for round in 3..10 {
            assert_eq!(count(&client, &keys).await.expect("a transaction"), round);
        }
        assert_eq!(errors(&from, "MOVED").await, met);
        assert_eq!(calls(&from, "multi").await, 1);
        assert_eq!(calls(&to, "exec").await, 8);
        assert_eq!(calls(&to, "incr").await, 16, "each once");
    });
}

/// One of its keys has moved and the other has not: neither node can run it, and the
/// new one says TRYAGAIN at EXEC, until the other key has come.
///
/// Fails when TRYAGAIN at EXEC surfaces, and when ASKING is left out before one that
/// goes again (the new owner then says MOVED, in a circle).
#[test]
fn a_transaction_whose_keys_are_parted_waits_until_they_are_together() {
    const SLOT: u16 = 901;
    on_shared_cluster(async |cluster| {
        let (from, to) = two_primaries(cluster, SLOT).await;
        let client = Client::connect(cluster.url()).await.expect("connecting");
        let keys = keys_of_slot("parted", SLOT, 2);
        assert_eq!(count(&client, &keys).await.expect("a transaction"), 1);
        reset_counters(&[from.clone(), to.clone()]).await;
        let migration = cluster.begin_migration(SLOT, &from, &to).await;
        let migration = migration.expect("a migration");
        assert_eq!(migration.move_keys(1).await.expect("moving"), 1);
        let task = tokio::spawn({
            let (client, keys) = (client.clone(), keys.clone());
            async move { count(&client, &keys).await }
        });
        until("it was told to try again", async || {
            errors(&to, "TRYAGAIN").await >= 3
        })
        .await;
        assert_eq!(calls(&to, "incr").await, 0, "nothing has run");
        assert_eq!(migration.move_keys(1).await.expect("moving"), 1);
        let counted = in_time(task).await.expect("a task");
        assert_eq!(counted.expect("a transaction"), 2);
        assert!(errors(&from, "ASK").await >= 1);
        assert!(calls(&to, "asking").await >= 3);
        migration.finish().await.expect("finishing");
        assert_eq!(count(&client, &keys).await.expect("a transaction"), 3);
        assert_eq!(calls(&to, "incr").await, 4, "each once");
    });
}

/// Fails when only what was refused goes again (in `redirect/future.rs`, treat it as a
/// pipeline): a part of a transaction is none, and EXECABORT surfaces.
#[test]
fn transactions_run_whole_and_once_while_their_slots_move_there_and_back() {
    const SLOTS: std::ops::Range<u16> = 910..930;
    on_shared_cluster(async |cluster| {
        let (from, to) = two_primaries(cluster, SLOTS.start).await;
        let both = [from.clone(), to.clone()];
        let client = Client::connect(cluster.url()).await.expect("connecting");
        reset_counters(&both).await;
        let over = Arc::new(AtomicBool::new(false));
        let mut tasks = JoinSet::new();
        for slot in SLOTS {
            for task in 0..2 {
                let keys = keys_of_slot(&format!("whole:{task}"), slot, 2);
                let (client, over) = (client.clone(), Arc::clone(&over));
                tasks.spawn(async move {
                    let mut counted = 0;
                    let mut errors = Vec::new();
                    while !over.load(Ordering::Relaxed) {
                        match count(&client, &keys).await {
                            Ok(now) if now == counted + 1 => counted = now,
                            Ok(now) => errors.push(format!("{now} after {counted}")),
                            Err(error) => errors.push(error.to_string()),
                        }
                    }
                    (keys, counted, errors)
                });
            }
        }
        for (from, to) in [(&from, &to), (&to, &from), (&from, &to), (&to, &from)] {
            let moved = cluster.migrate_slots(SLOTS, from, to).await;
            assert!(moved.expect("migrating") >= 80);
            let agreed = cluster.wait_until_agreed(PATIENCE).await;
            agreed.expect("agreement");
        }
        over.store(true, Ordering::Relaxed);
        let mut sum = 0;
        for (keys, counted, errors) in tasks.join_all().await {
            assert_eq!(errors, Vec::<String>::new());
            for key in keys {
                let value: i64 = client.get(&key).await.expect("GET");
                assert_eq!(value, counted, "{key}: no connection was lost");
            }
            sum += counted;
        }
        let codes = ["ASK", "MOVED", "TRYAGAIN", "EXECABORT"];
        let mut met = Vec::new();
        for code in codes {
            met.push(errors_at_all(&both, code).await);
        }
        println!("{sum} transactions; {codes:?} {met:?}");
        assert!(sum > 2_000, "{sum} transactions");
        assert!(met.iter().all(|met| *met > 0), "{codes:?} {met:?}");
    });
}
