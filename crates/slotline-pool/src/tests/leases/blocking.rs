//! Commands that block: given up, cancelled, rescued (F2).

use std::collections::HashMap;
use std::sync::atomic::AtomicBool;

use slotline_resp::Value;

use super::*;
use crate::Protocol;

/// What a server does with CLIENT UNBLOCK and with BLPOP.
#[derive(Default)]
struct Blocks {
    /// The connections that block now, by their numbers.
    now: Mutex<HashMap<usize, usize>>,
    /// How often it says first that there is nothing to unblock.
    misses: AtomicUsize,
    unblocked: AtomicUsize,
    /// Whether it pops an element just before it is asked to unblock.
    pops: AtomicBool,
    /// What it says to CLIENT UNBLOCK instead.
    instead: Mutex<Option<&'static str>>,
}

fn blocking(blocks: &Arc<Blocks>) -> (PoolBuilder, Peer) {
    let blocks = Arc::clone(blocks);
    Peer::start(move |peer, index, command| {
        let number = 100 + index;
        Some(match command[0].as_str() {
            "HELLO" => hello(number),
            "BLPOP" => {
                blocks.now.lock().unwrap().insert(number, index);
                Vec::new()
            }
            "CLIENT" if command[1] == "ID" => format!(":{number}\r\n").into_bytes(),
            "CLIENT" if command[1] == "UNBLOCK" => {
                if let Some(said) = *blocks.instead.lock().unwrap() {
                    return (!said.is_empty()).then(|| said.into());
                }
                let number = command[2].parse().unwrap();
                let misses = blocks.misses.load(SeqCst);
                if misses > 0 {
                    blocks.misses.store(misses - 1, SeqCst);
                    return Some(b":0\r\n".to_vec());
                }
                let Some(blocked) = blocks.now.lock().unwrap().remove(&number) else {
                    return Some(b":0\r\n".to_vec());
                };
                if blocks.pops.load(SeqCst) {
                    peer.say(blocked, "*2\r\n$1\r\nk\r\n$7\r\nelement\r\n");
                    return Some(b":0\r\n".to_vec());
                }
                blocks.unblocked.fetch_add(1, SeqCst);
                peer.say(blocked, "*-1\r\n");
                b":1\r\n".to_vec()
            }
            _ => usual(command),
        })
    })
}

/// What each reply says: `nil`, a string, or what an array holds.
fn values(answer: &crate::Answer) -> Vec<String> {
    fn shown(value: &Value) -> String {
        match value.as_slice() {
            Some(items) => items.iter().map(shown).collect::<Vec<_>>().join(" "),
            None => value.as_str().unwrap_or("nil").to_owned(),
        }
    }
    let replies = &answer.replies;
    (0..replies.len())
        .map(|index| shown(&replies.get(index).unwrap().value().unwrap()))
        .collect()
}

/// Fails if `Call::give_up` never loses the connection.
#[tokio::test(start_paused = true)]
async fn a_blocking_call_that_is_dropped_closes_its_connection() {
    for by_deadline in [false, true] {
        let (builder, peer) = blocking(&Arc::default());
        let pool = builder.build();
        let mut lease = lease(&pool).await;
        let mut call = lease.call(words(&["GET k", "BLPOP k 0"]), Instant::now() + SECOND);
        assert!(poll_once(Pin::new(&mut call)).await.is_none());
        settle().await;
        if by_deadline {
            let answer = (&mut call).await;
            assert_eq!(fates(&answer, 2), "+?");
            assert!(answer.failure.unwrap().error.is_timeout());
        }
        drop(call);
        settle().await;
        assert_eq!(peer.connections(), (1, 0), "the server has seen its end");
        let answer = lease.call(words(&["GET k"]), soon()).await;
        assert_eq!(fates(&answer, 1), "-");
        assert_eq!(state(&pool), (0, 0, 0, 0));
        // One that has its answer is as any other.
        drop(lease);
        let mut lease = self::lease(&pool).await;
        let mut call = lease.call(words(&["BLPOP k 1"]), soon());
        assert!(poll_once(Pin::new(&mut call)).await.is_none());
        peer.say(1, "*-1\r\n");
        assert_eq!(values(&call.await), ["nil"]);
        drop(lease);
        assert_eq!(state(&pool), (0, 1, 0, 0));
    }
}

