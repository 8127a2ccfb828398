//! Pools that are drained, and what is told of connections that begin and end.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::sleep;

use super::server::{Server, pipes, read_commands, shake_hands, usual};
use super::waiting::{away_until, far};
use super::*;
use crate::{EventKind, Phase, hook};

const SECOND: Duration = Duration::from_secs(1);

/// A server that takes a second for each command; and when it has seen the end.
fn slow(streams: tokio::sync::mpsc::UnboundedReceiver<tokio::io::DuplexStream>) -> Seen {
    let mut streams = streams;
    let seen = Seen::default();
    let into = seen.clone();
    tokio::spawn(async move {
        while let Some(mut stream) = streams.recv().await {
            shake_hands(&mut stream, 3).await;
            while let Ok(byte) = stream.read_u8().await {
                let mut bytes = vec![byte];
                while super::server::commands_in(&mut bytes.clone()).is_empty() {
                    bytes.push(stream.read_u8().await.unwrap());
                }
                sleep(SECOND).await;
                let command = &super::server::commands_in(&mut bytes)[0];
                into.0.lock().unwrap().push(command.join(" "));
                if stream.write_all(&usual(command)).await.is_err() {
                    break;
                }
            }
            into.0.lock().unwrap().push("end".to_owned());
        }
    });
    seen
}

#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<String>>>);

impl Seen {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

#[tokio::test(start_paused = true)]
async fn draining_brings_what_there_is_to_its_end_and_takes_no_more() {
    let (connector, streams) = pipes(1 << 16);
    let seen = slow(streams);
    let pool = builder(&far())
        .connector(connector)
        .max_in_flight(2)
        .build();
    pool.connect().await.unwrap();
    let start = Instant::now();
    // Sent, and waiting for room.
    let kept = ["a", "b", "c"].map(|key| tokio::spawn(send(&pool, &[&format!("GET {key}")])));
    let (gone, drained) = (send(&pool, &["GET x"]), pool.clone());
    tokio::task::yield_now().await;
    let drained = tokio::spawn(async move { drained.drain(Instant::now() + 60 * SECOND).await });
    sleep(SECOND / 10).await;
    assert_eq!(pool.state().connections[0].phase, Phase::Draining);
    let late = send(&pool, &["GET y"]).await;
    assert_eq!(fates(&late, 1), "-");
    assert!(late.failure.unwrap().error.is_closed());
    assert!(pool.connect().await.unwrap_err().is_closed());
    // One whose caller leaves is not waited for.
    drop(gone);
    for (kept, key) in kept.into_iter().zip(["a", "b", "c"]) {
        assert_eq!(texts(&kept.await.unwrap()), [key]);
    }
    drained.await.unwrap();
    assert!(start.elapsed() < 5 * SECOND, "{:?}", start.elapsed());
    assert_eq!(pool.state().connections[0].phase, Phase::Closed);
    tokio::task::yield_now().await;
    assert_eq!(seen.take(), ["GET a", "GET b", "GET c", "end"]);
    // Once more, and it is drained still.
    pool.drain(Instant::now() + SECOND).await;
}

#[tokio::test(start_paused = true)]
async fn what_has_no_end_by_the_deadline_fails_and_is_told_apart() {
    // The pipe takes the first request and a part of the second.
    let (connector, streams) = pipes(40);
    let seen = slow(streams);
    let pool = builder(&far())
        .connector(connector)
        .max_in_flight(3)
        .build();
    pool.connect().await.unwrap();
    let long = format!("GET {}", "k".repeat(60));
    let all = [
        send(&pool, &["GET a"]),
        send(&pool, &[&long, "GET b"]),
        send(&pool, &["GET c"]),
    ];
    let all = all.map(tokio::spawn);
    tokio::task::yield_now().await;
    let start = Instant::now();
    pool.drain(start + SECOND / 2).await;
    assert_eq!(start.elapsed(), SECOND / 2);
    let mut told = Vec::new();
    for (exchange, count) in all.into_iter().zip([1, 2, 1]) {
        let answer = exchange.await.unwrap();
        told.push(fates(&answer, count));
        assert!(answer.failure.unwrap().error.is_closed());
    }
    assert_eq!(told, ["?", "?-", "-"]);
    sleep(2 * SECOND).await;
    assert!(seen.take().ends_with(&["end".to_owned()]));
}

/// Requests that wait for a node are served if it comes back in time.
#[tokio::test(start_paused = true)]
async fn draining_waits_for_a_node_that_is_away() {
    for comes_back in [true, false] {
        let (connector, _) = away_until(if comes_back { 6 } else { usize::MAX });
        let pool = builder(&far()).connector(connector).build();
        let waiting = tokio::spawn(send(&pool, &["GET a"]));
        tokio::task::yield_now().await;
        let start = Instant::now();
        pool.drain(start + 10 * SECOND).await;
        let answer = waiting.await.unwrap();
        if comes_back {
            assert_eq!(texts(&answer), ["a"]);
            assert!(start.elapsed() < 10 * SECOND);
        } else {
            assert_eq!(fates(&answer, 1), "-");
            assert_eq!(start.elapsed(), 10 * SECOND);
        }
    }
}

/// It closes at once what has nothing to do: never used, idle, or refused thrice.
#[tokio::test(start_paused = true)]
async fn draining_what_has_nothing_to_do_is_done_at_once() {
    let start = Instant::now();
    let deadline = start + 60 * SECOND;
    let (connector, streams) = pipes(1 << 16);
    let unused = builder(&far()).connector(connector).connections(3).build();
    unused.drain(deadline).await;
    assert_eq!(unused.statistics().dials, 0);
    drop(streams);

    let (connector, streams) = pipes(1 << 16);
    let seen = slow(streams);
    let idle = builder(&far()).connector(connector).build();
    idle.connect().await.unwrap();
    idle.drain(deadline).await;
    tokio::task::yield_now().await;
    assert_eq!(seen.take(), ["end"]);

    let (connector, streams) = pipes(1 << 16);
    let _seen = slow(streams);
    let refused = builder(&far())
        .connector(connector)
        .init_hook(hook("no", |_| async { Err(crate::HookError::new("no")) }))
        .build();
    let waiting = send(&refused, &["GET a"]);
    refused.drain(deadline).await;
    assert!(waiting.await.failure.unwrap().error.is_handshake());
    assert!(start.elapsed() < SECOND, "{:?}", start.elapsed());
    for pool in [unused, idle, refused] {
        assert!(
            send(&pool, &["GET a"])
                .await
                .failure
                .unwrap()
                .error
                .is_closed()
        );
    }
}

/// Dropped half-way, it goes on; of two deadlines the earlier counts.
#[tokio::test(start_paused = true)]
async fn a_drain_that_nobody_waits_for_goes_on() {
    for earlier in [None, Some(SECOND / 2)] {
        let (connector, streams) = pipes(1 << 16);
        let seen = slow(streams);
        let pool = builder(&far()).connector(connector).build();
        pool.connect().await.unwrap();
        let exchange = tokio::spawn(send(&pool, &["GET a"]));
        tokio::task::yield_now().await;
        for within in [Some(60 * SECOND), earlier, Some(90 * SECOND)]
            .into_iter()
            .flatten()
        {
            let drain = pool.drain(Instant::now() + within);
            assert!(poll_once(std::pin::pin!(drain)).await.is_none());
        }
        let answer = exchange.await.unwrap();
        assert_eq!(fates(&answer, 1), if earlier.is_some() { "?" } else { "+" });
        sleep(2 * SECOND).await;
        assert_eq!(pool.state().connections[0].phase, Phase::Closed);
        assert!(seen.take().ends_with(&["end".to_owned()]));
    }
}

/// What observers were told, in order.
#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<String>>>);

impl Notes {
    fn observe(&self, builder: PoolBuilder) -> PoolBuilder {
        let (lent, closed) = (self.clone(), self.clone());
        builder
            .on_lend(move |it| {
                let server = it.greeting.server().unwrap();
                lent.note(format!("lent {} {server}", it.connection));
            })
            .on_close(move |it| {
                closed.note(format!("closed {} {}", it.connection, it.reason));
            })
    }

