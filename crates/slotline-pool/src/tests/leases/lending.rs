//! Who gets a connection, in what order, and which.

use std::sync::atomic::AtomicBool;

use tokio::time::{advance, sleep, timeout};

use super::*;
use crate::{HookError, Setup, hook};

fn in_ms(ms: u64) -> Instant {
    Instant::now() + Duration::from_millis(ms)
}

#[tokio::test(start_paused = true)]
async fn a_lease_has_gone_through_the_whole_recipe_and_is_used_again() {
    let (builder, peer) = Peer::usual();
    let pool = builder
        .database(3)
        .init_hook(hook("warm-up", |setup: Setup| async move {
            setup.command("ECHO").arg("ready").await?;
            Ok(())
        }))
        .build();
    for round in 0..3 {
        let mut lease = lease(&pool).await;
        assert_eq!(lease.greeting().unwrap().server(), Some("redis"));
        assert_eq!(ask(&mut lease, &["GET k"]).await, ["k"]);
        assert_eq!(state(&pool), (1, 0, 0, 0));
        drop(lease);
        assert_eq!(state(&pool), (0, 1, 0, 0), "round {round}");
    }
    let heard = peer.heard(0);
    assert_eq!(heard, ["SELECT 3", "ECHO ready", "GET k", "GET k", "GET k"]);
    let counts = counts(&pool);
    assert_eq!((counts.dials, counts.lent, counts.returned), (1, 3, 3));
    // They are none of the shared ones.
    assert_eq!((pool.statistics().dials, peer.connections()), (0, (1, 1)));
}

/// They wait in the order in which they came, and one who leaves holds nobody up.
#[tokio::test(start_paused = true)]
async fn who_waits_is_served_in_order() {
    let (builder, peer) = Peer::usual();
    let pool = builder.max_leases(2).build();
    let mut held = vec![lease(&pool).await, lease(&pool).await];
    let (told, mut served) = mpsc::unbounded_channel();
    let mut tasks = Vec::new();
    for number in 0..20 {
        let (pool, told) = (pool.clone(), told.clone());
        tasks.push(tokio::spawn(async move {
            let lease = pool.lease(soon()).await.unwrap();
            told.send(number).unwrap();
            // Long enough for all others to ask once more.
            sleep(SECOND / 10).await;
            drop(lease);
        }));
        settle().await;
    }
    assert_eq!(counts(&pool).waiting, 20);
    for gone in [0, 7, 19] {
        tasks[gone].abort();
    }
    settle().await;
    assert_eq!(counts(&pool).waiting, 17);
    held.clear();
    // Whoever comes now is behind them, though one has just come back.
    let last = tokio::spawn({
        let pool = pool.clone();
        async move { drop(pool.lease(soon()).await.unwrap()) }
    });
    last.await.unwrap();
    let mut order = Vec::new();
    while let Ok(number) = served.try_recv() {
        order.push(number);
    }
    let expected: Vec<i32> = (0..20).filter(|n| ![0, 7, 19].contains(n)).collect();
    assert_eq!(order, expected);
    assert_eq!(peer.connections().0, 2, "dials do not go beyond the bound");
}

#[tokio::test(start_paused = true)]
async fn each_wait_ends_with_its_deadline() {
    let (builder, _peer) = Peer::usual();
    let pool = builder.max_leases(1).build();
    let held = lease(&pool).await;
    let begun = Instant::now();
    for ms in [0, 100, 300] {
        let error = pool.lease(in_ms(ms)).await.unwrap_err();
        assert!(error.is_timeout(), "{error}");
        assert_eq!(error.is_overloaded(), ms > 0, "{error}");
    }
    assert_eq!(begun.elapsed(), Duration::from_millis(400));
    assert_eq!(state(&pool), (1, 0, 0, 0));
    drop(held);
    drop(lease(&pool).await);
    assert_eq!(counts(&pool).dials, 1);
}

