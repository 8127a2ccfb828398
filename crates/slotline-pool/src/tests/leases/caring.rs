//! What a pool does about its leased connections beside lending them: credentials
//! that change, draining, telling, and nodes that stay away.

use tokio::sync::watch;
use tokio::time::sleep;

use super::*;
use crate::tests::waiting::{away_until, far};
use crate::{Credentials, EventKind};

/// A leased connection is not authenticated anew. Who has one goes on with it; then
/// it is closed, and the next is made as whom the pool is by now.
#[tokio::test(start_paused = true)]
async fn a_leased_connection_does_not_outlive_its_credentials() {
    for by_hand in [false, true] {
        let (builder, peer) = Peer::usual();
        let (rotate, current) = watch::channel(Credentials::new(None, "p0"));
        let asked = current.clone();
        let pool = if by_hand {
            // What cannot tell of changes.
            let provider = move || {
                let credentials = asked.borrow().clone();
                async move { Ok(credentials) }
            };
            builder.credentials(provider).build()
        } else {
            builder.credentials(current).build()
        };
        let (mut kept, idle) = (lease(&pool).await, lease(&pool).await);
        drop(idle);
        assert_eq!(state(&pool), (1, 1, 0, 0));
        rotate.send_replace(Credentials::new(None, "p1"));
        if by_hand {
            pool.reauthenticate();
        }
        assert_eq!(ask(&mut kept, &["GET a"]).await, ["a"]);
        let mut fresh = lease(&pool).await;
        assert_eq!(ask(&mut fresh, &["GET b"]).await, ["b"]);
        assert_eq!(peer.heard(2), ["GET b"], "on a connection of its own");
        drop(kept);
        settle().await;
        assert_eq!(state(&pool), (1, 0, 0, 0));
        drop(fresh);
        settle().await;
        assert_eq!(state(&pool), (0, 1, 0, 0), "it is whom the pool is");
        assert_eq!((counts(&pool).retired, counts(&pool).returned), (2, 2));
        assert_eq!(peer.connections(), (3, 1));
    }
}

/// Draining waits for the leases that are out, lends no more, and ends those that
/// have not come back by the deadline.
#[tokio::test(start_paused = true)]
async fn draining_waits_for_the_leases_that_are_out() {
    for comes_back in [true, false] {
        let (builder, peer) = Peer::usual();
        let pool = builder.max_leases(2).min_idle_leases(2).build();
        let mut out = lease(&pool).await;
        let other = lease(&pool).await;
        let handle = pool.clone();
        let waiting = tokio::spawn(async move { handle.lease(soon()).await.map(drop) });
        settle().await;
        drop(other);
        assert!(waiting.await.unwrap().is_ok());
        settle().await;
        let start = Instant::now();
        let draining = tokio::spawn({
            let pool = pool.clone();
            async move { pool.drain(start + 10 * SECOND).await }
        });
        settle().await;
        assert!(pool.lease(soon()).await.unwrap_err().is_closed());
        assert_eq!(state(&pool), (1, 0, 0, 0), "nothing is kept ready any more");
        sleep(SECOND).await;
        assert_eq!(ask(&mut out, &["GET a"]).await, ["a"], "it works as before");
        assert!(!draining.is_finished());
        if comes_back {
            drop(out);
            draining.await.unwrap();
            assert_eq!(start.elapsed(), SECOND);
        } else {
            draining.await.unwrap();
            assert_eq!(start.elapsed(), 10 * SECOND);
            let answer = out.call(words(&["GET b"]), soon()).await;
            assert_eq!(fates(&answer, 1), "-");
            assert!(answer.failure.unwrap().error.is_closed());
        }
        settle().await;
        assert_eq!(peer.connections().1, 0);
    }
}

/// What is told of leased connections, in order.
#[tokio::test(start_paused = true)]
async fn leased_connections_are_told_of_as_others_are() {
    let (builder, peer) = Peer::usual();
    let notes = Arc::new(Mutex::new(Vec::new()));
    let (lent, closed) = (Arc::clone(&notes), Arc::clone(&notes));
    let pool = builder
        .on_lend(move |it| {
            assert_eq!(it.connection, None);
            lent.lock().unwrap().push("lent".to_owned());
        })
        .on_close(move |it| {
            let reason = it.reason.to_string();
            let reason = reason.rsplit(": ").next().unwrap().to_owned();
            closed.lock().unwrap().push(reason);
        })
        .build();
    let mut events = pool.events();
    // Lent twice, then changed, and so closed.
    drop(lease(&pool).await);
    let mut changed = lease(&pool).await;
    ask(&mut changed, &["SELECT 1"]).await;
    drop(changed);
    // One that breaks while it is in use, and one while it is not.
    let mut broken = lease(&pool).await;
    peer.hang_up(1);
    settle().await;
    assert!(
        broken
            .call(words(&["GET a"]), soon())
            .await
            .failure
            .is_some()
    );
    drop(lease(&pool).await);
    peer.hang_up(2);
    settle().await;
    let expected = [
        "lent",
        "lent",
        "no longer needed",
        "lent",
        "closed by the server",
        "lent",
        "closed by the server",
    ];
    assert_eq!(*notes.lock().unwrap(), expected);
    drop((pool, broken));
    let mut kinds = Vec::new();
    while let Some(event) = events.next().await {
        let event = event.unwrap();
        assert_eq!(event.connection, None);
        kinds.push(match event.kind {
            EventKind::Dialling { .. } => "dialling",
            EventKind::Connected(_) => "connected",
            EventKind::Lost(_) => "lost",
            EventKind::Closed => "closed",
            _ => "something else",
        });
    }
    let expected = "dialling connected closed dialling connected lost dialling connected lost";
    assert_eq!(kinds.join(" "), expected);
}

/// Where nobody is to wait for a node that stays away, nobody waits for a lease.
#[tokio::test(start_paused = true)]
async fn a_lease_is_not_waited_for_once_enough_dials_have_failed() {
    let (connector, dials) = away_until(8);
    let pool = builder(&far())
        .connector(connector)
        .fail_fast_after(3)
        .build();
    for failed in 3..=8 {
        let error = pool.lease(soon()).await.unwrap_err();
        assert!(error.is_handshake() && error.is_network(), "{error}");
        assert_eq!(dials.load(SeqCst), failed);
    }
    assert!(pool.lease(soon()).await.is_ok());
}