/// Of a call of which nothing was written, nothing is left.
#[tokio::test(start_paused = true)]
async fn a_blocking_call_that_was_not_sent_costs_nothing() {
    let (builder, peer) = blocking(&Arc::default());
    let pool = builder.build();
    let mut lease = lease(&pool).await;
    drop(lease.call(words(&["BLPOP k 0"]), soon()));
    let answer = lease.call(words(&["BLPOP k 0"]), soon()).cancel().await;
    assert_eq!(fates(&answer, 1), "-");
    assert!(answer.failure.unwrap().error.is_cancelled());
    assert_eq!(ask(&mut lease, &["GET k"]).await, ["k"]);
    drop(lease);
    assert_eq!((peer.heard(0).len(), state(&pool)), (1, (0, 1, 0, 0)));
}

/// Whatever the server does at that moment, the lease is good afterwards.
#[tokio::test(start_paused = true)]
async fn cancelling_unblocks_or_gives_what_was_taken() {
    for protocol in [Protocol::Resp2, Protocol::Resp3] {
        for (misses, pops, expected) in [
            (0, false, "nil"),
            (3, false, "nil"),
            (0, true, "k element"),
            (3, true, "k element"),
        ] {
            let blocks = Arc::new(Blocks::default());
            blocks.misses.store(misses, SeqCst);
            blocks.pops.store(pops, SeqCst);
            let (builder, peer) = blocking(&blocks);
            let builder = match protocol {
                Protocol::Resp2 => builder.protocol(protocol),
                _ => builder,
            };
            let pool = builder.build();
            let mut lease = lease(&pool).await;
            let mut call = lease.call(words(&["GET a", "BLPOP k 0"]), soon());
            assert!(poll_once(Pin::new(&mut call)).await.is_none());
            let answer = call.cancel().await;
            assert!(answer.failure.is_none(), "{:?}", answer.failure);
            let replies = values(&answer);
            assert_eq!(replies, ["a", expected]);
            // Only over the shared connection, which was made for it.
            assert_eq!(peer.connections(), (2, 2));
            let asked = peer.heard(1).len();
            assert!(asked > misses, "{asked}");
            assert_eq!(ask(&mut lease, &["GET k"]).await, ["k"]);
            drop(lease);
            assert_eq!(state(&pool), (0, 1, 0, 0));
        }
    }
}

/// Several that block, one after the other, are all ended.
#[tokio::test(start_paused = true)]
async fn cancelling_ends_each_that_blocks() {
    let blocks = Arc::new(Blocks::default());
    let next = Arc::clone(&blocks);
    let (builder, _) = Peer::start(move |peer, index, command| {
        Some(match command[0].as_str() {
            "HELLO" => hello(100 + index),
            "BLPOP" => Vec::new(),
            "CLIENT" if command[1] == "UNBLOCK" => {
                if next.unblocked.fetch_add(1, SeqCst) < 3 {
                    peer.say(0, "*-1\r\n");
                }
                b":1\r\n".to_vec()
            }
            _ => usual(command),
        })
    });
    let pool = builder.build();
    let mut lease = lease(&pool).await;
    let mut call = lease.call(words(&["BLPOP a 0", "BLPOP b 0", "BLPOP c 0"]), soon());
    assert!(poll_once(Pin::new(&mut call)).await.is_none());
    settle().await;
    let answer = call.cancel().await;
    assert_eq!(values(&answer), ["nil", "nil", "nil"]);
    assert_eq!(blocks.unblocked.load(SeqCst), 3);
}

