//! How many there are, who waits, and what is never lent.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use slotline_pool::{Intent, Setup, hook};
use slotline_tests::{connections_of, in_time, server, until};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::setting::{ask, ask_shared, lease};
use crate::setting::{BOTH, Dice, builder, late, words};

/// Fails if `State::held` leaves the dials out: they are many at the beginning.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn there_are_never_more_than_allowed_and_everybody_gets_one() {
    let server = server().await;
    for protocol in BOTH {
        let pool = builder(&server, "bounded")
            .protocol(protocol)
            .max_leases(5)
            .max_dials(8)
            .build();
        let most = Arc::new(AtomicU64::new(0));
        let mut tasks = JoinSet::new();
        for _ in 0..60 {
            let (pool, most) = (pool.clone(), Arc::clone(&most));
            tasks.spawn(async move {
                for _ in 0..10 {
                    let mut lease = lease(&pool).await;
                    let own: u64 = ask(&mut lease, &["CLIENT ID"]).await[0]
                        .parse()
                        .expect("a number");
                    tokio::task::yield_now().await;
                    assert_eq!(ask(&mut lease, &["CLIENT ID"]).await[0], own.to_string());
                    most.fetch_max(pool.statistics().leases.in_use as u64, SeqCst);
                }
            });
        }
        let mut seen = 0;
        while !tasks.is_empty() {
            seen = seen.max(connections_of(&server, "bounded").await.len());
            while let Some(ended) = tasks.try_join_next() {
                ended.expect("a task");
            }
        }
        let counts = pool.statistics().leases;
        assert_eq!((counts.lent, counts.dials, counts.idle), (600, 5, 5));
        assert!(seen <= 5 && most.load(SeqCst) == 5, "{seen}");
    }
}

/// E6: the server closes idle connections after a second. Fails if nothing looks at a
/// connection before it is lent: then the first command is lost.
#[tokio::test]
async fn a_connection_that_the_server_closed_while_idle_is_not_lent() {
    let server = server().await;
    server
        .call(&["CONFIG", "SET", "timeout", "1"])
        .await
        .expect("CONFIG SET");
    let pool = builder(&server, "idle").build();
    drop(lease(&pool).await);
    let gone = async || connections_of(&server, "idle").await.is_empty();
    until("the server has closed it", gone).await;
    let mut lease = lease(&pool).await;
    assert_eq!(ask(&mut lease, &["INCR counter"]).await, ["1"]);
    let counts = pool.statistics().leases;
    assert_eq!((counts.lost, counts.dials), (1, 2));
}

/// Closed so recently that the runtime has not been told: it gets no turn in between.
/// Fails if `Connection::is_quiet` does not ask the system (`has_unread`).
#[tokio::test]
async fn a_connection_is_not_lent_though_only_the_system_knows_that_it_is_closed() {
    let server = server().await;
    let pool = builder(&server, "idle").build();
    for turn in 1..=50 {
        let mut held = lease(&pool).await;
        let id = ask(&mut held, &["CLIENT ID"]).await.remove(0);
        drop(held);
        // Long enough that it lies idle, and the runtime waits for news of it.
        sleep(Duration::from_millis(5)).await;
        let mut killer = TcpStream::connect(server.address()).expect("connecting");
        let kill = format!("CLIENT KILL ID {id}\r\nPING\r\n");
        killer.write_all(kill.as_bytes()).expect("CLIENT KILL");
        let mut said = [0; 11];
        killer.read_exact(&mut said).expect("an answer");
        assert_eq!(&said, b":1\r\n+PONG\r\n");
        let mut next = lease(&pool).await;
        let answer = next.call(words(&["INCR counter"]), late()).await;
        assert!(
            answer.failure.is_none(),
            "turn {turn}: {:?}",
            answer.failure
        );
        assert_eq!(pool.statistics().leases.lost, turn);
    }
    assert_eq!(
        server.ask::<u64>(&["GET", "counter"]).await.expect("GET"),
        50
    );
}

