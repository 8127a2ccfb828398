//! A connection that ends in the middle of a reply.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use slotline::{Client, Delivery, Discovery};
use slotline_tests::{Peer, connections_of, heard, in_time, server, until};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Passes bytes through to a server, and closes everything when so many more of
/// them have come back.
struct Scissors {
    peer: Peer,
    left: Arc<AtomicU64>,
    cuts: Arc<AtomicU64>,
}

/// Far away.
const NEVER: u64 = u64::MAX / 2;

impl Scissors {
    async fn before(server: SocketAddr, after: u64) -> Scissors {
        let (left, cuts) = (Arc::new(AtomicU64::new(after)), Arc::new(AtomicU64::new(0)));
        let counts = (Arc::clone(&left), Arc::clone(&cuts));
        let peer =
            Peer::start(move |client| pass(client, server, counts.0.clone(), counts.1.clone()));
        Scissors {
            peer: peer.await,
            left,
            cuts,
        }
    }

    fn cut_after(&self, bytes: u64) {
        self.left.store(bytes, Ordering::SeqCst);
    }

    fn cuts(&self) -> u64 {
        self.cuts.load(Ordering::SeqCst)
    }
}

async fn pass(
    mut client: TcpStream,
    server: SocketAddr,
    left: Arc<AtomicU64>,
    cuts: Arc<AtomicU64>,
) -> Option<TcpStream> {
    let mut server = TcpStream::connect(server).await.ok()?;
    let (mut up, mut down) = ([0; 4096], [0; 4096]);
    loop {
        tokio::select! {
            read = client.read(&mut up) => {
                let read = read.ok().filter(|read| *read > 0)?;
                server.write_all(&up[..read]).await.ok()?;
            }
            read = server.read(&mut down) => {
                let read = read.ok().filter(|read| *read > 0)?;
                let allowed = left.load(Ordering::SeqCst);
                let passed = read.min(usize::try_from(allowed).unwrap_or(usize::MAX));
                client.write_all(&down[..passed]).await.ok()?;
                if passed < read {
                    // One cut each time it is asked for.
                    left.store(NEVER, Ordering::SeqCst);
                    cuts.fetch_add(1, Ordering::SeqCst);
                    return None;
                }
                left.fetch_sub(passed as u64, Ordering::SeqCst);
            }
        }
    }
}

/// Cut after each of its first hundred bytes, and some later ones.
#[tokio::test]
async fn a_handshake_that_is_cut_anywhere_names_its_step() {
    let server = server().await;
    let mut cuts = 0;
    for after in (0..100).chain((100..400).step_by(37)) {
        let scissors = Scissors::before(server.address(), after).await;
        let builder = Client::builder().nodes([scissors.peer.url()]);
        let builder = builder.discovery(Discovery::SingleNode).client_name("cut");
        let connected = in_time(builder.connect()).await;
        cuts += scissors.cuts();
        match connected {
            Err(error) => {
                assert_eq!(scissors.cuts(), 1, "{after}: {error}");
                assert!(error.is_network() && !error.is_timeout(), "{error}");
                assert_eq!(error.step(), Some("HELLO"), "after {after} bytes: {error}");
                assert_eq!(error.delivery(), Delivery::NotSent);
                let address = scissors.peer.address().to_string();
                assert!(error.to_string().contains(&address), "{error}");
            }
            Ok(client) => {
                assert_eq!(scissors.cuts(), 0, "cut after {after} bytes, and connected");
                drop(client);
            }
        }
        in_time(scissors.peer.is_left_alone()).await;
    }
    println!("{cuts} handshakes cut");
    assert!(cuts > 90);
    let gone = async || connections_of(&server, "cut").await.is_empty();
    until("the server sees none of them", gone).await;
}

