//! Connections that are not made, or not to the server.

use slotline_testkit::{Cut, FaultProxy, OnConnect};
use std::io::ErrorKind;
use std::net::SocketAddr;

use crate::ends::{LONG, Pair, Server, connect, hears, rest, say};

#[tokio::test]
async fn connections_are_refused_in_each_manner_and_let_in_again() {
    let pair = Pair::new().await;
    let (mut near, mut far) = (pair.near, pair.far);
    pair.proxy.on_connect(OnConnect::Refuse(Cut::Close));
    let mut refused = connect(&pair.proxy).await.unwrap();
    assert_eq!(rest(&mut refused).await, (vec![], None));
    pair.proxy.on_connect(OnConnect::Refuse(Cut::Reset));
    // The reset may come before the client is told that it is connected.
    if let Ok(mut refused) = connect(&pair.proxy).await {
        assert_eq!(rest(&mut refused).await.1, Some(ErrorKind::ConnectionReset));
    }
    pair.proxy.stop_listening().await.unwrap();
    let refused = connect(&pair.proxy).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    // What is open stays.
    say(&mut near, "hello").await;
    hears(&mut far, "hello").await;
    pair.proxy.on_connect(OnConnect::Forward);
    pair.proxy.listen_again().await.unwrap();
    let (mut near, mut far) = pair.server.joined(&pair.proxy).await;
    say(&mut far, "welcome").await;
    hears(&mut near, "welcome").await;
    assert_eq!((pair.proxy.accepted(), pair.proxy.open().len()), (4, 2));
}

#[tokio::test]
async fn a_silent_proxy_hears_and_does_not_answer() {
    let server = Server::start().await;
    let proxy = FaultProxy::before(server.address()).await.unwrap();
    proxy.on_connect(OnConnect::StaySilent);
    let mut near = connect(&proxy).await.unwrap();
    say(&mut near, "anyone?").await;
    let up = proxy.to_server();
    up.until(LONG, |it| it.swallowed == 7).await.unwrap();
    assert_eq!(proxy.connection(0).unwrap().seen_by_server(), None);
    // Unless the test has something to say.
    proxy.to_client().inject("boo");
    hears(&mut near, "boo").await;
    drop(near);
    proxy.until_open(0, LONG).await.unwrap();
    let mut near = connect(&proxy).await.unwrap();
    proxy.until_open(1, LONG).await.unwrap();
    proxy.open()[0].cut(Cut::Close);
    assert_eq!(rest(&mut near).await, (vec![], None));
    // Healing it gives it no server.
    let mut near = connect(&proxy).await.unwrap();
    say(&mut near, "anyone?").await;
    up.heal();
    up.until(LONG, |it| it.swallowed == 14).await.unwrap();
}

#[tokio::test]
async fn a_swapped_backend_is_for_new_connections() {
    let pair = Pair::new().await;
    let (mut near, mut far) = (pair.near, pair.far);
    let other = Server::start().await;
    pair.proxy.swap_backend(other.address());
    let (mut other_near, mut other_far) = other.joined(&pair.proxy).await;
    say(&mut other_near, "new").await;
    hears(&mut other_far, "new").await;
    say(&mut near, "old").await;
    hears(&mut far, "old").await;
}

#[tokio::test]
async fn a_server_that_is_not_there_is_counted_and_the_client_reset() {
    let server = Server::start().await;
    let address = server.address();
    drop(server);
    let proxy = FaultProxy::before(address).await.unwrap();
    let mut near = connect(&proxy).await.unwrap();
    assert_eq!(rest(&mut near).await.1, Some(ErrorKind::ConnectionReset));
    proxy.until_open(0, LONG).await.unwrap();
    assert_eq!((proxy.unreachable(), proxy.accepted()), (1, 1));
}

#[tokio::test]
async fn addresses_of_both_ends_are_told() {
    let server = Server::start().await;
    let proxy = FaultProxy::before(server.address()).await.unwrap();
    assert_eq!(proxy.url(), format!("redis://127.0.0.1:{}", proxy.port()));
    let (mut near, mut far) = server.joined(&proxy).await;
    say(&mut near, "hello").await;
    hears(&mut far, "hello").await;
    let connection = proxy.connection(0).unwrap();
    assert_eq!(connection.client(), near.local_addr().unwrap());
    let seen = far.peer_addr().unwrap();
    assert_eq!(connection.seen_by_server(), Some(seen));

    let ip = "127.0.0.2".parse().unwrap();
    let proxy = FaultProxy::builder(server.address()).ip(ip);
    assert_eq!(proxy.start().await.unwrap().address().ip(), ip);
    let v6: SocketAddr = "[::1]:1".parse().unwrap();
    if let Ok(proxy) = FaultProxy::before(v6).await {
        assert!(proxy.url().starts_with("redis://[::1]:"));
    }
}
