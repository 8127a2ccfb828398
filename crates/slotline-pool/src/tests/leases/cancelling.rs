//! Every public future is polled k times and dropped, for every k until it completes
//! (A8): afterwards everything is as at the start.

use std::sync::atomic::AtomicBool;

use super::*;

type Scenario = Pin<Box<dyn Future<Output = ()> + Send>>;

const MOST: usize = 3;

/// Runs `make` again and again, one poll longer each time, until it completes. Fails
/// if `Place` has no `Drop`, and if `hand_in` drops what had been granted.
async fn at_every_poll(pool: &Pool, peer: &Peer, make: impl Fn(Pool) -> Scenario) {
    for polls in 0.. {
        assert!(polls < 500, "it never completes");
        let mut scenario = make(pool.clone());
        let mut done = false;
        for _ in 0..polls {
            done = poll_once(scenario.as_mut()).await.is_some();
            if done {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(scenario);
        as_at_the_start(pool, peer, polls).await;
        if done {
            return;
        }
    }
}

async fn as_at_the_start(pool: &Pool, peer: &Peer, polls: usize) {
    let quiet = |counts: LeaseStatistics| {
        (
            counts.in_use,
            counts.waiting,
            counts.dialling,
            counts.tidying,
        ) == (0, 0, 0, 0)
    };
    for _ in 0..10_000 {
        if quiet(counts(pool)) && pool.statistics().in_flight == 0 {
            break;
        }
        tokio::task::yield_now().await;
    }
    assert!(
        quiet(counts(pool)),
        "after {polls} polls: {:?}",
        counts(pool)
    );
    assert_eq!(pool.statistics().in_flight, 0);
    assert_eq!(pool.statistics().waiting, 0);
    // The whole of it can be had, and no more.
    let mut all = Vec::new();
    for _ in 0..MOST {
        let mut lease = lease(pool).await;
        assert_eq!(
            ask(&mut lease, &["GET k"]).await,
            ["k"],
            "after {polls} polls"
        );
        all.push(lease);
    }
    let more = pool.lease(Instant::now() + SECOND).await;
    assert!(more.unwrap_err().is_overloaded());
    drop(all);
    assert_eq!(state(pool), (0, MOST, 0, 0));
    settle().await;
    let shared = usize::from(pool.statistics().connected);
    assert_eq!(peer.connections().1, MOST + shared, "after {polls} polls");
}

/// What a server answers, BLPOP by an element after some time or at CLIENT UNBLOCK.
fn server() -> (Pool, Peer) {
    let blocked = Mutex::new(None);
    let pops = AtomicBool::new(false);
    let (builder, peer) = Peer::start(move |peer, index, command| {
        Some(match command[0].as_str() {
            "HELLO" => hello(100 + index),
            "BLPOP" if command[1] == "soon" => b"*2\r\n+k\r\n+x\r\n".to_vec(),
            "BLPOP" => {
                *blocked.lock().unwrap() = Some(index);
                Vec::new()
            }
            "CLIENT" if command[1] == "UNBLOCK" => {
                let Some(index) = blocked.lock().unwrap().take() else {
                    return Some(b":0\r\n".to_vec());
                };
                if pops.fetch_not(SeqCst) {
                    peer.say(index, "*2\r\n+k\r\n+x\r\n");
                    return Some(b":0\r\n".to_vec());
                }
                peer.say(index, "*-1\r\n");
                b":1\r\n".to_vec()
            }
            "SUBSCRIBE" => {
                b">3\r\n+subscribe\r\n+c\r\n:1\r\n>3\r\n+message\r\n+c\r\n+x\r\n".to_vec()
            }
            "EXEC" => b"*1\r\n+OK\r\n".to_vec(),
            "MONITOR" => b"+OK\r\n+1.0 [0 x] \"get\"\r\n".to_vec(),
            _ => usual(command),
        })
    });
    (builder.max_leases(MOST).build(), peer)
}

#[tokio::test(start_paused = true)]
async fn waiting_for_a_lease_leaves_nothing_behind() {
    let (pool, peer) = server();
    at_every_poll(&pool, &peer, |pool| {
        Box::pin(async move {
            let _lease = pool.lease(soon()).await.unwrap();
        })
    })
    .await;
    // With all of them in use: granted and dropped before it has looked.
    at_every_poll(&pool, &peer, |pool| {
        Box::pin(async move {
            let mut held = Vec::new();
            for _ in 0..MOST {
                held.push(pool.lease(soon()).await.unwrap());
            }
            let mut waiting = Box::pin(pool.lease(soon()));
            assert!(poll_once(waiting.as_mut()).await.is_none());
            let mut behind = Box::pin(pool.lease(soon()));
            assert!(poll_once(behind.as_mut()).await.is_none());
            held.pop();
            tokio::task::yield_now().await;
            // The first has been granted one, and gives way to the next.
            drop(waiting);
            drop(behind.await.unwrap());
        })
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_new_connection_at_every_poll_leaves_nothing_behind() {
    for polls in 0..200 {
        let (pool, peer) = server();
        let mut waiting = Box::pin(pool.lease(soon()));
        let mut done = false;
        for _ in 0..polls {
            done = done || poll_once(waiting.as_mut()).await.is_some();
            if done {
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(waiting);
        as_at_the_start(&pool, &peer, polls).await;
        if done {
            return;
        }
    }
    panic!("it never completes");
}

#[tokio::test(start_paused = true)]
async fn calls_leave_nothing_behind() {
    for lines in [
        &["GET a", "GET b"][..],
        &["WATCH k"],
        &["WATCH k", "MULTI", "SET k v", "EXEC"],
        &["MULTI", "SET k v"],
        &["BLPOP soon 0"],
        &["SELECT 1"],
    ] {
        let (pool, peer) = server();
        let commands = words(lines);
        at_every_poll(&pool, &peer, move |pool| {
            let commands = commands.clone();
            Box::pin(async move {
                let mut lease = pool.lease(soon()).await.unwrap();
                lease.call(commands.clone(), soon()).await;
                lease.call(commands, soon()).await;
            })
        })
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn pushes_leave_nothing_behind() {
    for line in ["SUBSCRIBE c", "MONITOR"] {
        let (pool, peer) = server();
        at_every_poll(&pool, &peer, move |pool| {
            Box::pin(async move {
                let mut lease = pool.lease(soon()).await.unwrap();
                lease.call(words(&[line]), soon()).await;
                lease.next_push().await.unwrap();
            })
        })
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn cancelling_leaves_nothing_behind() {
    for rescued in [false, true] {
        let (pool, peer) = server();
        pool.connect().await.unwrap();
        at_every_poll(&pool, &peer, move |pool| {
            Box::pin(async move {
                let mut lease = pool.lease(soon()).await.unwrap();
                let mut call = lease.call(words(&["BLPOP k 0"]), soon());
                if rescued {
                    call = call.rescue(drop);
                }
                poll_once(Pin::new(&mut call)).await;
                tokio::task::yield_now().await;
                let answer = call.cancel().await;
                assert_eq!(answer.replies.len(), 1);
            })
        })
        .await;
    }
}
