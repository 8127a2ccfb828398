//! The end of a pool, of a runtime, and of the task that looks after leases (G7, G8).

use tokio::runtime::Builder;
use tokio::time::sleep;

use super::*;
use crate::{Setup, hook};

/// Everything that waits resolves, whether the pool is closed or its last handle is
/// dropped.
#[tokio::test(start_paused = true)]
async fn closing_resolves_everything() {
    for by_dropping in [false, true] {
        let (builder, peer) = Peer::start(|_, _, command| {
            let blocks = command[0] == "BLPOP";
            Some(if blocks { Vec::new() } else { usual(command) })
        });
        let pool = builder.max_leases(5).build();
        // One idle, one that is used later, three that wait for something.
        let mut unused = lease(&pool).await;
        let mut one = lease(&pool).await;
        let mut two = lease(&pool).await;
        let mut watching = lease(&pool).await;
        ask(&mut watching, &["WATCH k"]).await;
        drop(lease(&pool).await);
        assert_eq!(state(&pool), (4, 1, 0, 0));
        let full = lease(&pool).await;
        let blocked = tokio::spawn(async move {
            let answer = one.call(words(&["BLPOP k 0"]), soon() + 100 * SECOND).await;
            (answer, one)
        });
        let listening = tokio::spawn(async move { two.next_push().await });
        let handle = pool.clone();
        let waiting = tokio::spawn(async move {
            // Without a handle: this is the pool's own future.
            let lease = handle.lease(soon() + 100 * SECOND);
            lease.await.map(|_| ())
        });
        settle().await;
        assert_eq!(counts(&pool).waiting, 1);
        let begun = Instant::now();
        if by_dropping {
            waiting.abort();
            let _ = waiting.await;
            drop(pool);
        } else {
            pool.close();
            assert!(waiting.await.unwrap().unwrap_err().is_closed());
            assert!(pool.lease(soon()).await.unwrap_err().is_closed());
            // Two are lost already, since somebody waited for something there.
            assert_eq!(state(&pool), (3, 0, 0, 0));
        }
        let (answer, one) = blocked.await.unwrap();
        assert_eq!(fates(&answer, 1), "?");
        assert!(answer.failure.unwrap().error.is_closed());
        assert!(!one.is_connected());
        assert!(listening.await.unwrap().unwrap_err().is_closed());
        let answer = unused.call(words(&["GET k"]), soon()).await;
        assert_eq!(fates(&answer, 1), "-");
        assert!(answer.failure.unwrap().error.is_closed());
        assert_eq!(begun.elapsed(), Duration::ZERO);
        drop((full, watching));
        settle().await;
        assert_eq!(peer.connections(), (5, 0), "all are closed");
    }
}

/// Nothing that lies in the background holds a pool open.
#[tokio::test(start_paused = true)]
async fn a_pool_that_is_dropped_leaves_nothing() {
    for stage in 0..4 {
        let (builder, peer) = Peer::start(move |_, _, command| {
            let is_stuck = match stage {
                0 => command[0] == "HELLO",
                1 => command[0] == "UNWATCH",
                _ => false,
            };
            Some(if is_stuck { Vec::new() } else { usual(command) })
        });
        let pool = builder.min_idle_leases(2 * stage / 3).build();
        if stage == 0 {
            poll_once(std::pin::pin!(pool.lease(soon()))).await;
        } else {
            let mut lease = lease(&pool).await;
            ask(&mut lease, &["WATCH k"]).await;
        }
        settle().await;
        drop(pool);
        settle().await;
        assert_eq!(peer.connections().1, 0, "stage {stage}");
    }
}