/// It cannot be unblocked: then it is closed, and takes nothing either.
#[tokio::test(start_paused = true)]
async fn what_cannot_be_unblocked_is_closed() {
    for said in ["-NOPERM no\r\n", "-ERR unknown subcommand\r\n", ""] {
        let blocks = Arc::new(Blocks::default());
        *blocks.instead.lock().unwrap() = Some(said);
        let (builder, peer) = blocking(&blocks);
        let pool = builder.response_timeout(5 * SECOND).build();
        let mut lease = lease(&pool).await;
        let mut call = lease.call(words(&["BLPOP k 0"]), soon() + 1000 * SECOND);
        assert!(poll_once(Pin::new(&mut call)).await.is_none());
        let begun = Instant::now();
        let answer = call.cancel().await;
        assert!(begun.elapsed() <= 6 * SECOND);
        assert_eq!(fates(&answer, 1), "?", "{said}");
        let error = answer.failure.unwrap().error;
        assert!(error.is_network() || error.is_timeout(), "{error}");
        assert!(!lease.is_connected());
        settle().await;
        assert_eq!(state(&pool), (0, 0, 0, 0));
        drop((lease, pool));
        settle().await;
        assert_eq!(peer.connections().1, 0);
    }
}

/// A cancel that is dropped while the server has been asked: whoever blocks on that
/// connection next could be hit, so nobody does.
#[tokio::test(start_paused = true)]
async fn a_cancel_that_is_dropped_closes_the_connection() {
    let (builder, peer) = Peer::start(|peer, index, command| {
        Some(match command[0].as_str() {
            "HELLO" => hello(100 + index),
            "BLPOP" => Vec::new(),
            // The reply to BLPOP comes, that to UNBLOCK does not.
            "CLIENT" if command[1] == "UNBLOCK" => {
                peer.say(0, "*-1\r\n");
                Vec::new()
            }
            _ => usual(command),
        })
    });
    let pool = builder.build();
    let mut lease = lease(&pool).await;
    let mut call = lease.call(words(&["BLPOP k 0"]), soon());
    assert!(poll_once(Pin::new(&mut call)).await.is_none());
    let mut cancel = Box::pin(call.cancel());
    for _ in 0..200 {
        assert!(poll_once(cancel.as_mut()).await.is_none());
        tokio::task::yield_now().await;
    }
    assert_eq!(peer.heard(1), ["CLIENT UNBLOCK 100"]);
    drop(cancel);
    settle().await;
    assert!(!lease.is_connected());
    assert_eq!((state(&pool), peer.connections()), ((0, 0, 0, 0), (2, 1)));
}

/// What was taken for somebody who has gone goes where he said.
#[tokio::test(start_paused = true)]
async fn what_was_taken_for_nobody_is_rescued() {
    for (pops, by_deadline) in [(false, false), (true, false), (true, true)] {
        let blocks = Arc::new(Blocks::default());
        blocks.pops.store(pops, SeqCst);
        let (builder, peer) = blocking(&blocks);
        let pool = builder.build();
        let (told, mut rescued) = mpsc::unbounded_channel();
        let mut lease = lease(&pool).await;
        let call = lease.call(words(&["GET a", "BLPOP k 0"]), Instant::now() + SECOND);
        let mut call = call.rescue(move |answer| told.send(values(&answer)).unwrap());
        assert!(poll_once(Pin::new(&mut call)).await.is_none());
        settle().await;
        if by_deadline {
            assert_eq!(fates(&(&mut call).await, 2), "+?");
        }
        drop(call);
        assert!(!lease.is_connected());
        let element = match pops {
            true => "k element",
            false => "nil",
        };
        assert_eq!(rescued.recv().await.unwrap(), ["a", element]);
        // The connection is as good as before.
        assert_eq!((state(&pool), peer.connections()), ((0, 1, 0, 0), (2, 2)));
        drop(lease);
        assert_eq!(state(&pool), (0, 1, 0, 0));
    }
}
