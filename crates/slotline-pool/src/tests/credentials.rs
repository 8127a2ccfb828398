//! Who a pool is: asked for at every dial, and changed while it is in use (E9).

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::server::{HELLO, OK, commands_in, pipes, read_commands, script, shake_hands, usual};
use super::waiting::far;
use super::*;
use crate::{Credentials, EventKind, Events, HookError, Protocol};

const SECOND: Duration = Duration::from_secs(1);

fn me(password: &str) -> Credentials {
    Credentials::new(Some("me"), password)
}

/// A server as of version 7.2: it says nothing of a rejected AUTH while other
/// replies are pending.
#[derive(Clone)]
struct Guarded {
    password: Arc<Mutex<String>>,
    resp2: bool,
    /// AUTH commands, accepted and rejected, and those of the latter that got no
    /// answer.
    accepted: Arc<AtomicUsize>,
    rejected: Arc<AtomicUsize>,
    swallowed: Arc<AtomicUsize>,
}

impl Guarded {
    fn new(password: &str, resp2: bool) -> Guarded {
        Guarded {
            password: Arc::new(Mutex::new(password.to_owned())),
            resp2,
            accepted: Arc::default(),
            rejected: Arc::default(),
            swallowed: Arc::default(),
        }
    }

    async fn start(&self) -> Address {
        let server = self.clone();
        script(move |_, stream| server.clone().serve(stream)).await
    }

    async fn serve(self, mut stream: TcpStream) {
        let (mut bytes, mut is_in) = (Vec::new(), false);
        while let Ok(1..) = stream.read_buf(&mut bytes).await {
            let mut pending = Vec::new();
            for command in commands_in(&mut bytes) {
                let answer = self.answer(&command, &mut is_in, !pending.is_empty());
                pending.extend(answer);
            }
            if stream.write_all(&pending).await.is_err() {
                return;
            }
        }
    }

    fn answer(&self, command: &[String], is_in: &mut bool, is_pending: bool) -> Vec<u8> {
        let is_right = |given: &String| *given == *self.password.lock().unwrap();
        let wrong = b"-WRONGPASS invalid username-password pair or user is disabled.\r\n";
        match command[0].as_str() {
            "HELLO" if self.resp2 => b"-ERR unknown command `HELLO`\r\n".to_vec(),
            "HELLO" => {
                assert_eq!(command[1..4], ["3", "AUTH", "me"]);
                *is_in |= is_right(&command[4]);
                if *is_in {
                    HELLO.to_vec()
                } else {
                    wrong.to_vec()
                }
            }
            "AUTH" if is_right(&command[2]) => {
                *is_in = true;
                self.accepted.fetch_add(1, SeqCst);
                OK.to_vec()
            }
            "AUTH" => {
                self.rejected.fetch_add(1, SeqCst);
                self.swallowed.fetch_add(usize::from(is_pending), SeqCst);
                if is_pending {
                    Vec::new()
                } else {
                    wrong.to_vec()
                }
            }
            _ if !*is_in => b"-NOAUTH Authentication required.\r\n".to_vec(),
            _ => usual(command),
        }
    }
}

/// The next event that `wanted` has something to say of.
async fn next<T>(events: &mut Events, wanted: impl Fn(EventKind) -> Option<T>) -> T {
    loop {
        let event = events.next().await.expect("the pool is there");
        if let Some(found) = wanted(event.expect("none is missed").kind) {
            return found;
        }
    }
}

fn is_reauthenticated(kind: EventKind) -> Option<()> {
    matches!(kind, EventKind::Reauthenticated).then_some(())
}

fn is_rejected(kind: EventKind) -> Option<crate::Error> {
    match kind {
        EventKind::NotReauthenticated(error) => Some(error),
        _ => None,
    }
}

/// Rotated again and again, to right and to wrong passwords, while many tasks use
/// the connection: no request fails, and every reply is its own. If AUTH goes as
/// any other command goes (`submit` instead of `submit_own`, nobody held back),
/// replies shift.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn credentials_are_rotated_under_load() {
    for resp2 in [false, true] {
        let server = Guarded::new("p0", resp2);
        let address = server.start().await;
        let (rotate, current) = watch::channel(me("p0"));
        let pool = builder(&address).credentials(current).build();
        let mut events = pool.events();
        let greeting = pool.connect().await.unwrap();
        assert_eq!(greeting.protocol() == Protocol::Resp2, resp2);
        let (over, is_over) = watch::channel(false);
        let tasks: Vec<_> = (0..20)
            .map(|task| {
                let (pool, is_over) = (pool.clone(), is_over.clone());
                tokio::spawn(async move {
                    let mut turns = 0;
                    while !*is_over.borrow() {
                        let text = format!("{task}.{turns}");
                        let answer = send(&pool, &[&format!("ECHO {text}")]).await;
                        assert_eq!(texts(&answer), [text]);
                        turns += 1;
                    }
                    turns
                })
            })
            .collect();
        for turn in 1..=20 {
            if turn % 3 == 0 {
                rotate.send_replace(me("wrong"));
                let error = timeout(20 * SECOND, next(&mut events, is_rejected)).await;
                assert_eq!(error.expect("it is told").code(), Some("WRONGPASS"));
            }
            let password = format!("p{turn}");
            server.password.lock().unwrap().clone_from(&password);
            rotate.send_replace(me(&password));
            let done = timeout(20 * SECOND, next(&mut events, is_reauthenticated)).await;
            done.expect("it is told");
        }
        over.send_replace(true);
        let mut turns = 0;
        for task in tasks {
            turns += task.await.unwrap();
        }
        assert!(turns > 100, "{turns}");
        let statistics = pool.statistics();
        assert_eq!((statistics.dials, statistics.connections_lost), (1, 0));
        assert!(server.rejected.load(SeqCst) >= 6);
        assert_eq!(server.swallowed.load(SeqCst), 0, "AUTH was not alone");
        assert!(statistics.reauthentications >= 20);
        assert_eq!(statistics.commands, statistics.replies);
    }
}

