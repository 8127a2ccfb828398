//! Bytes that do not arrive, or not yet.

use slotline_testkit::FaultProxy;
use std::io::ErrorKind;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};

use crate::ends::{LONG, Pair, Server, hears, hears_nothing, in_time, noise, rest, say};

#[tokio::test]
async fn what_is_swallowed_is_read_and_gone() {
    let pair = Pair::new().await;
    let (mut near, mut far) = (pair.near, pair.far);
    let up = pair.proxy.connection(0).unwrap().to_server();
    say(&mut near, "abc").await;
    hears(&mut far, "abc").await;
    up.swallow();
    // The sender feels nothing of it, however much it is.
    say(&mut near, noise(20_000_000)).await;
    let gone = |it: &slotline_testkit::Traffic| it.swallowed == 20_000_000;
    up.until(LONG, gone).await.unwrap();
    hears_nothing(&far);
    // The other way bytes pass.
    say(&mut far, "still here").await;
    hears(&mut near, "still here").await;
    up.heal();
    say(&mut near, "again").await;
    hears(&mut far, "again").await;
    let traffic = up.traffic();
    assert_eq!((traffic.arrived, traffic.passed), (20_000_008, 8));
}

/// As on a line that is dead: it may be closed at one end, and the other end does
/// not know.
#[tokio::test]
async fn the_end_of_a_stream_is_swallowed_until_the_line_is_healed() {
    let pair = Pair::new().await;
    let (mut near, mut far) = (pair.near, pair.far);
    let connection = pair.proxy.connection(0).unwrap();
    connection.to_server().from_byte(2).swallow();
    say(&mut near, "abcd").await;
    near.shutdown().await.unwrap();
    pair.proxy.until_left_alone(LONG).await.unwrap();
    hears(&mut far, "ab").await;
    say(&mut far, "hello?").await;
    hears(&mut near, "hello?").await;
    hears_nothing(&far);
    assert!(connection.is_open());
    connection.to_server().heal();
    assert_eq!(rest(&mut far).await, (vec![], None));
    drop(far);
    pair.proxy.until_open(0, LONG).await.unwrap();
}

#[tokio::test]
async fn what_is_not_read_makes_the_sender_wait() {
    let pair = Pair::new().await;
    let (mut near, mut far) = (pair.near, pair.far);
    let up = pair.proxy.connection(0).unwrap().to_server();
    up.from_byte(5).stop_reading();
    say(&mut near, "0123456789").await;
    hears(&mut far, "01234").await;
    let traffic = up.until(LONG, |it| it.left_unread == 1).await.unwrap();
    assert_eq!((traffic.arrived, traffic.passed), (5, 5));
    hears_nothing(&far);
    // It is in the sender's way; only the system's buffers take something.
    let (bytes, mut sent) = (noise(8_000_000), 0);
    fill(&near, &bytes, &mut sent);
    assert_eq!(up.traffic().arrived, 5);
    up.resume();
    hears(&mut far, "56789").await;
    hears(&mut far, &bytes[..sent]).await;
    up.stop_reading();
    say(&mut near, "more").await;
    up.until(LONG, |it| it.left_unread == 2).await.unwrap();
    up.heal();
    hears(&mut far, "more").await;
}

/// Writes what the system takes at once.
fn fill(stream: &TcpStream, bytes: &[u8], sent: &mut usize) {
    loop {
        match stream.try_write(&bytes[*sent..]) {
            Ok(count) => *sent += count,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                return;
            }
        }
    }
}

#[tokio::test]
async fn small_buffers_hold_little() {
    for (buffers, most) in [(Some(4096), 30_000), (None, 8_000_000)] {
        let server = Server::start().await;
        let builder = FaultProxy::builder(server.address());
        let builder = match buffers {
            Some(bytes) => builder.buffers(bytes),
            None => builder,
        };
        let proxy = builder.start().await.unwrap();
        proxy.to_server().pause();
        // The client's own buffer is none of the proxy's.
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_send_buffer_size(4096).unwrap();
        let near = in_time(socket.connect(proxy.address())).await.unwrap();
        let mut far = server.accept().await;
        let (bytes, mut sent) = (noise(8_000_000), 0);
        let up = proxy.to_server();
        let held = buffers.map_or(64 << 10, u64::from);
        let full = up.until(LONG, |it| it.arrived == held);
        tokio::pin!(full);
        let traffic = loop {
            tokio::select! {
                full = &mut full => break full.unwrap(),
                writable = near.writable() => writable.unwrap(),
            }
            fill(&near, &bytes, &mut sent);
        };
        fill(&near, &bytes, &mut sent);
        println!("{sent} bytes with {buffers:?}");
        assert!(sent < most);
        assert_eq!((traffic.passed, traffic.pauses), (0, 1));
        assert_eq!(up.traffic().arrived, held);
        up.resume();
        hears(&mut far, &bytes[..sent]).await;
    }
}

#[tokio::test]
async fn a_pause_begins_at_a_byte_and_ends() {
    let pair = Pair::new().await;
    let (mut near, mut far) = (pair.near, pair.far);
    let down = pair.proxy.to_client();
    down.from_byte(4).pause();
    say(&mut far, "pause here").await;
    far.shutdown().await.unwrap();
    hears(&mut near, "paus").await;
    let down = pair.proxy.to_client();
    let traffic = down.until(LONG, |it| it.arrived == 10).await.unwrap();
    assert_eq!((traffic.passed, traffic.pauses), (4, 1));
    hears_nothing(&near);
    down.resume();
    assert_eq!(rest(&mut near).await, (b"e here".to_vec(), None));
    assert_eq!(down.traffic().pauses, 1);
}
