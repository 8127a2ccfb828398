//! E5: how many connections to one node are in the making at once, whichever pool
//! wants them, and for whatever.

use std::future::pending;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::server::{pipes, read_commands, shake_hands, usual};
use super::waiting::far;
use super::*;
use crate::{DialLimit, Intent};

const SECOND: Duration = Duration::from_secs(1);

/// Answers the handshake and whatever comes after it.
async fn serve(mut stream: DuplexStream, handshake: usize) {
    shake_hands(&mut stream, handshake).await;
    while let Ok(commands) = timeout(60 * SECOND, read_commands(&mut stream, 1)).await {
        stream.write_all(&usual(&commands[0])).await.unwrap();
    }
    let _ = stream.read(&mut [0]).await;
}

/// Two pools, each with shared connections and leases at once. Fails if a pool
/// counts for itself, or does not count leases.
#[tokio::test(start_paused = true)]
async fn pools_that_share_a_limit_dial_together() {
    for allowed in [1, 3] {
        let limit = DialLimit::new(allowed);
        let (connector, mut streams) = pipes(1 << 10);
        let connector: Arc<dyn crate::Connect> = Arc::new(connector);
        let pool = |intent| {
            builder(&far())
                .shared_connector(Arc::clone(&connector))
                .library_info(false)
                .intent(intent)
                .connections(2)
                .connect_timeout(SECOND + SECOND / 2)
                .dial_limit(limit.clone())
                .build()
        };
        let pools = [pool(Intent::ReadWrite), pool(Intent::ReadOnly)];
        assert_eq!(pools[0].dial_limit().max_dials(), allowed);
        let mut requests = Vec::new();
        let mut leases = JoinSet::new();
        for pool in &pools {
            requests.extend((0..2).map(|_| send(pool, &["GET k"])));
            for _ in 0..4 {
                let pool = pool.clone();
                leases.spawn(async move { pool.lease(soon()).await });
            }
        }
        let mut made = 0;
        while made < 12 {
            // As long as none is answered there are no more than these.
            sleep(SECOND).await;
            let mut begun = Vec::new();
            while let Ok(stream) = streams.try_recv() {
                begun.push(stream);
            }
            assert_eq!(begun.len(), allowed.min(12 - made), "after {made}");
            assert_eq!(limit.under_way(), begun.len());
            made += begun.len();
            for mut stream in begun {
                // HELLO tells for whom it is by what comes behind it.
                tokio::spawn(async move {
                    shake_hands(&mut stream, 1).await;
                    serve(stream, 0).await;
                });
            }
        }
        for request in requests {
            assert_eq!(texts(&request.await), ["k"]);
        }
        let leases = leases.join_all().await;
        assert!(leases.iter().all(Result::is_ok));
        assert_eq!(limit.under_way(), 0);
        let failed = |pool: &Pool| {
            let counts = pool.statistics();
            counts.failed_dials + counts.leases.failed_dials
        };
        assert_eq!(pools.iter().map(failed).sum::<u64>(), 0);
    }
}

/// Who waits for a dial that waits for its turn waits until the deadline and no
/// longer; and a turn ends with whatever had it.
#[tokio::test(start_paused = true)]
async fn a_turn_is_waited_for_until_the_deadline_and_is_free_once_it_is_dropped() {
    let limit = DialLimit::new(1);
    let stuck = builder(&far())
        .connector(|_, _| pending::<io::Result<DuplexStream>>())
        .connect_timeout(3600 * SECOND)
        .dial_limit(limit.clone())
        .build();
    let (connector, mut streams) = pipes(1 << 10);
    let pool = builder(&far())
        .connector(connector)
        .dial_limit(limit.clone())
        .build();
    tokio::spawn(async move {
        while let Some(stream) = streams.recv().await {
            tokio::spawn(serve(stream, 3));
        }
    });
    let has_turn = send(&stuck, &["GET k"]);
    sleep(SECOND).await;
    assert_eq!(limit.under_way(), 1);

    let begun = Instant::now();
    let deadline = begun + 7 * SECOND;
    let request = pool.send(words(&["GET k"]), deadline, WhileAway::Wait);
    let leased = pool.lease(begun + 9 * SECOND);
    let answer = request.await;
    assert_eq!(begun.elapsed(), 7 * SECOND);
    assert!(answer.failure.as_ref().unwrap().error.is_timeout());
    assert_eq!(fates(&answer, 1), "-");
    assert!(leased.await.unwrap_err().is_timeout());
    assert_eq!(pool.statistics().failed_dials, 0, "it still waits");

    drop((stuck, has_turn));
    let asked = Instant::now();
    assert_eq!(texts(&send(&pool, &["GET k"]).await), ["k"]);
    assert!(pool.lease(soon()).await.is_ok());
    assert_eq!((asked.elapsed(), limit.under_way()), (Duration::ZERO, 0));
}

/// A place among those who wait is given up with its pool.
#[tokio::test(start_paused = true)]
async fn whoever_waits_for_a_turn_can_leave() {
    let limit = DialLimit::new(1);
    let begun = Arc::new(AtomicUsize::new(0));
    let order = Arc::new(Mutex::new(Vec::new()));
    let pool = |name: &'static str| {
        let (begun, order) = (Arc::clone(&begun), Arc::clone(&order));
        let connector = move |_, _| {
            begun.fetch_add(1, SeqCst);
            order.lock().unwrap().push(name);
            pending::<io::Result<DuplexStream>>()
        };
        builder(&far())
            .connector(connector)
            .dial_limit(limit.clone())
            .build()
    };
    let pools = ["first", "second", "third"].map(pool);
    for pool in &pools {
        drop(send(pool, &["GET k"]));
        sleep(SECOND / 10).await;
    }
    let [first, second, third] = pools;
    assert_eq!(begun.load(SeqCst), 1);
    drop(second);
    sleep(SECOND / 10).await;
    drop(first);
    sleep(SECOND / 10).await;
    assert_eq!(*order.lock().unwrap(), ["first", "third"]);
    drop(third);
    sleep(SECOND / 10).await;
    assert_eq!(limit.under_way(), 0);
}
