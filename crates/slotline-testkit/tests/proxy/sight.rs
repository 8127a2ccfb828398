//! What a test can wait for, and what is left when it ends.

use slotline_testkit::{Cut, FaultProxy, OnConnect};
use std::io::ErrorKind;
use std::time::Duration;

use crate::ends::{LONG, Pair, Server, connect, hears, in_time, rest, say};

const SHORT: Duration = Duration::from_millis(20);

#[tokio::test]
async fn what_is_waited_for_is_told_when_it_happens() {
    let server = Server::start().await;
    let proxy = FaultProxy::before(server.address()).await.unwrap();
    let (up, down) = (proxy.to_server(), proxy.to_client());
    let work = async {
        let (mut near, mut far) = server.joined(&proxy).await;
        say(&mut near, "12345").await;
        hears(&mut far, "12345").await;
        say(&mut far, "123").await;
        let (mut other, _far) = server.joined(&proxy).await;
        drop((near, far));
        assert_eq!(rest(&mut other).await, (b"".to_vec(), None));
    };
    let wait = async {
        proxy.until_connections(1, LONG).await.unwrap();
        assert_eq!(up.until_passed(5, LONG).await.unwrap().passed, 5);
        assert_eq!(down.until_passed(3, LONG).await.unwrap().arrived, 3);
        proxy.until_connections(2, LONG).await.unwrap();
        proxy.until_open(1, LONG).await.unwrap();
        proxy.open()[0].cut(Cut::Close);
        down.until(LONG, |it| it.cuts == 1).await.unwrap();
        proxy.until_left_alone(LONG).await.unwrap();
    };
    in_time(async { tokio::join!(work, wait) }).await;
}

#[tokio::test]
async fn what_does_not_happen_is_an_error_that_says_what_did() {
    let pair = Pair::new().await;
    let proxy = pair.proxy;
    let address = proxy.address();
    for (error, text) in [
        (
            proxy.until_connections(2, SHORT).await.unwrap_err(),
            "waiting for connections: not done after 20ms: 1 of 2 have come",
        ),
        (
            proxy.until_open(0, SHORT).await.unwrap_err(),
            "waiting for connections to open or end: not done after 20ms: 1 are open, not 0",
        ),
        (
            proxy.until_left_alone(SHORT).await.unwrap_err(),
            "waiting for clients to close their connections: not done after 20ms: 1 have not been closed",
        ),
    ] {
        assert!(error.is_timeout());
        assert_eq!(error.to_string(), format!("node {address}: {text}"));
    }
    let error = proxy.to_client().until_passed(1, SHORT).await.unwrap_err();
    assert!(error.to_string().contains("passed: 0"), "{error}");
    let one = proxy.connection(0).unwrap();
    assert!(one.to_server().until_passed(1, SHORT).await.is_err());
    assert!(proxy.connection(1).is_none());
}

/// On several threads as well: a steering that came just while nothing moved is
/// never slept through.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn steering_is_never_missed() {
    let pair = Pair::new().await;
    let (mut near, mut far) = (pair.near, pair.far);
    let down = pair.proxy.to_client();
    for turn in 0..2000 {
        if turn % 2 == 0 {
            down.pause();
        } else {
            down.stop_reading();
        }
        let talk = async {
            say(&mut far, ":1\r\n").await;
            hears(&mut near, ":1\r\n").await;
        };
        let steer = async {
            tokio::task::yield_now().await;
            down.resume();
        };
        tokio::join!(talk, steer);
    }
    assert_eq!(down.traffic().passed, 8000);
}

#[tokio::test]
async fn dropping_it_closes_everything() {
    for waits in [false, true] {
        let pair = Pair::new().await;
        let (mut near, mut far) = (pair.near, pair.far);
        pair.proxy.to_server().swallow();
        pair.proxy.on_connect(OnConnect::StaySilent);
        let mut silent = connect(&pair.proxy).await.unwrap();
        pair.proxy.until_open(2, LONG).await.unwrap();
        let address = pair.proxy.address();
        let (connection, flow) = (pair.proxy.connection(0).unwrap(), pair.proxy.to_client());
        if waits {
            pair.proxy.close().await;
            assert!(!connection.is_open());
        } else {
            drop(pair.proxy);
        }
        for stream in [&mut near, &mut far, &mut silent] {
            assert_eq!(rest(stream).await, (vec![], None));
        }
        let refused = tokio::net::TcpStream::connect(address).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        // Its handles keep nothing alive, and do nothing any more.
        assert!(!connection.is_open());
        flow.inject("late").delay(LONG);
        connection.cut(Cut::Reset);
    }
}

/// A panic in a test's closure ends that connection, and no other.
#[tokio::test]
async fn a_closure_that_panics_ends_its_connection() {
    let pair = Pair::new().await;
    let (mut near, mut far) = (pair.near, pair.far);
    let one = pair.proxy.connection(0).unwrap();
    one.to_client()
        .rewrite(|_| panic!("meant to happen in this test"));
    let (mut other_near, mut other_far) = pair.server.joined(&pair.proxy).await;
    say(&mut far, "+OK\r\n").await;
    assert_eq!(rest(&mut near).await, (vec![], None));
    pair.proxy.until_open(1, LONG).await.unwrap();
    assert!(!one.is_open());
    say(&mut other_far, "+OK\r\n").await;
    hears(&mut other_near, "+OK\r\n").await;
}
