//! Nodes that are away, slow or silent, and pools that end. Where time matters
//! the clock stands still unless everybody waits for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::sleep;

use super::server::{OK, Server, listen, pipes, read_commands, script, shake_hands, usual};
use super::*;
use crate::{Connect, hook};

const SECOND: Duration = Duration::from_secs(1);

pub(super) fn far() -> Address {
    Address::new("node", 7000)
}

async fn serve(mut stream: DuplexStream) {
    loop {
        let command = read_commands(&mut stream, 1).await;
        stream.write_all(&usual(&command[0])).await.unwrap();
    }
}

/// Dials fail until `from`, counted from the first; then there is a server.
pub(super) fn away_until(from: usize) -> (impl Connect, Arc<AtomicUsize>) {
    let dials = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&dials);
    let connector = move |_, _| {
        let dial = counted.fetch_add(1, SeqCst);
        async move {
            if dial < from {
                return Err(std::io::ErrorKind::ConnectionRefused.into());
            }
            let (near, far) = tokio::io::duplex(1 << 16);
            tokio::spawn(serve(far));
            Ok(near)
        }
    };
    (connector, dials)
}

#[tokio::test(start_paused = true)]
async fn requests_wait_for_a_node_that_is_away() {
    let (connector, dials) = away_until(8);
    let pool = builder(&far()).connector(connector).build();
    let start = Instant::now();
    let waiting = send(&pool, &["GET k"]);
    // One that could go elsewhere is told with the first failed dial.
    let refusing = pool
        .send(words(&["GET k"]), soon(), WhileAway::Refuse)
        .await;
    assert_eq!(fates(&refusing, 1), "-");
    assert!(refusing.failure.unwrap().error.is_network());
    assert!(dials.load(SeqCst) <= 2 && !pool.is_reachable());
    // And at once from then on.
    let mut next = std::pin::pin!(pool.send(words(&["GET k"]), soon(), WhileAway::Refuse));
    let answer = poll_once(next.as_mut()).await.expect("told at once");
    assert!(answer.failure.unwrap().error.is_network());

    assert_eq!(texts(&waiting.await), ["k"]);
    assert!(start.elapsed() < 5 * SECOND);
    assert!(pool.is_reachable());
    let answer = pool
        .send(words(&["GET k"]), soon(), WhileAway::Refuse)
        .await;
    assert_eq!(texts(&answer), ["k"]);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_tells_why_nobody_could_be_reached() {
    let (connector, dials) = away_until(usize::MAX);
    let pool = builder(&far()).connector(connector).build();
    let start = Instant::now();
    let answer = pool
        .send(
            words(&["GET k", "GET k"]),
            start + 10 * SECOND,
            WhileAway::Wait,
        )
        .await;
    let late = start.elapsed() - 10 * SECOND;
    assert!(late < Duration::from_millis(100), "{late:?}");
    assert_eq!(fates(&answer, 2), "--");
    let error = answer.failure.unwrap().error;
    assert!(error.is_timeout() && !error.is_network());
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(
        source.contains("connect") && error.to_string().contains(&source),
        "{error}"
    );
    // A second between dials at most, and no storm (E5).
    let dials = dials.load(SeqCst);
    assert!((10..80).contains(&dials), "{dials} dials in 10 s");
}

#[tokio::test(start_paused = true)]
async fn a_pool_that_nobody_uses_stops_dialling() {
    let (connector, dials) = away_until(usize::MAX);
    let pool = builder(&far()).connector(connector).build();
    pool.connect().await.unwrap_err();
    sleep(60 * SECOND).await;
    let before = dials.load(SeqCst);
    sleep(600 * SECOND).await;
    assert_eq!(dials.load(SeqCst), before);
    // The next request starts it anew.
    let answer = pool
        .send(words(&["GET k"]), Instant::now() + SECOND, WhileAway::Wait)
        .await;
    assert!(answer.failure.unwrap().error.is_timeout());
    assert!(dials.load(SeqCst) > before);
}

/// Nothing comes for longer than the response timeout: what was written is
/// ambiguous, and what was not goes to the next connection (E3).
#[tokio::test(start_paused = true)]
async fn a_silent_connection_is_given_up() {
    let (connector, mut streams) = pipes(64);
    let pool = builder(&far())
        .connector(connector)
        .response_timeout(3 * SECOND)
        .build();
    let server = tokio::spawn(async move {
        let mut silent = streams.recv().await.unwrap();
        shake_hands(&mut silent, 3).await;
        let mut next = streams.recv().await.unwrap();
        shake_hands(&mut next, 3).await;
        serve(next).await;
        drop(silent);
    });
    pool.connect().await.unwrap();
    let start = Instant::now();
    let long = "x".repeat(50);
    let written = send(&pool, &["GET a"]);
    let half = send(&pool, &[&format!("GET {long}"), "GET b"]);
    let unwritten = send(&pool, &["GET c"]);
    let (written, half, unwritten) = tokio::join!(written, half, unwritten);
    assert_eq!(
        (fates(&written, 1), fates(&half, 2)),
        ("?".into(), "?-".into())
    );
    let error = written.failure.unwrap().error;
    assert!(error.is_network() && error.is_timeout(), "{error}");
    assert_eq!(texts(&unwritten), ["c"]);
    let late = start.elapsed() - 3 * SECOND;
    assert!(late < Duration::from_millis(100), "{late:?}");
    server.abort();
}

/// A deadline passes while others are served; the connection stays (A1, R5).
#[tokio::test(start_paused = true)]
async fn a_deadline_is_kept_and_shifts_nothing() {
    let (connector, mut streams) = pipes(1 << 16);
    let pool = builder(&far()).connector(connector).build();
    let server = tokio::spawn(async move {
        let mut stream = streams.recv().await.unwrap();
        shake_hands(&mut stream, 3).await;
        let commands = read_commands(&mut stream, 3).await;
        for command in &commands {
            sleep(2 * SECOND).await;
            stream.write_all(&usual(command)).await.unwrap();
        }
        serve(stream).await;
    });
    pool.connect().await.unwrap();
    let start = Instant::now();
    let first = send(&pool, &["GET a"]);
    let late = pool.send(words(&["GET b"]), start + 3 * SECOND, WhileAway::Wait);
    let last = send(&pool, &["GET c"]);
    let late = async {
        let answer = late.await;
        (answer, start.elapsed())
    };
    let (first, (late, when), last) = tokio::join!(first, late, last);
    assert_eq!(
        (texts(&first), texts(&last)),
        (vec!["a".into()], vec!["c".into()])
    );
    assert_eq!(fates(&late, 1), "?");
    assert!(late.failure.unwrap().error.is_timeout());
    assert!(
        (3 * SECOND..3 * SECOND + SECOND / 10).contains(&when),
        "{when:?}"
    );
    let past = pool
        .send(words(&["GET d"]), Instant::now(), WhileAway::Wait)
        .await;
    assert_eq!(fates(&past, 1), "-");
    assert_eq!(pool.statistics().connections_lost, 0);
    server.abort();
}

#[tokio::test(start_paused = true)]
async fn what_was_not_written_is_given_back() {
    let (connector, _) = away_until(usize::MAX);
    let pool = builder(&far())
        .connector(connector)
        .max_in_flight(2)
        .build();
    let queued = send(&pool, &["GET a", "GET b"]);
    let waiting = send(&pool, &["GET c"]);
    let (first, second, ()) = tokio::join!(queued, waiting, async {
        sleep(SECOND).await;
        pool.give_back();
    });
    for (answer, count) in [(first, 2), (second, 1)] {
        assert_eq!(fates(&answer, count), "--"[..count]);
        assert!(answer.failure.unwrap().error.is_displaced());
    }
    let statistics = pool.statistics();
    assert_eq!(
        (
            statistics.in_flight,
            statistics.queued_bytes,
            statistics.waiting
        ),
        (0, 0, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_holds_callers_back_in_their_order() {
    let (connector, mut streams) = pipes(1 << 16);
    let pool = builder(&far())
        .connector(connector)
        .max_in_flight(2)
        .build();
    let server = tokio::spawn(async move {
        let mut stream = streams.recv().await.unwrap();
        shake_hands(&mut stream, 3).await;
        let mut order = Vec::new();
        for _ in 0..5 {
            sleep(SECOND).await;
            let command = read_commands(&mut stream, 1).await;
            stream.write_all(&usual(&command[0])).await.unwrap();
            order.push(command[0][1].clone());
        }
        order
    });
    pool.connect().await.unwrap();
    let start = Instant::now();
    let names = ["a", "b", "c", "d", "e"];
    let all = names.map(|name| send(&pool, &[&format!("GET {name}")]));
    let hasty = pool.send(words(&["GET x"]), start + SECOND / 2, WhileAway::Wait);
    let answer = hasty.await;
    assert_eq!(start.elapsed().as_millis(), 500);
    assert_eq!(fates(&answer, 1), "-");
    assert!(answer.failure.unwrap().error.is_overloaded());
    assert_eq!(pool.statistics().waiting, 3);
    for (name, exchange) in names.iter().zip(all) {
        assert_eq!(texts(&exchange.await), [*name]);
    }
    assert_eq!(server.await.unwrap(), names);
}

/// The server closes an idle connection: the next request goes to a new one,
/// once (E6).
#[tokio::test]
async fn an_idle_connection_that_was_closed_costs_nothing() {
    let server = Server::start(|_, command| Some(usual(command))).await;
    let pool = builder(&server.address).build();
    for round in 1..=5 {
        assert_eq!(texts(&send(&pool, &["GET k"]).await), ["k"]);
        server.kill_clients();
        while pool.statistics().connections_lost < round {
            tokio::task::yield_now().await;
        }
    }
    let gets = (0..server.dials()).flat_map(|index| server.names(index));
    assert_eq!(gets.filter(|name| name == "GET").count(), 5);
}

/// Whether the other side sees the end of the connection.
async fn sees_the_end(mut server: tokio::net::TcpStream) {
    let mut rest = Vec::new();
    let _ = server.read_to_end(&mut rest).await;
}

#[tokio::test]
async fn closing_and_dropping_end_everything() {
    for drops in [false, true] {
        let (listener, address) = listen().await;
        let pool = builder(&address).max_in_flight(2).build();
        let (greeting, mut stream) = tokio::join!(pool.connect(), async {
            let (mut stream, _) = listener.accept().await.unwrap();
            shake_hands(&mut stream, 3).await;
            stream
        });
        greeting.unwrap();
        let written = send(&pool, &["GET a", "GET b"]);
        let waiting = send(&pool, &["GET c"]);
        read_commands(&mut stream, 2).await;
        let again = pool.clone();
        if drops {
            drop((pool, again));
        } else {
            pool.close();
            assert!(again.connect().await.unwrap_err().is_closed());
            assert!(
                send(&again, &["GET d"])
                    .await
                    .failure
                    .unwrap()
                    .error
                    .is_closed()
            );
        }
        let (written, waiting) = tokio::join!(written, waiting);
        assert_eq!(
            (fates(&written, 2), fates(&waiting, 1)),
            ("??".into(), "-".into())
        );
        assert!(written.failure.unwrap().error.is_closed());
        sees_the_end(stream).await;
    }
}

/// A pool that is dropped in the middle of a dial leaves no socket behind.
#[tokio::test]
async fn a_dropped_pool_ends_its_dial() {
    let (listener, address) = listen().await;
    let pool = builder(&address).build();
    let exchange = send(&pool, &["GET a"]);
    let (mut stream, _) = listener.accept().await.unwrap();
    read_commands(&mut stream, 1).await;
    drop(pool);
    assert!(exchange.await.failure.unwrap().error.is_closed());
    sees_the_end(stream).await;
}

/// Whoever waits for a connection whose task has panicked is told, and the next
/// request starts another task (G8). The panic comes from a hook.
#[tokio::test]
async fn a_panic_fails_those_who_wait() {
    let server = Server::start(|_, command| Some(usual(command))).await;
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&runs);
    let pool = builder(&server.address)
        .init_hook(hook("panics once", move |_| {
            let run = counted.fetch_add(1, SeqCst);
            async move {
                assert!(run > 0, "meant to happen in this test");
                Ok(())
            }
        }))
        .build();
    let (connected, answer) = tokio::join!(pool.connect(), send(&pool, &["GET k"]));
    assert!(connected.unwrap_err().to_string().contains("panicked"));
    assert_eq!(fates(&answer, 1), "-");
    assert!(
        answer
            .failure
            .unwrap()
            .error
            .to_string()
            .contains("panicked")
    );
    assert_eq!(texts(&send(&pool, &["GET k"]).await), ["k"]);
}

/// The runtime that served a connection ends; a request that waits on another
/// one is told, and the next is served from there (G7).
#[test]
fn the_end_of_a_runtime_fails_those_who_wait() {
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
    };
    let (first, second) = (runtime(), runtime());
    let (address, pool, exchange) = first.block_on(async {
        let address = script(|_, mut stream| async move {
            shake_hands(&mut stream, 3).await;
            let _ = stream.read(&mut [0; 100]).await;
            sleep(100 * SECOND).await;
        })
        .await;
        let pool = builder(&address).build();
        pool.connect().await.unwrap();
        let mut exchange = Box::pin(send(&pool, &["GET k"]));
        while pool.statistics().writes == 0 {
            assert!(poll_once(exchange.as_mut()).await.is_none());
            tokio::task::yield_now().await;
        }
        (address, pool, exchange)
    });
    drop(first);
    let answer = second.block_on(exchange);
    assert_eq!(fates(&answer, 1), "?");
    assert!(answer.failure.unwrap().error.is_closed());
    second.block_on(async {
        let listener = tokio::net::TcpListener::bind(address.to_string())
            .await
            .unwrap();
        let serve = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            shake_hands(&mut stream, 3).await;
            read_commands(&mut stream, 1).await;
            stream.write_all(OK).await.unwrap();
            stream
        };
        let (answer, _stream) = tokio::join!(send(&pool, &["GET k"]), serve);
        assert_eq!(texts(&answer), ["OK"]);
    });
    // Without any runtime there is nobody to serve it.
    let lone = builder(&address).build();
    let exchange = send(&lone, &["GET k"]);
    let answer = second.block_on(exchange);
    assert_eq!(fates(&answer, 1), "-");
    assert!(
        answer
            .failure
            .unwrap()
            .error
            .to_string()
            .contains("no tokio runtime")
    );
}

/// A connection in quarantine answers what it carries; what comes later, or was
/// queued, goes to the next one (S5).
#[tokio::test(start_paused = true)]
async fn a_quarantined_connection_is_replaced() {
    let (connector, mut streams) = pipes(1 << 16);
    let pool = builder(&far()).connector(connector).build();
    let server = tokio::spawn(async move {
        let mut first = streams.recv().await.unwrap();
        shake_hands(&mut first, 3).await;
        let commands = read_commands(&mut first, 1).await;
        sleep(SECOND).await;
        first.write_all(&usual(&commands[0])).await.unwrap();
        assert!(
            first.read_u8().await.is_err(),
            "nothing more was sent on it"
        );
        let mut second = streams.recv().await.unwrap();
        shake_hands(&mut second, 3).await;
        serve(second).await;
    });
    pool.quarantine();
    pool.connect().await.unwrap();
    let mut carried = std::pin::pin!(send(&pool, &["GET a"]));
    while pool.statistics().writes == 0 {
        assert!(poll_once(carried.as_mut()).await.is_none());
        tokio::task::yield_now().await;
    }
    pool.quarantine();
    pool.quarantine();
    let (carried, later) = tokio::join!(carried, send(&pool, &["GET b"]));
    assert_eq!(
        (texts(&carried), texts(&later)),
        (vec!["a".into()], vec!["b".into()])
    );
    let statistics = pool.statistics();
    assert_eq!(
        (
            statistics.quarantined,
            statistics.connections_lost,
            statistics.dials
        ),
        (1, 1, 2)
    );
    server.abort();
}

/// What its caller has given up is no reason to dial.
#[tokio::test(start_paused = true)]
async fn an_abandoned_request_keeps_nothing_going() {
    let (connector, dials) = away_until(usize::MAX);
    let pool = builder(&far()).connector(connector).build();
    drop(send(&pool, &["GET k"]));
    sleep(60 * SECOND).await;
    let before = dials.load(SeqCst);
    sleep(60 * SECOND).await;
    assert_eq!(dials.load(SeqCst), before);
}
