//! Bytes that nobody sent, and frames that become others.

use crate::ends::{LONG, Pair, hears, hears_nothing, say};

#[tokio::test]
async fn bytes_are_injected_at_once_or_at_a_byte() {
    let pair = Pair::new().await;
    let (mut near, mut far) = (pair.near, pair.far);
    let down = pair.proxy.to_client();
    say(&mut far, "$5\r\nhe").await;
    hears(&mut near, "$5\r\nhe").await;
    down.inject("+OK\r\n");
    hears(&mut near, "+OK\r\n").await;
    say(&mut far, "llo\r\n").await;
    hears(&mut near, "llo\r\n").await;
    // Ahead of what is held.
    down.pause();
    say(&mut far, ":1\r\n").await;
    down.until(LONG, |it| it.pauses == 1).await.unwrap();
    down.inject(":0\r\n");
    down.resume();
    hears(&mut near, ":0\r\n:1\r\n").await;
    assert_eq!(down.traffic().injected, 2);
    // What is meant for a byte is meant for later connections as well.
    down.from_byte(2).inject("!");
    hears(&mut near, "!").await;
    let (mut near, mut far) = pair.server.joined(&pair.proxy).await;
    say(&mut far, "abcd").await;
    hears(&mut near, "ab!cd").await;
    assert_eq!(down.traffic().injected, 4);
}

#[tokio::test]
async fn bytes_are_injected_between_frames() {
    let pair = Pair::new().await;
    let (mut near, mut far) = (pair.near, pair.far);
    let down = pair.proxy.to_client();
    down.inject_between_frames("+now\r\n");
    hears(&mut near, "+now\r\n").await;
    say(&mut far, "*2\r\n:1\r\n").await;
    hears(&mut near, "*2\r\n:1\r\n").await;
    down.inject_between_frames("+then\r\n")
        .inject_between_frames("+and then\r\n");
    hears_nothing(&near);
    say(&mut far, ":2\r\n:3\r\n:").await;
    hears(&mut near, ":2\r\n+then\r\n+and then\r\n:3\r\n:").await;
    let traffic = down.traffic();
    assert_eq!((traffic.injected, traffic.frames), (3, 2));
    say(&mut far, "4\r\n").await;
    hears(&mut near, "4\r\n").await;
    // Later connections are not meant.
    let (mut near, mut far) = pair.server.joined(&pair.proxy).await;
    say(&mut far, ":1\r\n").await;
    hears(&mut near, ":1\r\n").await;
    assert_eq!(down.traffic().injected, 3);
}

#[tokio::test]
async fn replies_are_replaced_deleted_and_changed_by_a_byte() {
    let pair = Pair::new().await;
    let (mut near, mut far) = (pair.near, pair.far);
    let mut seen = 0;
    pair.proxy.to_client().rewrite(move |frame| {
        seen += 1;
        let text = String::from_utf8_lossy(frame);
        if text.starts_with("-MOVED") {
            return Some(text.replace(":7000", ":7001").into_bytes());
        }
        match seen {
            3 => Some(Vec::new()),
            4 => Some([b"?", &frame[1..]].concat()),
            _ => None,
        }
    });
    // However the bytes come.
    for byte in b"+1\r\n-MOVED 5 h:7000\r\n+3\r\n$3\r\n\r\n4\r\n+5\r\n" {
        say(&mut far, [*byte]).await;
    }
    hears(&mut near, "+1\r\n-MOVED 5 h:7001\r\n?3\r\n\r\n4\r\n+5\r\n").await;
    let traffic = pair.proxy.to_client().traffic();
    assert_eq!((traffic.frames, traffic.rewritten), (5, 3));
}

#[tokio::test]
async fn commands_are_frames_as_well() {
    let pair = Pair::new().await;
    let (mut near, mut far) = (pair.near, pair.far);
    let up = pair.proxy.to_server();
    up.rewrite(|frame| frame.ends_with(b"\r\nPING\r\n").then(Vec::new));
    say(
        &mut near,
        "*1\r\n$4\r\nPING\r\n*2\r\n$4\r\nECHO\r\n$2\r\nhi\r\n",
    )
    .await;
    hears(&mut far, "*2\r\n$4\r\nECHO\r\n$2\r\nhi\r\n").await;
    assert_eq!(up.traffic().rewritten, 1);
    // And no more, from here on.
    up.heal();
    say(&mut near, "*1\r\n$4\r\nPING\r\n").await;
    hears(&mut far, "*1\r\n$4\r\nPING\r\n").await;
}

/// The rewriting begins with a whole frame, and ends in the midst of one.
#[tokio::test]
async fn a_frame_under_way_is_left_as_it_is_and_one_that_waits_is_let_go() {
    let pair = Pair::new().await;
    let (mut near, mut far) = (pair.near, pair.far);
    let down = pair.proxy.to_client();
    say(&mut far, "$5\r\nhe").await;
    hears(&mut near, "$5\r\nhe").await;
    down.rewrite(|frame| Some(frame.to_ascii_uppercase()));
    say(&mut far, "llo\r\n+one\r\n+tw").await;
    hears(&mut near, "llo\r\n+ONE\r\n").await;
    down.until(LONG, |it| it.arrived == 20).await.unwrap();
    hears_nothing(&near);
    down.heal();
    hears(&mut near, "+tw").await;
    say(&mut far, "o\r\n").await;
    hears(&mut near, "o\r\n").await;
    assert_eq!(down.traffic().rewritten, 1);
}

#[tokio::test]
async fn what_is_no_resp_passes_and_has_no_frames() {
    let pair = Pair::new().await;
    let (mut near, mut far) = (pair.near, pair.far);
    let up = pair.proxy.to_server();
    up.rewrite(|_| Some(b"never".to_vec()));
    say(&mut near, "GET / HTTP/1.1\r\n\r\n").await;
    hears(&mut far, "GET / HTTP/1.1\r\n\r\n").await;
    assert_eq!((up.traffic().frames, up.traffic().rewritten), (0, 0));
}

/// Faults of several kinds, each from its byte on.
#[tokio::test]
async fn faults_go_together() {
    let pair = Pair::new().await;
    let (mut near, mut far) = (pair.near, pair.far);
    let down = pair.proxy.connection(0).unwrap().to_client();
    down.rewrite(|frame| frame.starts_with(b"-").then(|| b"+fine\r\n".to_vec()));
    down.from_byte(4).pieces(2);
    down.from_byte(8).inject("#t\r\n");
    down.from_byte(16).swallow();
    say(&mut far, ":1\r\n:2\r\n-ERR\r\n:3\r\n").await;
    hears(&mut near, ":1\r\n:2\r\n#t\r\n+fin").await;
    let traffic = down.until(LONG, |it| it.swallowed == 7).await.unwrap();
    assert_eq!((traffic.passed, traffic.pieces), (16, 6));
    assert_eq!((traffic.rewritten, traffic.injected), (1, 1));
    hears_nothing(&near);
}
