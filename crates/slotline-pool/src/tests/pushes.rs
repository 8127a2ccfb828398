//! What comes over a shared connection without having been asked for.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::server::{pipes, read_commands, shake_hands, usual};
use super::waiting::far;
use super::*;
use crate::{Missed, Push, Pushes, Tracking};

fn push(text: &str) -> String {
    format!(">2\r\n+message\r\n+{text}\r\n")
}

/// What has come, in short: the texts of messages, `lost`, and the numbers of
/// those that were missed.
fn come(pushes: &mut Pushes) -> Vec<String> {
    std::iter::from_fn(|| pushes.try_next())
        .map(shown)
        .collect()
}

fn shown(push: Result<Push, Missed>) -> String {
    match push {
        Ok(Push::Message { message, .. }) => {
            assert!(message.is_push());
            message.decode::<(String, String)>().unwrap().1
        }
        Ok(Push::Lost { connection }) => format!("lost {connection}"),
        Err(Missed(count)) => format!("missed {count}"),
    }
}

/// A server that answers the first command with `script`, in pieces of `piece`
/// bytes, and then closes.
async fn scripted(script: String, piece: usize) -> (Pool, Pushes) {
    let (connector, mut streams) = pipes(1 << 16);
    let pool = builder(&far()).connector(connector).pushes_kept(4).build();
    let pushes = pool.pushes();
    tokio::spawn(async move {
        let mut stream = streams.recv().await.unwrap();
        shake_hands(&mut stream, 3).await;
        read_commands(&mut stream, 1).await;
        for piece in script.as_bytes().chunks(piece) {
            stream.write_all(piece).await.unwrap();
            tokio::task::yield_now().await;
        }
        drop(stream);
        let mut next = streams.recv().await.unwrap();
        shake_hands(&mut next, 3).await;
        let command = read_commands(&mut next, 1).await;
        next.write_all(&usual(&command[0])).await.unwrap();
        let _ = next.read(&mut [0]).await;
    });
    pool.connect().await.unwrap();
    (pool, pushes)
}

/// Each push is here before the reply behind it is with its caller, however the
/// bytes are cut.
#[tokio::test(start_paused = true)]
async fn a_push_comes_before_the_reply_behind_it() {
    let script = format!(
        "{}$1\r\na\r\n{}{}$1\r\nb\r\n$1\r\nc\r\n{}",
        push("one"),
        push("two"),
        push("three"),
        push("four")
    );
    for piece in [1, 2, 3, 7, 20, 1000] {
        let (pool, mut pushes) = scripted(script.clone(), piece).await;
        let all = ["a", "b", "c"].map(|key| send(&pool, &[&format!("GET {key}")]));
        let mut seen = Vec::new();
        for (exchange, key) in all.into_iter().zip(["a", "b", "c"]) {
            assert_eq!(texts(&exchange.await), [key]);
            seen.extend(come(&mut pushes));
            let least = [1, 3, 3][seen_before(key)];
            assert!(seen.len() >= least, "{key} in pieces of {piece}: {seen:?}");
        }
        while seen.len() < 5 {
            seen.push(shown(pushes.next().await.unwrap()));
        }
        assert_eq!(seen, ["one", "two", "three", "four", "lost 0"]);
        assert_eq!(pool.statistics().pushes, 4);
    }
}

fn seen_before(key: &str) -> usize {
    usize::from(key.as_bytes()[0] - b'a')
}

/// What does not keep up is told how many it missed, the oldest.
#[tokio::test(start_paused = true)]
async fn a_slow_receiver_is_told_what_it_missed() {
    let texts_sent: Vec<String> = (0..10).map(|n| n.to_string()).collect();
    let all: String = texts_sent.iter().map(|text| push(text)).collect();
    let (pool, mut pushes) = scripted(format!("{all}$1\r\na\r\n"), 1000).await;
    let mut late = pool.pushes();
    assert_eq!(texts(&send(&pool, &["GET a"]).await), ["a"]);
    assert_eq!(come(&mut pushes), ["missed 6", "6", "7", "8", "9"]);
    assert_eq!(come(&mut late)[0], "missed 6");
    drop((pushes, late));
    while pool.statistics().connections_lost == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(texts(&send(&pool, &["GET b"]).await), ["b"]);
    let mut fresh = pool.pushes();
    assert!(fresh.try_next().is_none());
    drop(pool);
    while fresh.next().await.is_some() {}
}

