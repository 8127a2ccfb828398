//! Sockets are read until they are empty and no further, and nothing that comes
//! meanwhile is missed, the end included.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixListener;
use tokio::time::{sleep, timeout};

use super::server::{commands_in, listen, shake_hands};
use super::*;
use crate::{EventKind, Stream};

/// Answers the handshake, and each `GET n` with n bytes, in pieces of so many. After
/// `GET 7` it closes, right behind the answer.
async fn serve(mut stream: Box<dyn Stream>, piece: usize) {
    shake_hands(&mut stream, 3).await;
    let mut bytes = Vec::new();
    while let Ok(1..) = stream.read_buf(&mut bytes).await {
        for command in commands_in(&mut bytes) {
            let len: usize = command[1].parse().unwrap();
            let reply = [format!("${len}\r\n").into_bytes(), vec![b'v'; len]].concat();
            let reply = [&reply[..], b"\r\n"].concat();
            for piece in reply.chunks(piece) {
                if stream.write_all(piece).await.is_err() {
                    return;
                }
            }
            if len == 7 {
                return;
            }
        }
    }
}

/// A server over TCP, and one over a unix socket, with the folder it lies in.
async fn servers(piece: usize) -> (Address, Address, tempfile::TempDir) {
    let (tcp, tcp_address) = listen().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.sock");
    let unix = UnixListener::bind(&path).unwrap();
    tokio::spawn(async move {
        loop {
            let stream: Box<dyn Stream> = tokio::select! {
                accepted = tcp.accept() => Box::new(accepted.unwrap().0),
                accepted = unix.accept() => Box::new(accepted.unwrap().0),
            };
            tokio::spawn(serve(stream, piece));
        }
    });
    (tcp_address, Address::unix(path), folder)
}

/// Around the room that a read is given, where it is filled and where it is not:
/// 64 KiB, and for a long value whatever it lacks.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn values_of_every_length_arrive_however_reads_end() {
    let room = 64 << 10;
    for piece in [1 << 20, room, 4099] {
        let (tcp, unix, _folder) = servers(piece).await;
        for address in [tcp, unix] {
            let pool = builder(&address).build();
            let mut lease = pool.lease(soon()).await.unwrap();
            // `$65525`, three line ends of two bytes: 14 around a value of that size.
            for len in (room - 30..room + 4).chain([2 * room - 14, 5 * room, 1 << 20]) {
                let get = words(&[&format!("GET {len}")]);
                let shared = pool.send(get.clone(), soon(), WhileAway::Wait).await;
                let leased = lease.call(get, soon()).await;
                for answer in [shared, leased] {
                    assert_eq!(texts(&answer)[0].len(), len, "{address}");
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_right_behind_a_reply_is_noticed_at_once() {
    let (tcp, unix, _folder) = servers(1 << 20).await;
    for address in [tcp, unix] {
        let pool = builder(&address).never_ping().build();
        let mut events = pool.events();
        for _ in 0..300 {
            let answer = send(&pool, &["GET 7"]).await;
            assert_eq!(texts(&answer), ["vvvvvvv"]);
            let lost = async {
                while !matches!(
                    events.next().await.unwrap().unwrap().kind,
                    EventKind::Lost(_)
                ) {}
            };
            timeout(soon() - Instant::now(), lost).await.unwrap();
        }
        assert_eq!(pool.statistics().connections_lost, 300);
        // Of a connection that nobody asks anything, too.
        drop(pool.lease(soon()).await.unwrap());
        let mut lease = pool.lease(soon()).await.unwrap();
        let answer = lease.call(words(&["GET 7"]), soon()).await;
        assert_eq!(texts(&answer), ["vvvvvvv"]);
        drop(lease);
        while pool.statistics().leases.lost == 0 {
            sleep(Duration::from_millis(1)).await;
        }
    }
}
