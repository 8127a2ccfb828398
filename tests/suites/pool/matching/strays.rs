//! Bytes that are no reply to anything (A5), and bytes that are none at all (A7).

use slotline_tests::{PATIENCE, in_time, until};

use super::line::{Line, fates, in_both};
use crate::setting::{send, texts, words};

/// Ten values that name their keys, each looking like replies itself.
fn value(key: usize) -> String {
    format!("+OK\r\n$3\r\nv:{key}\r\n:{key}\r\n*1\r\n$1\r\n{key}\r\n")
}

async fn set_values(line: &Line) {
    for key in 0..10 {
        let set = ["SET".to_owned(), format!("k:{key}"), value(key)];
        line.server.call(&set).await.expect("SET");
    }
}

/// A reply comes while nothing is in flight; or right behind the last reply that
/// was, as if the server had answered once more.
///
/// Fails when a reply without a request is passed over (in `Protocol::distribute`,
/// skip it instead of telling): the connection is not replaced. If it were kept for
/// the next request instead, that would get it.
#[tokio::test]
async fn a_reply_that_nobody_had_asked_for_replaces_the_connection_and_reaches_nobody() {
    in_both(async |line| {
        set_values(&line).await;
        let pool = line.pool().build();
        for round in 0..40 {
            let connection = line.connection(&pool).await;
            let down = connection.to_client();
            if round % 2 == 0 {
                down.inject_between_frames("+OK\r\n");
            } else {
                let stray = |frame: &[u8]| Some([frame, b"+OK\r\n"].concat());
                down.rewrite(move |frame| frame.ends_with(b"last\r\n").then(|| stray(frame))?);
                let answer = in_time(send(&pool, &["GET k:1", "ECHO last"])).await;
                assert_eq!(texts(&answer), [value(1), "last".to_owned()]);
            }
            until("the connection is given up", async || {
                pool.statistics().connections_lost == round + 1
            })
            .await;
            let traffic = down.traffic();
            assert_eq!(traffic.injected + traffic.rewritten, 1);
            let sent: Vec<_> = (0..10)
                .map(|key| send(&pool, &[format!("GET k:{key}")]))
                .collect();
            for (key, exchange) in sent.into_iter().enumerate() {
                assert_eq!(texts(&in_time(exchange).await), [value(key)]);
            }
        }
        assert_eq!(line.proxy.accepted(), 41);
    })
    .await;
}

/// The first byte of one reply becomes another, with replies in flight before it and
/// behind it. The other is no type, or that of an aggregate. (A scalar's would make
/// a sound reply of it, which no client can know to be wrong.)
///
/// Fails when the decoder looks for the next reply in what follows (in
/// `Inbox::scan`, on an error drop bytes up to the next line and go on): payloads
/// are taken for replies.
#[tokio::test]
async fn behind_a_flipped_type_byte_everything_is_in_doubt_and_nothing_is_mismatched() {
    in_both(async |line| {
        set_values(&line).await;
        let pool = line.pool().build();
        let flips = b"\0\n\r &.;=?@ACOabcz\x7f\x80\xa4\xff*%~>|";
        for (round, flip) in flips.iter().enumerate() {
            let connection = line.connection(&pool).await;
            let down = connection.to_client();
            let victim = format!("${}\r\n{}\r\n", value(4).len(), value(4));
            let flipped = move |frame: &[u8]| [&[*flip], &frame[1..]].concat();
            down.rewrite(move |frame| (frame == victim.as_bytes()).then(|| flipped(frame)));
            // All of them are in flight when the replies come.
            down.pause();
            let before = down.traffic().frames;
            let first = words(&["GET k:1", "GET k:2"]);
            let second = words(&["GET k:3", "GET k:4", "GET k:5"]);
            let third = words(&["GET k:6"]);
            let sent = [&first, &second, &third].map(|commands| {
                let commands = commands.clone();
                pool.send(
                    commands,
                    crate::setting::late(),
                    slotline_pool::WhileAway::Wait,
                )
            });
            let [one, two, three] = sent;
            let let_go = async {
                let arrived = down.until(PATIENCE, |it| it.frames == before + 6).await;
                arrived.expect("the server has answered them all");
                down.resume();
            };
            let all = async { tokio::join!(one, two, three, let_go) };
            let (one, two, three, ()) = in_time(all).await;
            assert_eq!(texts(&one), [value(1), value(2)], "{flip}");
            assert_eq!(fates(&two, &second), "+??", "{flip}");
            assert_eq!(fates(&three, &third), "?", "{flip}");
            let got = two.replies.decode::<String>(0).expect("a reply");
            assert_eq!(got.expect("a string"), value(3));
            for answer in [two, three] {
                let error = answer.failure.expect("it has no reply").error;
                assert!(error.to_string().contains("RESP"), "{error}");
            }
            assert_eq!(down.traffic().rewritten, 1);
            assert_eq!(pool.statistics().connections_lost, round as u64 + 1);
            let answer = in_time(send(&pool, &["GET k:4"])).await;
            assert_eq!(texts(&answer), [value(4)]);
        }
    })
    .await;
}
