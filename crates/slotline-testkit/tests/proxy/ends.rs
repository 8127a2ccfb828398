//! Both ends of a connection, and the proxy between them.

use slotline_testkit::FaultProxy;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Longer than anything here takes.
pub(crate) const LONG: Duration = Duration::from_secs(20);

/// A server that does what the test does with its end.
pub(crate) struct Server {
    listener: TcpListener,
}

impl Server {
    pub(crate) async fn start() -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Server { listener }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap()
    }

    pub(crate) async fn accept(&self) -> TcpStream {
        let (stream, _) = in_time(self.listener.accept()).await.unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }

    /// Connects through the proxy; both ends.
    pub(crate) async fn joined(&self, proxy: &FaultProxy) -> (TcpStream, TcpStream) {
        let client = connect(proxy).await.unwrap();
        (client, self.accept().await)
    }
}

pub(crate) async fn connect(proxy: &FaultProxy) -> io::Result<TcpStream> {
    let stream = in_time(TcpStream::connect(proxy.address())).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// A server, a proxy before it, and both ends of one connection.
pub(crate) struct Pair {
    pub(crate) proxy: FaultProxy,
    pub(crate) server: Server,
    pub(crate) near: TcpStream,
    pub(crate) far: TcpStream,
}

impl Pair {
    pub(crate) async fn new() -> Pair {
        let server = Server::start().await;
        let proxy = FaultProxy::before(server.address()).await.unwrap();
        let (near, far) = server.joined(&proxy).await;
        Pair {
            proxy,
            server,
            near,
            far,
        }
    }
}

pub(crate) async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(LONG, future).await.expect("it hangs")
}

/// Writes all of it.
pub(crate) async fn say(stream: &mut TcpStream, bytes: impl AsRef<[u8]>) {
    in_time(stream.write_all(bytes.as_ref())).await.unwrap();
}

/// Reads exactly as many bytes as are expected, and compares them.
pub(crate) async fn hears(stream: &mut TcpStream, expected: impl AsRef<[u8]>) {
    let expected = expected.as_ref();
    let mut got = vec![0; expected.len()];
    in_time(stream.read_exact(&mut got)).await.unwrap();
    let (got, expected) = (got.escape_ascii(), expected.escape_ascii());
    assert_eq!(got.to_string(), expected.to_string());
}

/// Everything up to the end of the stream, and the error if it is no proper end.
pub(crate) async fn rest(stream: &mut TcpStream) -> (Vec<u8>, Option<io::ErrorKind>) {
    let mut got = Vec::new();
    let ended = in_time(stream.read_to_end(&mut got)).await;
    (got, ended.err().map(|error| error.kind()))
}

/// That nothing is there to be read; whatever was to come must have been waited
/// for.
pub(crate) fn hears_nothing(stream: &TcpStream) {
    let nothing = stream.try_read(&mut [0]).unwrap_err();
    assert_eq!(nothing.kind(), io::ErrorKind::WouldBlock);
}

/// Bytes without a pattern of a power of two.
pub(crate) fn noise(len: usize) -> Vec<u8> {
    (0..len).map(|n| (n % 251) as u8).collect()
}