/// Fails when a write whose answer was cut goes again (it succeeds, counted twice),
/// and when a read does not.
#[tokio::test]
async fn a_reply_that_is_cut_is_in_doubt_for_a_write_and_asked_for_again_by_a_read() {
    let server = server().await;
    let scissors = Scissors::before(server.address(), NEVER).await;
    let client = in_time(Client::connect(scissors.peer.url()))
        .await
        .expect("connecting");
    let big: String = (0..20_000).map(|n| format!("{n},")).collect();
    client.set("big", &big).await.expect("SET");
    let mut counted = 0;
    let mut in_doubt = 0;
    for after in [0, 1, 2, 3, 5, 100, 4_096, 10_000, 50_000] {
        let before = scissors.cuts();
        scissors.cut_after(after);
        let got: String = in_time(client.get("big"))
            .await
            .expect("a read is asked again");
        assert_eq!(got, big);
        assert_eq!(scissors.cuts(), before + 1, "after {after} bytes");
    }
    for after in 0..4 {
        scissors.cut_after(after);
        let error = in_time(client.incr("n"))
            .await
            .expect_err("its reply was cut");
        assert_eq!(error.delivery(), Delivery::Ambiguous, "{error}");
        assert!(error.is_network(), "{error}");
        let node = error.node().map(ToString::to_string);
        assert_eq!(node, Some(scissors.peer.address().to_string()));
        assert_eq!(error.command(), Some("INCR"));
        let text = error.to_string();
        assert!(
            text.contains("INCR") && text.contains("connection lost"),
            "{text}"
        );
        in_doubt += 1;
        counted += in_time(client.incr("n"))
            .await
            .map(|_| 1)
            .expect("it is back");
    }
    let value: i64 = client.get("n").await.expect("the counter");
    println!(
        "{} replies cut; {counted} ≤ {value} ≤ {}",
        scissors.cuts(),
        counted + in_doubt
    );
    assert!(counted <= value && value <= counted + in_doubt);

    // In the middle of a pipeline: what had come is the result, the rest is in
    // doubt or asked for again.
    for after in (0..40).step_by(3) {
        let cuts = scissors.cuts();
        let mut pipe = client.pipeline();
        for turn in 0..5 {
            pipe.set(format!("key:{turn}"), turn);
            pipe.incr("m");
            pipe.get("big");
        }
        let before: Option<i64> = client.get("m").await.expect("the counter");
        scissors.cut_after(after);
        let results = in_time(pipe.send()).await.expect("sending");
        assert_eq!(scissors.cuts(), cuts + 1);
        let (mut ok, mut ambiguous) = (0, 0);
        for turn in 0..5 {
            match results.decode::<i64>(3 * turn + 1) {
                Ok(value) => {
                    ok += 1;
                    assert_eq!(value, before.unwrap_or(0) + ok);
                }
                Err(error) => {
                    assert_eq!(error.delivery(), Delivery::Ambiguous, "{error}");
                    ambiguous += 1;
                }
            }
            match results.decode::<String>(3 * turn + 2) {
                Ok(value) => assert_eq!(value, big),
                // It may not pass a write of the same key, and there is none.
                Err(error) => panic!("a read was not asked for again: {error}"),
            }
        }
        let value: i64 = client.get("m").await.expect("the counter");
        let ran = value - before.unwrap_or(0);
        assert!(
            ok <= ran && ran <= ok + ambiguous,
            "{ok} ≤ {ran} ≤ {}",
            ok + ambiguous
        );
    }
    drop(client);
    in_time(scissors.peer.is_left_alone()).await;
}

/// Fails when what is not RESP in mid-stream is passed over (the callers wait until
/// their deadline).
#[tokio::test]
async fn bytes_that_are_no_resp_end_the_connection_and_leave_nothing_in_doubt_untold() {
    // A server that is fine until it is asked to GET.
    let peer = Peer::start(async |mut stream: TcpStream| {
        heard(&mut stream).await?;
        let hello = b"%1\r\n+proto\r\n:3\r\n+OK\r\n+OK\r\n+OK\r\n";
        stream.write_all(hello).await.ok()?;
        heard(&mut stream).await?;
        stream
            .write_all(b"+PONG\r\n@!garbage\r\n$5\r\nother\r\n")
            .await
            .ok()?;
        Some(stream)
    })
    .await;
    let builder = Client::builder().nodes([peer.url()]).client_name("strict");
    let builder = builder.discovery(Discovery::SingleNode);
    let builder = builder.timeout(Duration::from_secs(2));
    let client = in_time(builder.connect()).await.expect("connecting");
    let mut pipe = client.pipeline();
    pipe.ping();
    pipe.set("k", "v");
    pipe.set("l", "v");
    let results = in_time(pipe.send()).await.expect("sending");
    assert_eq!(results.decode::<String>(0).expect("it came before"), "PONG");
    for at in [1, 2] {
        let error = results
            .decode::<String>(at)
            .expect_err("no reply of its own");
        assert_eq!(error.delivery(), Delivery::Ambiguous, "{error}");
        assert!(error.to_string().contains("no RESP"), "{error}");
        assert!(
            error.to_string().contains(&peer.address().to_string()),
            "{error}"
        );
    }
    drop(client);
    in_time(peer.is_left_alone()).await;
}