/// A lease can be dropped anywhere and at any time.
#[test]
fn a_lease_outlives_its_runtime() {
    let first = Builder::new_current_thread().enable_all().build().unwrap();
    let (pool, mut leases, waiting) = first.block_on(async {
        let (builder, _) = Peer::usual();
        let pool = builder.max_leases(4).build();
        let mut leases = Vec::new();
        for line in ["GET k", "WATCH k", "SELECT 1", "GET k"] {
            let mut lease = lease(&pool).await;
            ask(&mut lease, &[line]).await;
            leases.push(lease);
        }
        let mut call = leases[3].call(words(&["GET k"]), soon());
        poll_once(Pin::new(&mut call)).await;
        drop(call);
        let other = pool.clone();
        let mut waiting = Box::pin(async move { other.lease(soon()).await });
        assert!(poll_once(waiting.as_mut()).await.is_none());
        (pool, leases, waiting)
    });
    // Outside a runtime, while there is one: it comes back, and the tender is not
    // needed for it.
    drop(leases.remove(0));
    assert_eq!(
        counts(&pool).in_use,
        4,
        "it was granted to the one who waits"
    );
    drop(waiting);
    assert_eq!((counts(&pool).in_use, counts(&pool).idle), (3, 1));
    drop(first);
    // Now there is none: they are closed, and nothing panics.
    assert_eq!(counts(&pool).idle, 0);
    drop(leases);
    assert_eq!(state(&pool), (0, 0, 0, 0));

    // Nobody can be waited for outside a runtime.
    let mut waiting = Box::pin(pool.lease(Instant::now() + SECOND));
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    match waiting.as_mut().poll(&mut cx) {
        Poll::Ready(Err(error)) => assert!(error.is_closed(), "{error}"),
        other => panic!("{other:?}"),
    }
}

/// Those who wait are told when the runtime ends, and another one serves them.
#[test]
fn another_runtime_begins_anew() {
    let build = || Builder::new_current_thread().enable_all().build().unwrap();
    let (first, second) = (build(), build());
    let address = second.block_on(super::super::server::listen());
    let (listener, address) = address;
    let pool = builder(&address).max_leases(1).build();
    // Nobody answers, so that the dial is under way when the runtime ends.
    let waiting = first.spawn({
        let pool = pool.clone();
        async move { pool.lease(soon()).await.map(|_| ()) }
    });
    first.block_on(async { sleep(Duration::from_millis(20)).await });
    assert_eq!((counts(&pool).dialling, counts(&pool).waiting), (1, 1));
    drop(waiting);
    drop(first);
    assert_eq!(state(&pool), (0, 0, 0, 0));
    second.block_on(async {
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let mut bytes = Vec::new();
                    while let Ok(1..) = stream.read_buf(&mut bytes).await {
                        for command in commands_in(&mut bytes) {
                            let _ = stream.write_all(&usual(&command)).await;
                        }
                    }
                });
            }
        });
        let mut lease = lease(&pool).await;
        assert_eq!(ask(&mut lease, &["GET k"]).await, ["k"]);
    });
}

/// G8: a hook that panics fails those who wait, once, and the next one may succeed.
#[tokio::test(start_paused = true)]
async fn a_panic_in_a_hook_fails_those_who_wait() {
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&runs);
    let (builder, peer) = Peer::usual();
    let pool = builder
        .init_hook(hook("rash", move |_: Setup| {
            let run = counted.fetch_add(1, SeqCst);
            async move {
                assert!(run > 0, "the first one panics");
                Ok(())
            }
        }))
        .build();
    let waiting: Vec<_> = (0..3)
        .map(|_| {
            let pool = pool.clone();
            tokio::spawn(async move { pool.lease(soon()).await.map(|_| ()) })
        })
        .collect();
    for task in waiting {
        let error = task.await.unwrap().unwrap_err();
        assert!(error.to_string().contains("panicked"), "{error}");
    }
    let mut lease = lease(&pool).await;
    assert_eq!(ask(&mut lease, &["GET k"]).await, ["k"]);
    assert_eq!(
        (state(&pool).0, runs.load(SeqCst)),
        (1, peer.connections().0)
    );
}

#[test]
fn leases_and_calls_can_be_sent_to_other_tasks() {
    fn is_send<T: Send>() {}
    is_send::<Lease>();
    is_send::<crate::Call<'_>>();
}
