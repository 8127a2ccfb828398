//! A test that a user might write: does my client ask again when its connection
//! breaks in the middle of a reply, and only then?
//!
//! `cargo run -p slotline-testkit --example fault_proxy`; it needs a server on the
//! PATH, or `SLOTLINE_SERVER`.

use slotline_testkit::{Cut, FaultProxy, LocalServer, ServerBinary};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const SOON: Duration = Duration::from_secs(10);

/// The client under test: it asks for one key, twice if need be.
async fn get(server: SocketAddr, key: &str) -> io::Result<Vec<u8>> {
    match try_get(server, key).await {
        Err(_) => try_get(server, key).await,
        found => found,
    }
}

async fn try_get(server: SocketAddr, key: &str) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(server).await?;
    let command = format!("*2\r\n$3\r\nGET\r\n${}\r\n{key}\r\n", key.len());
    stream.write_all(command.as_bytes()).await?;
    let mut header = Vec::new();
    while !header.ends_with(b"\r\n") {
        header.push(stream.read_u8().await?);
    }
    let text = String::from_utf8_lossy(&header);
    let len: usize = text
        .trim_start_matches('$')
        .trim_end()
        .parse()
        .map_err(io::Error::other)?;
    let mut value = vec![0; len + 2];
    stream.read_exact(&mut value).await?;
    value.truncate(len);
    Ok(value)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = LocalServer::start(&ServerBinary::find()?).await?;
    server.call(&["SET", "greeting", "hello"]).await?;
    let reply = b"$5\r\nhello\r\n".len() as u64;

    // Behind every byte of the reply there is.
    for after in 0..reply {
        let proxy = FaultProxy::before(server.address()).await?;
        // The first connection only; the second is to succeed.
        let first = proxy.to_client().of_next();
        first.cut_after(after, Cut::Reset);
        assert_eq!(get(proxy.address(), "greeting").await?, b"hello");

        // It was cut, there and nowhere else, and two attempts were enough.
        let traffic = proxy.to_client().traffic();
        assert_eq!((traffic.cuts, traffic.passed), (1, after + reply));
        assert_eq!(proxy.accepted(), 2);
        proxy.until_left_alone(SOON).await?;
    }
    println!("a reply was cut in {reply} places, and got each time");
    Ok(())
}
