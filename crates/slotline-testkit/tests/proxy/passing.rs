//! Bytes that arrive: as they are, later, or in pieces.

use std::io::ErrorKind;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;

use crate::ends::{LONG, Pair, hears, in_time, noise, rest, say};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn without_a_fault_everything_passes_as_it_is() {
    let pair = Pair::new().await;
    let (mut near, mut far) = (pair.near, pair.far);
    let (up, down) = (noise(3_000_000), noise(2_000_000));
    let ((mut near_read, mut near_write), (mut far_read, mut far_write)) =
        (near.split(), far.split());
    let (mut at_server, mut at_client) = (vec![0; up.len()], vec![0; down.len()]);
    let done = in_time(async {
        tokio::join!(
            near_write.write_all(&up),
            far_write.write_all(&down),
            far_read.read_exact(&mut at_server),
            near_read.read_exact(&mut at_client),
        )
    });
    let (to_server, to_client, from_client, from_server) = done.await;
    to_server.and(to_client).unwrap();
    from_client.and(from_server).unwrap();
    assert!(at_server == up && at_client == down);
    let traffic = pair.proxy.to_server().traffic();
    assert_eq!((traffic.arrived, traffic.passed), (3_000_000, 3_000_000));
    assert_eq!(pair.proxy.to_client().traffic().passed, 2_000_000);
}

/// A pipeline that was one write is one read, frames or not.
#[tokio::test]
async fn what_comes_together_goes_on_together() {
    let pair = Pair::new().await;
    let (mut near, mut far) = (pair.near, pair.far);
    pair.proxy.to_server().rewrite(|_| None);
    for text in ["+1\r\n:2\r\n$1\r\n3\r\n", "no RESP, +1\r\n+2\r\n"] {
        say(&mut near, text).await;
        let mut read = vec![0; 100];
        let count = in_time(far.read(&mut read)).await.unwrap();
        assert_eq!(&read[..count], text.as_bytes());
    }
}

/// Each side ends its stream by itself; the other one goes on.
#[tokio::test]
async fn the_end_of_a_stream_passes_and_so_does_a_reset() {
    let pair = Pair::new().await;
    let (mut near, mut far) = (pair.near, pair.far);
    say(&mut near, "question").await;
    near.shutdown().await.unwrap();
    assert_eq!(rest(&mut far).await, (b"question".to_vec(), None));
    say(&mut far, "answer").await;
    drop(far);
    assert_eq!(rest(&mut near).await, (b"answer".to_vec(), None));
    pair.proxy.until_open(0, LONG).await.unwrap();

    for from_client in [false, true] {
        let (near, far) = pair.server.joined(&pair.proxy).await;
        let (gone, mut left) = if from_client {
            (near, far)
        } else {
            (far, near)
        };
        gone.set_zero_linger().unwrap();
        drop(gone);
        assert_eq!(rest(&mut left).await.1, Some(ErrorKind::ConnectionReset));
        pair.proxy.until_open(0, LONG).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn every_byte_arrives_later_and_in_order() {
    let pair = Pair::new().await;
    let (mut near, mut far) = (pair.near, pair.far);
    pair.proxy.to_server().delay(SECOND);
    let start = Instant::now();
    say(&mut near, "one").await;
    hears(&mut far, "one").await;
    assert!(start.elapsed() >= SECOND);
    // The other way there is none.
    let start = Instant::now();
    say(&mut far, "two").await;
    hears(&mut near, "two").await;
    assert!(start.elapsed() < SECOND);

    // Many portions are on their way at once, each as late as if it were alone.
    let all = noise(1_000_000);
    let start = Instant::now();
    let (sent, ()) = tokio::join!(
        async {
            for portion in all.chunks(1000) {
                near.write_all(portion).await.unwrap();
                tokio::time::sleep(SECOND / 1000).await;
            }
            near.shutdown().await.unwrap();
            start.elapsed()
        },
        async {
            hears(&mut far, &all).await;
            assert_eq!(rest(&mut far).await, (vec![], None));
        }
    );
    let took = start.elapsed();
    assert!(
        took >= sent + SECOND && took < sent + 2 * SECOND,
        "{sent:?} and {took:?}"
    );
    assert_eq!(pair.proxy.to_server().traffic().delayed, 1_000_003);
    assert_eq!(pair.proxy.to_client().traffic().delayed, 0);
}

#[tokio::test(start_paused = true)]
async fn a_delay_may_begin_at_a_byte_and_be_taken_away() {
    let pair = Pair::new().await;
    let (mut near, mut far) = (pair.near, pair.far);
    pair.proxy.to_server().from_byte(3).delay(SECOND);
    let start = Instant::now();
    say(&mut near, "abcdef").await;
    hears(&mut far, "abc").await;
    assert!(start.elapsed() < SECOND);
    hears(&mut far, "def").await;
    assert!(start.elapsed() >= SECOND);
    assert_eq!(pair.proxy.to_server().traffic().delayed, 3);
    // What is on its way is let go as well.
    pair.proxy.to_server().delay(10 * LONG);
    say(&mut near, "ghi").await;
    let arrived = pair.proxy.to_server();
    arrived.until(LONG, |it| it.arrived == 9).await.unwrap();
    pair.proxy.to_server().delay(Duration::ZERO);
    hears(&mut far, "ghi").await;
}

#[tokio::test]
async fn bytes_pass_piece_by_piece() {
    for size in [1, 7] {
        let pair = Pair::new().await;
        let (mut near, mut far) = (pair.near, pair.far);
        pair.proxy.to_client().pieces(size);
        let all = noise(2000);
        say(&mut far, &all).await;
        let (mut got, mut reads) = (Vec::new(), 0);
        while got.len() < all.len() {
            in_time(near.read_buf(&mut got)).await.unwrap();
            reads += 1;
        }
        assert!(got == all);
        let pieces = all.len().div_ceil(size) as u64;
        assert_eq!(pair.proxy.to_client().traffic().pieces, pieces);
        println!("{pieces} pieces in {reads} reads");
        assert!(reads > 10, "{reads} reads");
        // The other way they pass as they come.
        say(&mut near, &all).await;
        hears(&mut far, &all).await;
        assert_eq!(pair.proxy.to_server().traffic().pieces, 0);
    }
}

#[tokio::test]
async fn pieces_may_begin_at_a_byte() {
    let pair = Pair::new().await;
    let (mut near, mut far) = (pair.near, pair.far);
    pair.proxy
        .connection(0)
        .unwrap()
        .to_server()
        .from_byte(90)
        .pieces(1);
    say(&mut near, noise(100)).await;
    hears(&mut far, noise(100)).await;
    assert_eq!(
        pair.proxy
            .connection(0)
            .unwrap()
            .to_server()
            .traffic()
            .pieces,
        10
    );
}