/// Connections that are being made count: many who wait make no more of them. And
/// one that comes back serves who waits for a dial.
#[tokio::test(start_paused = true)]
async fn dialling_counts_towards_the_bound() {
    let open = Arc::new(AtomicBool::new(true));
    let let_in = Arc::clone(&open);
    let (builder, peer) = Peer::start(move |_, _, command| {
        let is_stuck = command[0] == "HELLO" && !let_in.load(SeqCst);
        Some(if is_stuck { Vec::new() } else { usual(command) })
    });
    let pool = builder.max_leases(3).max_dials(8).build();
    let first = lease(&pool).await;
    open.store(false, SeqCst);
    let waiting: Vec<_> = (0..5)
        .map(|_| {
            let pool = pool.clone();
            tokio::spawn(async move { pool.lease(soon()).await })
        })
        .collect();
    settle().await;
    assert_eq!(state(&pool), (1, 0, 2, 5));
    assert_eq!(peer.connections(), (3, 3));
    drop(first);
    settle().await;
    assert_eq!(waiting.iter().filter(|it| it.is_finished()).count(), 1);
    for task in waiting {
        task.abort();
    }
    settle().await;
    assert_eq!(state(&pool), (0, 1, 2, 0));
    // The dials end when their time is over, and nobody asks for more.
    sleep(6 * SECOND).await;
    assert_eq!(state(&pool), (0, 1, 0, 0));
    assert_eq!((counts(&pool).dials, counts(&pool).failed_dials), (3, 2));
}

/// E5: while dials fail there is one at a time, with pauses, however many wait; and
/// all are served once it succeeds.
#[tokio::test(start_paused = true)]
async fn failing_dials_are_no_storm() {
    let open = Arc::new(AtomicBool::new(false));
    let let_in = Arc::clone(&open);
    let (builder, peer) = Peer::start(move |_, _, command| {
        let is_full = command[0] == "HELLO" && !let_in.load(SeqCst);
        match is_full {
            true => Some(b"-ERR max number of clients reached\r\n".to_vec()),
            false => Some(usual(command)),
        }
    });
    let pool = builder.max_leases(50).max_dials(10).build();
    let tasks: Vec<_> = (0..50)
        .map(|_| {
            let pool = pool.clone();
            tokio::spawn(async move { pool.lease(in_ms(60_000)).await })
        })
        .collect();
    sleep(20 * SECOND).await;
    assert!(counts(&pool).dialling <= 1);
    // Full jitter up to a second: about two a second, after some quicker ones.
    let dials = peer.connections().0;
    assert!((20..80).contains(&dials), "{dials}");
    assert_eq!(counts(&pool).waiting, 50);
    open.store(true, SeqCst);
    let mut held = Vec::new();
    for task in tasks {
        held.push(task.await.unwrap().unwrap());
    }
    assert_eq!(state(&pool), (50, 0, 0, 0));
}

/// The errors are the pool's own, and name the step.
#[tokio::test(start_paused = true)]
async fn why_there_is_no_lease_is_told() {
    // The network may come back: the deadline tells what the last dial met.
    let (builder, _) = Peer::start(|_, _, _| None);
    let pool = builder.build();
    let error = pool.lease(in_ms(2_000)).await.unwrap_err();
    assert!(error.is_timeout() && !error.is_overloaded(), "{error}");
    let text = error.to_string();
    assert!(
        text.contains("HELLO: the server closed the connection"),
        "{text}"
    );
    let source = std::error::Error::source(&error).unwrap();
    let source = source.downcast_ref::<Error>().unwrap();
    assert_eq!(source.step(), Some("HELLO"));
    assert!(source.is_network());

    // A hook that says no three times in a row is believed.
    let (builder, peer) = Peer::usual();
    let moody = hook("moody", |_: Setup| async { Err(HookError::new("no")) });
    let pool = builder.init_hook(moody).build();
    let waiting: Vec<_> = (0..3)
        .map(|_| {
            let pool = pool.clone();
            tokio::spawn(async move { pool.lease(in_ms(60_000)).await })
        })
        .collect();
    let begun = Instant::now();
    for task in waiting {
        let error = task.await.unwrap().unwrap_err();
        assert_eq!(error.step(), Some("init hook 1 (moody)"), "{error}");
    }
    assert!(begun.elapsed() < SECOND);
    assert_eq!((peer.connections().0, counts(&pool).failed_dials), (3, 3));
    assert_eq!(state(&pool), (0, 0, 0, 0));
}