/// The provider is asked at every dial, so that an expired token is never used
/// again.
#[tokio::test]
async fn every_dial_asks_for_the_credentials() {
    let server = Guarded::new("t1", false);
    let address = server.start().await;
    let tokens = Arc::new(AtomicUsize::new(0));
    let (counted, password) = (Arc::clone(&tokens), Arc::clone(&server.password));
    let provider = move || {
        let token = format!("t{}", counted.fetch_add(1, SeqCst) + 1);
        let password = Arc::clone(&password);
        async move {
            password.lock().unwrap().clone_from(&token);
            Ok(me(&token))
        }
    };
    let pool = builder(&address).credentials(provider).build();
    for round in 1..=3 {
        assert_eq!(texts(&send(&pool, &["GET k"]).await), ["k"]);
        assert_eq!(tokens.load(SeqCst), round);
        pool.quarantine();
        while pool.statistics().connections_lost < round as u64 {
            tokio::task::yield_now().await;
        }
    }
    // By hand, for what cannot tell of changes.
    let mut events = pool.events();
    pool.connect().await.unwrap();
    pool.reauthenticate();
    next(&mut events, is_reauthenticated).await;
    assert_eq!(tokens.load(SeqCst), 5);
    assert_eq!(texts(&send(&pool, &["GET k"]).await), ["k"]);
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_fails_or_is_late_is_named() {
    // It fails: the dial does, and another may not.
    let (connector, mut streams) = pipes(1 << 16);
    let asked = AtomicUsize::new(0);
    let pool = builder(&far())
        .connector(connector)
        .credentials(move || {
            let turn = asked.fetch_add(1, SeqCst);
            async move {
                match turn {
                    0..8 => Err(HookError::new("the token service is away")),
                    _ => Ok(me("p")),
                }
            }
        })
        .build();
    let server = tokio::spawn(async move {
        let mut stream = streams.recv().await.unwrap();
        shake_hands(&mut stream, 3).await;
        shake_hands(&mut stream, 1).await;
        let _ = stream.read(&mut [0]).await;
    });
    let waiting = send(&pool, &["GET k"]);
    let error = pool.connect().await.unwrap_err();
    assert_eq!(error.step(), Some("credentials"));
    assert!(
        error
            .to_string()
            .ends_with("credentials: the token service is away")
    );
    assert!(error.is_handshake() && !error.is_network() && !error.is_timeout());
    // Who waits, waits: it passes.
    assert_eq!(texts(&waiting.await), ["k"]);
    assert_eq!(pool.statistics().failed_dials, 8);
    server.abort();

    // It is late: the connect timeout covers it.
    let (connector, _streams) = pipes(1 << 16);
    let pool = builder(&far())
        .connector(connector)
        .connect_timeout(2 * SECOND)
        .credentials(|| async {
            sleep(3 * SECOND).await;
            Ok(me("p"))
        })
        .build();
    let error = pool.connect().await.unwrap_err();
    assert_eq!(error.step(), Some("credentials"));
    assert!(error.is_timeout(), "{error}");
}

/// What a server does with AUTH once the connection is in use.
async fn after_auth(answer: &'static str) -> (Pool, Events, watch::Sender<Credentials>) {
    let (connector, mut streams) = pipes(1 << 16);
    let (rotate, current) = watch::channel(me("old"));
    let pool = builder(&far())
        .connector(connector)
        .credentials(current)
        .response_timeout(3 * SECOND)
        .build();
    tokio::spawn(async move {
        while let Some(mut stream) = streams.recv().await {
            tokio::spawn(async move {
                shake_hands(&mut stream, 3).await;
                loop {
                    let command = read_commands(&mut stream, 1).await;
                    let reply = match command[0][0].as_str() {
                        "AUTH" => answer.as_bytes().to_vec(),
                        _ => usual(&command[0]),
                    };
                    stream.write_all(&reply).await.unwrap();
                }
            });
        }
    });
    let events = pool.events();
    (pool, events, rotate)
}

#[tokio::test(start_paused = true)]
async fn a_rejected_rotation_leaves_the_connection_as_it_is() {
    let (pool, mut events, rotate) =
        after_auth("-WRONGPASS s3same is wrong, with args beginning with: `s3same`\r\n").await;
    pool.connect().await.unwrap();
    rotate.send_replace(me("s3same"));
    let start = Instant::now();
    let mut pauses = Vec::new();
    for _ in 0..12 {
        let error = next(&mut events, is_rejected).await;
        pauses.push(start.elapsed());
        assert_eq!(
            (error.step(), error.code()),
            (Some("AUTH"), Some("WRONGPASS"))
        );
        assert!(!format!("{error} {error:?}").contains("s3same"), "{error}");
        assert_eq!(texts(&send(&pool, &["GET k"]).await), ["k"]);
    }
    // Further and further apart, and never for good.
    assert!(
        pauses[11] > 4 * SECOND && pauses[11] < 360 * SECOND,
        "{pauses:?}"
    );
    let statistics = pool.statistics();
    assert_eq!((statistics.dials, statistics.reauthentications), (1, 0));
}

/// No answer comes to AUTH: nobody is given what was meant for another; those who
/// wait go to the next connection.
#[tokio::test(start_paused = true)]
async fn an_auth_without_an_answer_costs_the_connection_and_nobody() {
    let (pool, mut events, rotate) = after_auth("").await;
    pool.connect().await.unwrap();
    rotate.send_replace(me("new"));
    sleep(SECOND / 100).await;
    let waiting = send(&pool, &["GET k"]);
    let lost = next(&mut events, |kind| match kind {
        EventKind::Lost(error) => Some(error),
        _ => None,
    });
    let (answer, error) = tokio::join!(waiting, lost);
    assert_eq!(texts(&answer), ["k"]);
    assert!(error.is_timeout(), "{error}");
    assert_eq!(pool.statistics().dials, 2);
}

/// What changes during a dial is not forgotten, and what changed before it is not
/// said twice.
#[tokio::test(start_paused = true)]
async fn a_change_during_a_dial_is_made_good() {
    let (connector, mut streams) = pipes(1 << 16);
    let (rotate, current) = watch::channel(me("p0"));
    let pool = builder(&far())
        .connector(connector)
        .credentials(current)
        .build();
    rotate.send_replace(me("p1"));
    let rotating = tokio::spawn(async move {
        let mut stream = streams.recv().await.unwrap();
        let hello = read_commands(&mut stream, 3).await;
        assert_eq!(hello[0][4], "p1");
        rotate.send_replace(me("p2"));
        for command in &hello {
            stream.write_all(&usual(command)).await.unwrap();
        }
        let auth = read_commands(&mut stream, 1).await;
        assert_eq!(auth, [["AUTH", "me", "p2"]]);
        stream.write_all(OK).await.unwrap();
        // Nothing further, until the next change.
        let more = timeout(SECOND, stream.read_u8()).await;
        assert!(more.is_err(), "something was sent");
        drop(rotate);
        let last = read_commands(&mut stream, 1).await;
        stream.write_all(&usual(&last[0])).await.unwrap();
        stream
    });
    pool.connect().await.unwrap();
    sleep(2 * SECOND).await;
    // The sender is gone: it stays as it is.
    assert_eq!(texts(&send(&pool, &["GET k"]).await), ["k"]);
    rotating.await.unwrap();
}

/// Requests given back, cancelled and quarantined around an AUTH.
#[tokio::test(start_paused = true)]
async fn an_auth_that_waits_for_its_turn_survives_what_happens_around_it() {
    let (connector, mut streams) = pipes(1 << 16);
    let (rotate, current) = watch::channel(me("old"));
    let pool = builder(&far())
        .connector(connector)
        .credentials(current)
        .build();
    let server = tokio::spawn(async move {
        let mut stream = streams.recv().await.unwrap();
        shake_hands(&mut stream, 3).await;
        let slow = read_commands(&mut stream, 1).await;
        sleep(SECOND).await;
        stream.write_all(&usual(&slow[0])).await.unwrap();
        // AUTH alone: what waits behind it does not come before the answer.
        let auth = read_commands(&mut stream, 1).await;
        assert_eq!(auth, [["AUTH", "me", "new"]]);
        assert!(timeout(SECOND, stream.read_u8()).await.is_err());
        stream.write_all(OK).await.unwrap();
        let kept = read_commands(&mut stream, 1).await;
        stream.write_all(&usual(&kept[0])).await.unwrap();
        let _ = stream.read(&mut [0]).await;
    });
    pool.connect().await.unwrap();
    let slow = tokio::spawn(send(&pool, &["GET slow"]));
    sleep(SECOND / 10).await;
    rotate.send_replace(me("new"));
    sleep(SECOND / 10).await;
    let given_back = send(&pool, &["GET a"]);
    sleep(SECOND / 10).await;
    pool.give_back();
    assert!(given_back.await.failure.unwrap().error.is_displaced());
    drop(send(&pool, &["GET b"]));
    assert_eq!(texts(&slow.await.unwrap()), ["slow"]);
    assert_eq!(texts(&send(&pool, &["GET c"]).await), ["c"]);
    let statistics = pool.statistics();
    assert_eq!((statistics.in_flight, statistics.queued_bytes), (0, 0));
    server.abort();
}