    fn note(&self, text: String) {
        self.0.lock().unwrap().push(text);
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

#[tokio::test]
async fn every_connection_that_is_lent_is_told_of_once_at_either_end() {
    let server = Server::start(|_, command| Some(usual(command))).await;
    let notes = Notes::default();
    let fails = Arc::new(Mutex::new(true));
    let may_fail = Arc::clone(&fails);
    let told = notes.clone();
    let pool = notes
        .observe(builder(&server.address))
        .init_hook(hook("once", move |_| {
            told.note("hook".to_owned());
            let fails = std::mem::take(&mut *may_fail.lock().unwrap());
            async move {
                if fails {
                    return Err(crate::HookError::new("no"));
                }
                Ok(())
            }
        }))
        .build();
    let mut events = pool.events();
    // A connection that fails its hook is not lent, and so not closed.
    pool.connect().await.unwrap_err();
    pool.connect().await.unwrap();
    assert_eq!(notes.take(), ["hook", "hook", "lent 0 redis"]);
    server.kill_clients();
    while pool.statistics().connections_lost == 0 {
        tokio::task::yield_now().await;
    }
    pool.connect().await.unwrap();
    let lost = format!(
        "closed 0 {}: connection lost: closed by the server",
        server.address
    );
    assert_eq!(
        notes.take(),
        [lost, "hook".to_owned(), "lent 0 redis".to_owned()]
    );
    pool.quarantine();
    while pool.statistics().connections_lost == 1 {
        tokio::task::yield_now().await;
    }
    drop(pool);
    let mut kinds = Vec::new();
    while let Some(event) = events.next().await {
        kinds.push(match event.unwrap().kind {
            EventKind::Dialling { attempt } => format!("dialling {attempt}"),
            EventKind::DialFailed(error) => error.step().unwrap().to_owned(),
            EventKind::Connected(_) => "connected".to_owned(),
            EventKind::Lost(_) => "lost".to_owned(),
            other => other.to_string(),
        });
    }
    // The pool may have been dropped in the pause or in the dial.
    kinds.retain(|kind| kind != "dialling 3");
    let expected = "dialling 0, init hook 1 (once), dialling 1, connected, lost, dialling 2, \
        connected, the connection is to be replaced, lost, closed";
    assert_eq!(kinds.join(", "), expected);
    assert!(notes.take()[0].ends_with("quarantined"));
}

/// Also when the connection ends with its pool, with its runtime, or in a panic.
#[test]
fn the_end_of_a_connection_is_told_however_it_ends() {
    for ending in [
        "close",
        "drop",
        "runtime",
        "panic",
        "a panic in an observer",
    ] {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let notes = Notes::default();
        let pool = runtime.block_on(async {
            let server = Server::start(|_, command| Some(usual(command))).await;
            let mut builder = notes.observe(builder(&server.address));
            if ending == "panic" {
                // It comes when the connection has been lent.
                builder = builder.on_lend(|_| panic!("meant to happen in this test"));
            }
            if ending == "a panic in an observer" {
                builder = builder.on_close(|_| panic!("meant to happen in this test"));
            }
            let pool = builder.build();
            let outcome = pool.connect().await;
            assert_eq!(outcome.is_err(), ending == "panic");
            pool
        });
        match ending {
            "close" | "a panic in an observer" => {
                pool.close();
                runtime.block_on(async {
                    while notes.0.lock().unwrap().len() < 2 {
                        tokio::task::yield_now().await;
                    }
                });
            }
            "drop" => {
                drop(pool);
                runtime.block_on(async {
                    while notes.0.lock().unwrap().len() < 2 {
                        tokio::task::yield_now().await;
                    }
                });
            }
            _ => drop(runtime),
        }
        let told = notes.take();
        assert_eq!(told.len(), 2, "{ending}: {told:?}");
        assert_eq!(told[0], "lent 0 redis");
        let reason = match ending {
            "runtime" => "the runtime that served the connection has ended",
            "panic" => "the task that served the connection has panicked",
            _ => "the pool is closed",
        };
        assert!(
            told[1].starts_with("closed 0 ") && told[1].ends_with(reason),
            "{told:?}"
        );
    }
}

/// The snapshot says what each connection does.
#[tokio::test(start_paused = true)]
async fn the_state_of_a_pool_is_seen_from_outside() {
    let (connector, mut streams) = pipes(1 << 16);
    let pool = builder(&far())
        .connector(connector)
        .connections(2)
        .reconnect_pause(8 * SECOND, 8 * SECOND)
        .build();
    let phases = |pool: &Pool| pool.state().connections.into_iter().map(|it| it.phase);
    assert_eq!(
        phases(&pool).collect::<Vec<_>>(),
        [Phase::Unused, Phase::Unused]
    );
    assert_eq!(
        (pool.state().address, pool.state().intent),
        (far(), pool.intent())
    );
    let (first, second) = (send(&pool, &["GET a"]), send(&pool, &["GET b"]));
    let mut one = streams.recv().await.unwrap();
    let two = streams.recv().await.unwrap();
    assert_eq!(
        phases(&pool).collect::<Vec<_>>(),
        [Phase::Dialling, Phase::Dialling]
    );
    shake_hands(&mut one, 3).await;
    drop(two);
    sleep(SECOND / 1000).await;
    let state = pool.state();
    let [up, down] = &state.connections[..] else {
        panic!("{state:?}");
    };
    assert_eq!((up.phase, down.phase), (Phase::Connected, Phase::Pausing));
    assert_eq!(
        (up.in_flight, up.failures, up.last_error.is_none()),
        (1, 0, true)
    );
    assert_eq!(up.greeting.as_ref().unwrap().server(), Some("redis"));
    assert_eq!(
        (down.in_flight, down.failures, down.greeting.is_none()),
        (1, 1, true)
    );
    assert_eq!(down.last_error.as_ref().unwrap().step(), Some("HELLO"));
    assert!(up.since.elapsed() < SECOND && down.since.elapsed() < SECOND);
    let get = read_commands(&mut one, 1).await;
    one.write_all(&usual(&get[0])).await.unwrap();
    assert_eq!(texts(&first.await), ["a"]);
    let since = pool.state().connections[0].since;
    sleep(5 * SECOND).await;
    assert_eq!(pool.state().connections[0].since, since);
    pool.close();
    assert_eq!(
        phases(&pool).collect::<Vec<_>>(),
        [Phase::Closed, Phase::Closed]
    );
    drop(second);
}
