//! The bytes of a server's answer.

use bytes::BytesMut;
use slotline_resp::{CommandBuffer, Limits, Scanner};
use slotline_testkit::Node;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A connection that speaks that version of the protocol.
pub async fn open(node: &Node, version: &str) -> TcpStream {
    let mut stream = TcpStream::connect(node.address()).await.unwrap();
    ask(&mut stream, &["HELLO", version]).await;
    stream
}

/// Sends a command; the bytes of its reply.
pub async fn ask(stream: &mut TcpStream, words: &[&str]) -> Vec<u8> {
    let mut buffer = CommandBuffer::new();
    let (name, arguments) = words.split_first().unwrap();
    buffer.begin_named(name);
    for argument in arguments {
        buffer.arg(argument);
    }
    stream.write_all(&buffer.freeze().to_vec()).await.unwrap();
    let mut arrived = BytesMut::new();
    let mut scanner = Scanner::new(Limits::default());
    loop {
        assert!(stream.read_buf(&mut arrived).await.unwrap() > 0);
        if let Some(len) = scanner.scan(&arrived).unwrap() {
            return arrived[..len].to_vec();
        }
    }
}
