//! Connections that end at a byte.

use slotline_testkit::{Cut, Flow};
use std::io::ErrorKind;
use tokio::io::AsyncWriteExt;

use crate::ends::{LONG, Pair, hears, in_time, rest, say};

/// In every place of ten bytes, either way, in both manners.
#[tokio::test]
async fn a_cut_is_made_exactly_there() {
    for how in [Cut::Close, Cut::Reset] {
        for after in 0..=10 {
            for to_server in [false, true] {
                let pair = Pair::new().await;
                let (up, down) = (pair.proxy.to_server(), pair.proxy.to_client());
                let (mut from, mut to, cut): (_, _, Flow) = match to_server {
                    true => (pair.near, pair.far, up),
                    false => (pair.far, pair.near, down),
                };
                cut.cut_after(after, how);
                // It may be gone before all of it is written.
                let _ = from.write_all(b"0123456789").await;
                let ended = (how == Cut::Reset).then_some(ErrorKind::ConnectionReset);
                let passed = usize::try_from(after).unwrap();
                let expected = (b"0123456789"[..passed].to_vec(), ended);
                assert_eq!(rest(&mut to).await, expected, "{how:?} after {after}");
                assert_eq!(rest(&mut from).await, (vec![], ended));
                let traffic = cut.traffic();
                assert_eq!((traffic.passed, traffic.cuts), (after, 1));
                pair.proxy.until_open(0, LONG).await.unwrap();
                drop((from, to));
                pair.proxy.until_left_alone(LONG).await.unwrap();
            }
        }
    }
}

#[tokio::test]
async fn a_cut_counts_from_now_on_and_on_later_connections_from_the_start() {
    let pair = Pair::new().await;
    let (mut near, mut far) = (pair.near, pair.far);
    say(&mut near, "before").await;
    hears(&mut far, "before").await;
    pair.proxy.to_server().cut_after(4, Cut::Close);
    say(&mut near, "later").await;
    assert_eq!(rest(&mut far).await.0, b"late");
    let (mut near, mut far) = pair.server.joined(&pair.proxy).await;
    say(&mut near, "before").await;
    assert_eq!(rest(&mut far).await.0, b"befo");
    // At a byte of the stream it is the same for both.
    pair.proxy.to_server().from_byte(3).cut_after(0, Cut::Close);
    let (mut near, mut far) = pair.server.joined(&pair.proxy).await;
    say(&mut near, "before").await;
    assert_eq!(rest(&mut far).await.0, b"bef");
    assert_eq!(pair.proxy.to_server().traffic().cuts, 3);
}

#[tokio::test]
async fn one_connection_is_cut_and_no_other() {
    let pair = Pair::new().await;
    let (mut near, mut far) = (pair.near, pair.far);
    let (mut other_near, mut other_far) = pair.server.joined(&pair.proxy).await;
    pair.proxy.open()[1].cut(Cut::Reset);
    assert_eq!(
        rest(&mut other_near).await.1,
        Some(ErrorKind::ConnectionReset)
    );
    assert_eq!(
        rest(&mut other_far).await.1,
        Some(ErrorKind::ConnectionReset)
    );
    say(&mut near, "hello").await;
    hears(&mut far, "hello").await;
    let (mut near, mut far) = pair.server.joined(&pair.proxy).await;
    say(&mut near, "hello").await;
    hears(&mut far, "hello").await;
    let open: Vec<usize> = pair.proxy.open().iter().map(|it| it.number()).collect();
    assert_eq!(open, [0, 2]);
}

#[tokio::test]
async fn a_cut_may_wait_until_there_is_more() {
    let pair = Pair::new().await;
    let (mut near, mut far) = (pair.near, pair.far);
    pair.proxy.to_client().cut_beyond(5, Cut::Close);
    say(&mut far, "hello").await;
    hears(&mut near, "hello").await;
    say(&mut near, "hello yourself").await;
    hears(&mut far, "hello yourself").await;
    assert_eq!(pair.proxy.to_client().traffic().cuts, 0);
    say(&mut far, "?").await;
    assert_eq!(rest(&mut near).await, (vec![], None));
    let traffic = pair.proxy.to_client().traffic();
    assert_eq!((traffic.passed, traffic.cuts), (5, 1));
    // The end of the stream is no more of it.
    let (mut near, far) = pair.server.joined(&pair.proxy).await;
    pair.proxy.to_client().cut_beyond(0, Cut::Reset);
    drop(far);
    assert_eq!(rest(&mut near).await, (vec![], None));
    assert_eq!(pair.proxy.to_client().traffic().cuts, 1);
}

#[tokio::test]
async fn the_next_connection_is_cut_and_no_other() {
    let pair = Pair::new().await;
    let (mut near, mut far) = (pair.near, pair.far);
    let down = pair.proxy.to_client().of_next();
    down.cut_after(3, Cut::Close).inject("!");
    say(&mut far, "hello").await;
    hears(&mut near, "hello").await;
    let (mut near, mut far) = pair.server.joined(&pair.proxy).await;
    say(&mut far, "hello").await;
    assert_eq!(rest(&mut near).await, (b"!he".to_vec(), None));
    let (mut near, mut far) = pair.server.joined(&pair.proxy).await;
    say(&mut far, "hello").await;
    hears(&mut near, "hello").await;
    let traffic = down.traffic();
    assert_eq!((traffic.cuts, traffic.passed), (1, 13));
}

/// What is still sent is read, or the system would send a reset over the bytes
/// that were passed on.
#[tokio::test]
async fn whoever_goes_on_sending_after_a_cut_still_reads_what_was_passed_on() {
    let pair = Pair::new().await;
    let (mut near, mut far) = (pair.near, pair.far);
    pair.proxy.to_client().cut_after(5, Cut::Close);
    say(&mut far, "hello, and more").await;
    pair.proxy.until_open(0, LONG).await.unwrap();
    for _ in 0..100 {
        say(&mut near, vec![0; 10_000]).await;
        say(&mut far, vec![0; 10_000]).await;
    }
    assert_eq!(rest(&mut near).await, (b"hello".to_vec(), None));
    assert_eq!(rest(&mut far).await, (vec![], None));
    assert_eq!(pair.proxy.to_server().traffic().arrived, 0);
    let waits = pair.proxy.until_left_alone(LONG);
    in_time(near.shutdown()).await.unwrap();
    waits.await.unwrap();
}