/// S1, S3: what a lease is belongs to the pool. Fails if its dial leaves the hooks out.
#[tokio::test]
async fn leases_go_through_the_recipe_of_the_pool() {
    let server = server().await;
    for protocol in BOTH {
        let pool = builder(&server, "recipe")
            .protocol(protocol)
            .intent(Intent::ReadOnly)
            .database(3)
            .init_hook(hook("no eviction", |setup: Setup| async move {
                setup.command("CLIENT NO-EVICT").arg("ON").await?;
                Ok(())
            }))
            .build();
        let mut all: Vec<_> = Vec::new();
        for _ in 0..3 {
            all.push(lease(&pool).await);
        }
        ask_shared(&pool, &["PING"]).await;
        let connections = connections_of(&server, "recipe").await;
        assert_eq!(connections.len(), 4);
        let resp = if protocol == BOTH[0] { "2" } else { "3" };
        for connection in &connections {
            assert_eq!(
                (connection.field("db"), connection.field("resp")),
                ("3", resp)
            );
            assert!(connection.field("flags").contains('e'), "{connection:?}");
        }
        drop(all);
        assert_eq!(pool.statistics().leases.idle, 3);
    }
}

/// E5: the server takes nobody in; then it does. Fails if failed dials are not spaced.
#[tokio::test]
async fn a_server_that_takes_nobody_in_is_not_stormed() {
    let server = server().await;
    server
        .call(&["CONFIG", "SET", "maxclients", "1"])
        .await
        .expect("CONFIG SET");
    let pool = builder(&server, "crowd").max_leases(40).build();
    let mut waiting = JoinSet::new();
    for _ in 0..40 {
        let pool = pool.clone();
        waiting.spawn(async move { pool.lease(Instant::now() + Duration::from_secs(60)).await });
    }
    let begun = Instant::now();
    until("enough have been turned away", async || {
        pool.statistics().leases.failed_dials >= 15
    })
    .await;
    assert!(pool.statistics().leases.dialling <= 1);
    println!("15 dials in {:?}", begun.elapsed());
    assert_eq!(pool.statistics().leases.waiting, 40);
    server
        .call(&["CONFIG", "SET", "maxclients", "100"])
        .await
        .expect("CONFIG SET");
    let all = in_time(waiting.join_all()).await;
    let all: Vec<_> = all
        .into_iter()
        .map(|lease| lease.expect("a lease"))
        .collect();
    assert_eq!(connections_of(&server, "crowd").await.len(), all.len());
}

/// G7: a pool that is dropped at any moment, with leases in every state. Fails if
/// `Leases` has no `Drop`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_left_of_a_pool_that_was_dropped() {
    let server = server().await;
    let mut dice = Dice(99);
    for round in 0..150 {
        let pool = builder(&server, "dropped")
            .max_leases(4)
            .min_idle_leases(dice.roll(3) as usize)
            .build();
        let mut tasks = JoinSet::new();
        for n in 0..6 {
            let pool = pool.clone();
            let line = [
                "BLPOP list 0",
                "WATCH k",
                "MULTI",
                "SUBSCRIBE c",
                "GET k",
                "MONITOR",
            ][n];
            tasks.spawn(async move {
                let Ok(mut lease) = pool.lease(late()).await else {
                    return;
                };
                // The handle goes first, so that the lease outlives the pool.
                drop(pool);
                lease.call(words(&[line]), late()).await;
                if line == "SUBSCRIBE c" {
                    let _ = lease.next_push().await;
                }
            });
        }
        sleep(Duration::from_micros(dice.roll(4_000))).await;
        drop(pool);
        if round % 2 == 0 {
            tasks.abort_all();
        }
        // Those that go on resolve by themselves: those in use with the pool, once
        // nobody waits for a lease any more.
        in_time(async { while tasks.join_next().await.is_some() {} }).await;
    }
    let left = async || connections_of(&server, "dropped").await.is_empty();
    until("every connection is closed", left).await;
}
