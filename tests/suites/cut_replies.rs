//! A connection that ends in the middle of a reply.

use std::time::Duration;

use slotline::{Client, Delivery, Discovery};
use slotline_testkit::{Cut, FaultProxy};
use slotline_tests::{PATIENCE, Peer, connections_of, heard, in_time, server, until};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// Ends the connection that there is when so many more bytes have come back and
/// there are others.
async fn cut_after(proxy: &FaultProxy, bytes: u64) {
    proxy.until_open(1, PATIENCE).await.expect("one connection");
    for connection in proxy.open() {
        connection.to_client().cut_beyond(bytes, Cut::Close);
    }
}

fn cuts(proxy: &FaultProxy) -> u64 {
    proxy.to_client().traffic().cuts
}

/// Cut after each of its first hundred bytes, and some later ones.
#[tokio::test]
async fn a_handshake_that_is_cut_anywhere_names_its_step() {
    let server = server().await;
    let mut cut = 0;
    for after in (0..100).chain((100..400).step_by(37)) {
        let proxy = FaultProxy::before(server.address()).await.expect("a proxy");
        let first = proxy.to_client().of_next();
        first.cut_beyond(after, Cut::Close);
        let builder = Client::builder().nodes([proxy.url()]);
        let builder = builder.discovery(Discovery::SingleNode).client_name("cut");
        let connected = in_time(builder.connect()).await;
        cut += cuts(&proxy);
        match connected {
            Err(error) => {
                assert_eq!(cuts(&proxy), 1, "{after}: {error}");
                assert!(error.is_network() && !error.is_timeout(), "{error}");
                assert_eq!(error.step(), Some("HELLO"), "after {after} bytes: {error}");
                assert_eq!(error.delivery(), Delivery::NotSent);
                let address = proxy.address().to_string();
                assert!(error.to_string().contains(&address), "{error}");
            }
            Ok(client) => {
                assert_eq!(cuts(&proxy), 0, "cut after {after} bytes, and connected");
                drop(client);
            }
        }
        proxy.until_left_alone(PATIENCE).await.expect("all closed");
    }
    println!("{cut} handshakes cut");
    assert!(cut > 90);
    let gone = async || connections_of(&server, "cut").await.is_empty();
    until("the server sees none of them", gone).await;
}

/// Fails when a write whose answer was cut goes again (it succeeds, counted twice),
/// and when a read does not.
#[tokio::test]
async fn a_reply_that_is_cut_is_in_doubt_for_a_write_and_asked_for_again_by_a_read() {
    let server = server().await;
    let proxy = FaultProxy::before(server.address()).await.expect("a proxy");
    let client = in_time(Client::connect(proxy.url()))
        .await
        .expect("connecting");
    let big: String = (0..20_000).map(|n| format!("{n},")).collect();
    client.set("big", &big).await.expect("SET");
    let mut counted = 0;
    let mut in_doubt = 0;
    for after in [0, 1, 2, 3, 5, 100, 4_096, 10_000, 50_000] {
        let before = cuts(&proxy);
        cut_after(&proxy, after).await;
        let got: String = in_time(client.get("big"))
            .await
            .expect("a read is asked again");
        assert_eq!(got, big);
        assert_eq!(cuts(&proxy), before + 1, "after {after} bytes");
    }
    for after in 0..4 {
        cut_after(&proxy, after).await;
        let error = in_time(client.incr("n"))
            .await
            .expect_err("its reply was cut");
        assert_eq!(error.delivery(), Delivery::Ambiguous, "{error}");
        assert!(error.is_network(), "{error}");
        let node = error.node().map(ToString::to_string);
        assert_eq!(node, Some(proxy.address().to_string()));
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
        cuts(&proxy),
        counted + in_doubt
    );
    assert!(counted <= value && value <= counted + in_doubt);

    // In the middle of a pipeline: what had come is the result, the rest is in
    // doubt or asked for again.
    for after in (0..40).step_by(3) {
        let before_it = cuts(&proxy);
        let mut pipe = client.pipeline();
        for turn in 0..5 {
            pipe.set(format!("key:{turn}"), turn);
            pipe.incr("m");
            pipe.get("big");
        }
        let before: Option<i64> = client.get("m").await.expect("the counter");
        cut_after(&proxy, after).await;
        let results = in_time(pipe.send()).await.expect("sending");
        assert_eq!(cuts(&proxy), before_it + 1);
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
    proxy.until_left_alone(PATIENCE).await.expect("all closed");
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
