//! Clients that are told apart by where they come from.

use slotline_testkit::FaultProxy;
use std::io::ErrorKind;
use std::net::SocketAddr;
use tokio::net::{TcpSocket, TcpStream};

use crate::ends::{LONG, Server, hears, hears_nothing, in_time, rest, say};

/// Connects from that address.
async fn connect_from(source: &str, proxy: &FaultProxy) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket
        .bind(SocketAddr::new(source.parse().unwrap(), 0))
        .unwrap();
    in_time(socket.connect(proxy.address())).await.unwrap()
}

#[tokio::test]
async fn a_source_that_is_kept_out_hears_and_says_nothing_and_others_do_not_notice() {
    const ONE: &str = "127.0.0.2";
    const OTHER: &str = "127.0.0.3";
    let source = ONE.parse().unwrap();
    let server = Server::start().await;
    let proxy = FaultProxy::before(server.address()).await.unwrap();
    let mut near = connect_from(ONE, &proxy).await;
    let mut far = server.accept().await;
    let mut other = connect_from(OTHER, &proxy).await;
    let mut other_far = server.accept().await;
    say(&mut near, "before").await;
    hears(&mut far, "before").await;

    proxy.keep_out(source);
    say(&mut near, "lost").await;
    say(&mut far, "lost too").await;
    let mut silent = connect_from(ONE, &proxy).await;
    say(&mut silent, "unheard").await;
    let up = proxy.to_server();
    up.until(LONG, |it| it.swallowed == 11).await.unwrap();
    let down = proxy.to_client();
    down.until(LONG, |it| it.swallowed == 8).await.unwrap();
    hears_nothing(&near);
    hears_nothing(&far);
    say(&mut other, "here").await;
    hears(&mut other_far, "here").await;
    assert_eq!(proxy.connection(2).unwrap().seen_by_server(), None);

    proxy.let_in(source);
    // With holes in their streams those of before are of no use.
    for stream in [&mut near, &mut far, &mut silent] {
        assert_eq!(
            rest(stream).await,
            (vec![], Some(ErrorKind::ConnectionReset))
        );
    }
    let mut near = connect_from(ONE, &proxy).await;
    let mut far = server.accept().await;
    say(&mut near, "again").await;
    hears(&mut far, "again").await;
    say(&mut other_far, "still").await;
    hears(&mut other, "still").await;
}
