//! A lone caller on an idle connection writes by itself.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use bytes::Bytes;

use super::server::{Server, commands_in, usual};
use super::*;

#[tokio::test]
async fn a_lone_caller_on_an_idle_connection_writes_by_itself() {
    let server = Server::start(|_, command| Some(usual(command))).await;
    let pool = builder(&server.address).build();
    assert_eq!(texts(&send(&pool, &["GET a"]).await), ["a"]);
    let before = pool.statistics().writes;
    // On one thread: no driver has run between the call and the count.
    let first = send(&pool, &["GET b"]);
    assert_eq!(pool.statistics().writes, before + 1);
    // A reply is due now, so the next waits for what gathers.
    let second = send(&pool, &["GET c"]);
    let third = send(&pool, &["GET d"]);
    assert_eq!(pool.statistics().writes, before + 1);
    assert_eq!(texts(&first.await), ["b"]);
    assert_eq!(texts(&second.await), ["c"]);
    assert_eq!(texts(&third.await), ["d"]);
    assert_eq!(pool.statistics().writes, before + 2);
    let histogram = pool.statistics().commands_per_write;
    assert_eq!(
        histogram.iter().find(|(least, _)| *least == 2),
        Some((2, 1))
    );
    assert_eq!(server.dials(), 1);
}

#[tokio::test]
async fn what_the_socket_does_not_take_at_once_is_the_drivers() {
    let server = Server::start(|_, command| Some(usual(command))).await;
    let pool = builder(&server.address).build();
    assert_eq!(texts(&send(&pool, &["GET a"]).await), ["a"]);
    let value = Bytes::from(vec![b'v'; 8 << 20]);
    let mut buffer = CommandBuffer::new();
    buffer.begin_named("SET").arg("k").arg(&value);
    buffer.begin_named("ECHO").arg("behind");
    let before = pool.statistics();
    let exchange = pool.send(buffer.freeze(), soon(), WhileAway::Wait);
    assert_eq!(pool.statistics().writes, before.writes + 1);
    let begun = pool.statistics().bytes_written - before.bytes_written;
    assert!(begun > 0 && begun < 8 << 20, "{begun} bytes at once");
    assert_eq!(texts(&exchange.await), ["OK", "behind"]);
}

/// A server on a thread of its own: a connection is closed when `close` says so,
/// which `closed` is told.
fn serve(listener: TcpListener, close: Receiver<()>, closed: Sender<()>) {
    let each = |mut stream: TcpStream, close: &Receiver<()>| {
        let mut bytes = Vec::new();
        let mut block = [0; 4096];
        let mut answered = 0;
        // Three for the handshake, and one.
        while answered < 4 {
            let read = stream.read(&mut block).unwrap();
            bytes.extend_from_slice(&block[..read]);
            for command in commands_in(&mut bytes) {
                stream.write_all(&usual(&command)).unwrap();
                answered += 1;
            }
        }
        close.recv()
    };
    thread::spawn(move || {
        for stream in listener.incoming() {
            if each(stream.unwrap(), &close).is_err() || closed.send(()).is_err() {
                return;
            }
        }
    });
}

/// E6 where nothing but the caller has run since the peer closed. Without
/// `has_ended` in `take_direct` the command is written to a dead socket, and its
/// outcome is in doubt.
#[tokio::test]
async fn a_caller_that_writes_by_itself_notices_a_peer_that_closed() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address: Address = listener.local_addr().unwrap().into();
    let (close, when_to_close) = channel();
    let (closed, has_closed) = channel();
    serve(listener, when_to_close, closed);
    let pool = builder(&address).build();
    for turn in 1..=3 {
        assert_eq!(texts(&send(&pool, &["GET a"]).await), ["a"], "turn {turn}");
        close.send(()).unwrap();
        has_closed.recv().unwrap();
        // The runtime's only thread stood still, so that no driver learnt of it.
        assert!(pool.statistics().connected);
    }
    assert_eq!(pool.statistics().dials, 3);
}

/// The same of a connection that somebody has alone. Without `has_ended` in the
/// lease's `write` the command is written to a dead socket.
#[tokio::test]
async fn whoever_holds_a_lease_notices_a_peer_that_closed() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address: Address = listener.local_addr().unwrap().into();
    let (close, when_to_close) = channel();
    let (closed, has_closed) = channel();
    serve(listener, when_to_close, closed);
    let pool = builder(&address).build();
    for turn in 1..=3 {
        let mut lease = pool.lease(soon()).await.unwrap();
        let answer = lease.call(words(&["GET a"]), soon()).await;
        assert_eq!(texts(&answer), ["a"], "turn {turn}");
        close.send(()).unwrap();
        has_closed.recv().unwrap();
        let answer = lease.call(words(&["GET a"]), soon()).await;
        assert_eq!(fates(&answer, 1), "-", "turn {turn}");
        assert!(answer.failure.unwrap().error.is_network());
    }
}

/// On several threads the driver may read the answer while the caller that wrote
/// has not come back from the socket.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_may_overtake_the_caller_that_wrote() {
    let server = Server::start(|_, command| Some(usual(command))).await;
    let pool = builder(&server.address).build();
    for turn in 0..5_000 {
        let text = format!("t{turn}");
        assert_eq!(
            texts(&send(&pool, &[&format!("ECHO {text}")]).await),
            [text]
        );
    }
    assert_eq!(server.dials(), 1);
}
