//! Servers without room for a client (E5).

use std::time::Duration;

use slotline_pool::EventKind;
use slotline_tests::{in_time, server, until};
use tokio::time::Instant;

use crate::setting::{admin, builder, send, texts};

const CONNECTIONS: u64 = 8;
const SECONDS: u64 = 4;

/// All clients are killed, and there is room for none of them: they come back one
/// by one, not in a storm, and all of them once there is room.
///
/// Fails when dials do not pause (in `Backoff::pause`): there are more than ten
/// thousand.
#[tokio::test(flavor = "multi_thread")]
async fn clients_that_find_no_room_come_back_without_a_storm() {
    let server = server().await;
    let pool = builder(&server, "storm")
        .connections(CONNECTIONS as usize)
        .max_dials(CONNECTIONS as usize)
        .build();
    let warm = (0..200).map(|_| send(&pool, &["ECHO warm"]));
    for exchange in warm.collect::<Vec<_>>() {
        assert_eq!(texts(&exchange.await), ["warm"]);
    }
    until("all connections are there", async || {
        let state = pool.state();
        state.connections.iter().all(|it| it.greeting.is_some())
    })
    .await;
    let mut events = pool.events();
    // The administrator's own is the only one.
    admin(&server, "CONFIG SET maxclients 1").await;
    let before = pool.statistics();
    admin(&server, "CLIENT KILL TYPE normal SKIPME yes").await;
    until("all of them are lost", async || {
        pool.statistics().connections_lost == before.connections_lost + CONNECTIONS
    })
    .await;
    let start = Instant::now();
    let waiting: Vec<_> = (0..200).map(|_| send(&pool, &["ECHO late"])).collect();
    let mut refused = 0;
    while start.elapsed() < Duration::from_secs(SECONDS) {
        let left = Duration::from_secs(SECONDS).saturating_sub(start.elapsed());
        let Ok(event) = tokio::time::timeout(left, events.next()).await else {
            break;
        };
        if let Some(Ok(event)) = event
            && let EventKind::DialFailed(error) = event.kind
        {
            assert!(
                error.to_string().contains("max number of clients"),
                "{error}"
            );
            assert_eq!((error.step(), error.is_network()), (Some("HELLO"), true));
            refused += 1;
        }
    }
    let after = pool.statistics();
    assert_eq!(
        after.connections_lost,
        before.connections_lost + CONNECTIONS
    );
    let rejected = server
        .info("stats", "rejected_connections")
        .await
        .expect("INFO");
    let rejected: u64 = rejected.and_then(|it| it.parse().ok()).expect("a number");
    assert!(
        refused > 0 && rejected >= refused,
        "{refused} of {rejected}"
    );
    // Half a second between two of one connection on average, once there have been
    // seven; never so many that the server has nothing else to do.
    let dials = after.dials - before.dials;
    println!("{dials} dials of {CONNECTIONS} connections in {SECONDS} s");
    assert!(dials <= CONNECTIONS * (10 + 4 * SECONDS), "{dials} dials");
    assert_eq!(after.failed_dials - before.failed_dials, rejected);

    admin(&server, "CONFIG SET maxclients 1000").await;
    for exchange in waiting {
        assert_eq!(texts(&in_time(exchange).await), ["late"]);
    }
    until("all are back", async || {
        let state = pool.state();
        state.connections.iter().all(|it| it.greeting.is_some())
    })
    .await;
}

/// Whoever asks is told at once why not, while the pool goes on trying (the breaker).
///
/// Fails when it never says so (in `State::fails_fast`): the requests wait.
#[tokio::test]
async fn where_nobody_is_to_wait_requests_are_told_why() {
    let server = server().await;
    let pool = builder(&server, "told").fail_fast_after(3).build();
    assert_eq!(texts(&send(&pool, &["ECHO on"]).await), ["on"]);
    admin(&server, "CONFIG SET maxclients 1").await;
    admin(&server, "CLIENT KILL TYPE normal SKIPME yes").await;
    until("it has failed often enough", async || {
        pool.statistics().failed_dials >= 3
    })
    .await;
    let dials = pool.statistics().dials;
    for _ in 0..1000 {
        let answer = send(&pool, &["INCR n"]).await;
        let failure = answer.failure.expect("there is no connection");
        assert_eq!(failure.first_unsent, 0);
        assert!(failure.error.is_handshake(), "{}", failure.error);
        assert!(failure.error.to_string().contains("max number of clients"));
    }
    assert_eq!(pool.statistics().failed_fast, 1000);
    until("it goes on trying", async || {
        pool.statistics().dials > dials
    })
    .await;
    admin(&server, "CONFIG SET maxclients 1000").await;
    until("there is a connection", async || {
        pool.statistics().connected
    })
    .await;
    assert_eq!(texts(&send(&pool, &["INCR n"]).await), ["1"]);
}