/// E6. Fails if `Place::poll` lends without asking `is_quiet`, and the tender watches
/// nobody.
#[tokio::test(start_paused = true)]
async fn an_idle_connection_whose_peer_left_is_replaced_in_silence() {
    let (builder, peer) = Peer::usual();
    let pool = builder.build();
    let two = (lease(&pool).await, lease(&pool).await);
    drop(two);
    assert_eq!(state(&pool), (0, 2, 0, 0));
    // Before the tender could notice: nothing has run in between.
    peer.hang_up(0);
    peer.hang_up(1);
    while peer.connections().1 > 0 {
        tokio::task::yield_now().await;
    }
    let mut third = lease(&pool).await;
    assert_eq!(ask(&mut third, &["GET k"]).await, ["k"]);
    assert_eq!((peer.connections(), counts(&pool).lost), ((3, 1), 2));

    // And without anybody who asks: the tender sees it.
    drop(third);
    peer.hang_up(2);
    settle().await;
    assert_eq!((state(&pool), counts(&pool).lost), ((0, 0, 0, 0), 3));
}

/// What nobody asked for makes a connection unfit, unless it is a push.
#[tokio::test(start_paused = true)]
async fn an_idle_connection_that_talks_is_closed_unless_it_pushes() {
    for (said, kept) in [
        (">2\r\n+invalidate\r\n_\r\n", true),
        (">2\r\n+invalidate\r\n_\r\n>1\r\n+x\r\n", true),
        ("+OK\r\n", false),
        (">2\r\n+invalidate\r\n_\r\n+OK\r\n", false),
        // Half a push may be half of anything.
        (">2\r\n+inval", false),
        ("no RESP\r\n", false),
    ] {
        let (builder, peer) = Peer::usual();
        let pool = builder.build();
        drop(lease(&pool).await);
        peer.say(0, said);
        settle().await;
        let mut lease = lease(&pool).await;
        assert_eq!(ask(&mut lease, &["GET k"]).await, ["k"]);
        let dials = if kept { 1 } else { 2 };
        assert_eq!(counts(&pool).dials, dials, "{said:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_idle_for_long_is_closed() {
    let (builder, peer) = Peer::usual();
    let pool = builder.lease_idle_limit(60 * SECOND).build();
    let three = [lease(&pool).await, lease(&pool).await, lease(&pool).await];
    drop(three);
    // The one that was used last goes first, so that the others become idle.
    for _ in 0..5 {
        sleep(15 * SECOND).await;
        let mut lease = lease(&pool).await;
        ask(&mut lease, &["GET k"]).await;
    }
    settle().await;
    assert_eq!(state(&pool), (0, 1, 0, 0));
    assert_eq!((peer.connections(), counts(&pool).retired), ((3, 1), 2));
    sleep(61 * SECOND).await;
    assert_eq!((state(&pool), peer.connections()), ((0, 0, 0, 0), (3, 0)));
    assert_eq!(counts(&pool).dials, 3);
}

#[tokio::test(start_paused = true)]
async fn what_has_lived_for_long_is_closed() {
    let (builder, peer) = Peer::usual();
    let pool = builder
        .lease_lifetime(600 * SECOND)
        .lease_idle_limit(3600 * SECOND)
        .build();
    // In use it may live on, but it does not come back.
    let mut old = lease(&pool).await;
    sleep(601 * SECOND).await;
    assert_eq!(ask(&mut old, &["GET k"]).await, ["k"]);
    drop(old);
    settle().await;
    assert_eq!((state(&pool), counts(&pool).retired), ((0, 0, 0, 0), 1));
    // Idle, it is closed without being asked for; a tenth earlier at the most.
    drop(lease(&pool).await);
    sleep(539 * SECOND).await;
    assert_eq!((state(&pool), peer.connections()), ((0, 1, 0, 0), (2, 1)));
    sleep(62 * SECOND).await;
    assert_eq!((state(&pool), peer.connections()), ((0, 0, 0, 0), (2, 0)));
    assert_eq!(counts(&pool).retired, 2);
    // Time that passes at a stroke makes nobody get an old one.
    drop(lease(&pool).await);
    advance(700 * SECOND).await;
    drop(lease(&pool).await);
    assert_eq!(counts(&pool).dials, 4);
}

#[tokio::test(start_paused = true)]
async fn as_many_as_were_asked_for_lie_ready() {
    let (builder, peer) = Peer::usual();
    let pool = builder
        .min_idle_leases(3)
        .max_leases(4)
        .lease_idle_limit(60 * SECOND)
        .build();
    pool.connect().await.unwrap();
    settle().await;
    assert_eq!(state(&pool), (0, 3, 0, 0));
    // One that is taken is made up for, within the bound.
    let held = [lease(&pool).await, lease(&pool).await];
    settle().await;
    assert_eq!(state(&pool), (2, 2, 0, 0));
    drop(held);
    settle().await;
    assert_eq!(state(&pool), (0, 4, 0, 0));
    // The limit spares those that are to be there.
    sleep(61 * SECOND).await;
    assert_eq!(state(&pool), (0, 3, 0, 0));
    // So is one that the other side closed. The shared one is the first or second.
    let (all, open) = peer.connections();
    assert_eq!((all, open), (5, 4));
    peer.hang_up(4);
    settle().await;
    assert_eq!((state(&pool), peer.connections()), ((0, 3, 0, 0), (6, 4)));
    assert_eq!((counts(&pool).lost, counts(&pool).dials), (1, 5));
}

/// Nobody uses it and its node is away: it does not dial for ever.
#[tokio::test(start_paused = true)]
async fn what_nobody_uses_is_not_kept_ready_at_any_price() {
    let (builder, peer) = Peer::start(|_, _, _| None);
    let pool = builder.min_idle_leases(2).build();
    assert!(pool.lease(in_ms(1_000)).await.is_err());
    sleep(60 * SECOND).await;
    let dials = peer.connections().0;
    sleep(600 * SECOND).await;
    assert_eq!(peer.connections().0, dials);
    assert!(pool.lease(in_ms(1_000)).await.is_err());
    assert!(peer.connections().0 > dials);
}

/// A dial outlives who asked for it, and serves the next.
#[tokio::test(start_paused = true)]
async fn a_dial_whose_caller_left_is_not_lost() {
    let (builder, peer) = Peer::usual();
    let pool = builder
        .init_hook(hook("slow", |_: Setup| async {
            sleep(SECOND).await;
            Ok(())
        }))
        .build();
    assert!(pool.lease(in_ms(500)).await.is_err());
    assert_eq!(state(&pool), (0, 0, 1, 0));
    let lease = timeout(Duration::from_millis(600), pool.lease(soon())).await;
    assert!(lease.unwrap().is_ok());
    assert_eq!(peer.connections().0, 1);
}

/// B3: who waits for a connection to a node that is away is given back with all else; who
/// waits for a lease of one that is there is not. Fails if `Pool::give_back` forgets them.
#[tokio::test(start_paused = true)]
async fn who_waits_for_a_node_that_is_away_is_given_back() {
    let open = Arc::new(AtomicBool::new(true));
    let let_in = Arc::clone(&open);
    let (builder, _peer) = Peer::start(move |_, _, command| {
        let is_stuck = command[0] == "HELLO" && !let_in.load(SeqCst);
        Some(if is_stuck { Vec::new() } else { usual(command) })
    });
    let pool = builder.max_leases(1).build();
    let held = lease(&pool).await;
    let waits = |pool: &Pool| {
        let pool = pool.clone();
        tokio::spawn(async move { pool.lease(in_ms(60_000)).await.map(drop) })
    };
    let there = waits(&pool);
    settle().await;
    pool.give_back();
    settle().await;
    assert!(!there.is_finished());
    open.store(false, SeqCst);
    held.close();
    settle().await;
    assert_eq!(state(&pool), (0, 0, 1, 1));
    pool.give_back();
    let error = there.await.unwrap().unwrap_err();
    assert!(error.is_displaced(), "{error}");
    // Between two dials, too.
    let away = waits(&pool);
    sleep(30 * SECOND).await;
    assert!(counts(&pool).failed_dials > 1);
    pool.give_back();
    assert!(away.await.unwrap().unwrap_err().is_displaced());
    open.store(true, SeqCst);
    drop(pool.lease(in_ms(60_000)).await.unwrap());
}