/// Nobody listens: they are dropped, and shift nothing.
#[tokio::test(start_paused = true)]
async fn pushes_that_nobody_wants_are_dropped() {
    let script = format!("{}$1\r\na\r\n{}", push("one"), push("two"));
    let (pool, pushes) = scripted(script, 5).await;
    drop(pushes);
    assert_eq!(texts(&send(&pool, &["GET a"]).await), ["a"]);
    while pool.statistics().connections_lost == 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(texts(&send(&pool, &["GET b"]).await), ["b"]);
    assert_eq!(pool.statistics().pushes, 2);
}

/// Bad bytes right behind a push: it is passed on, what comes before is answered,
/// and the connection is closed.
#[tokio::test(start_paused = true)]
async fn what_came_before_bad_bytes_is_handed_out_first() {
    let script = format!("{}$1\r\na\r\n{}HTTP/1.1 200\r\n", push("one"), push("two"));
    let (pool, mut pushes) = scripted(script, 1000).await;
    let answer = send(&pool, &["GET a", "GET b"]).await;
    assert_eq!(fates(&answer, 2), "+?");
    let error = answer.failure.unwrap().error;
    assert!(error.to_string().contains("no RESP"), "{error}");
    let mut seen = come(&mut pushes);
    while seen.len() < 3 {
        seen.push(shown(pushes.next().await.unwrap()));
    }
    assert_eq!(seen, ["one", "two", "lost 0"]);
}

/// Tracking is the last built-in step, and needs RESP3.
#[tokio::test(start_paused = true)]
async fn tracking_is_a_step_of_the_recipe() {
    for (hello, tracked, outcome) in [
        (true, "+OK\r\n", None),
        (
            true,
            "-ERR Prefix 'a:' overlaps with an existing prefix 'a:b'\r\n",
            Some("ERR"),
        ),
        (true, "-NOPERM no tracking\r\n", Some("NOPERM")),
        (false, "-ERR no\r\n", Some("RESP3")),
    ] {
        let (connector, mut streams) = pipes(1 << 16);
        let pool = builder(&far())
            .connector(connector)
            .database(2)
            .tracking(Tracking::broadcast(["a:", "a:b"]).no_loop())
            .build();
        tokio::spawn(async move {
            while let Some(mut stream) = streams.recv().await {
                let recipe = read_commands(&mut stream, 5).await;
                assert_eq!(recipe[3], ["SELECT", "2"]);
                let sent = recipe[4].join(" ");
                assert_eq!(sent, "CLIENT TRACKING ON BCAST PREFIX a: PREFIX a:b NOLOOP");
                let hello = match hello {
                    true => usual(&recipe[0]),
                    false => b"-NOPROTO unsupported protocol version\r\n".to_vec(),
                };
                stream.write_all(&hello).await.unwrap();
                let rest = format!("+OK\r\n+OK\r\n+OK\r\n{tracked}");
                stream.write_all(rest.as_bytes()).await.unwrap();
                let _ = stream.read(&mut [0]).await;
            }
        });
        match (pool.connect().await, outcome) {
            (Ok(_), None) => {}
            (Err(error), Some(expected)) => {
                assert_eq!(error.step(), Some("CLIENT TRACKING"), "{error}");
                assert!(error.to_string().contains(expected), "{error}");
                assert!(!error.is_network());
            }
            (outcome, expected) => panic!("{outcome:?}, and not {expected:?}"),
        }
    }
}
