//! What bytes go in and out of.

use std::io;
use std::mem::MaybeUninit;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::TcpStream;

/// Anything that bytes go in and out of.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Stream for T {}

/// The stream of one connection. A socket can be written to by whoever has a
/// [`Direct`]; any other only by its driver.
pub(crate) enum Socket {
    Tcp(Arc<TcpStream>),
    Other(Box<dyn Stream>),
}

/// Writes without waiting, from any task.
#[derive(Debug, Clone)]
pub(crate) enum Direct {
    Tcp(Arc<TcpStream>),
}

impl Socket {
    pub(crate) fn direct(&self) -> Option<Direct> {
        match self {
            Socket::Tcp(stream) => Some(Direct::Tcp(Arc::clone(stream))),
            Socket::Other(_) => None,
        }
    }
}

impl Direct {
    /// Whether the peer has closed, as the system knows it this moment: the
    /// runtime may not have been told yet.
    pub(crate) fn has_ended(&self) -> bool {
        let peeked = match self {
            Direct::Tcp(stream) => SockRef::from(&**stream).peek(&mut [MaybeUninit::uninit()]),
        };
        match peeked {
            Ok(read) => read == 0,
            Err(error) => error.kind() != io::ErrorKind::WouldBlock,
        }
    }

    /// Writes what the system takes at once; 0 if that is nothing.
    ///
    /// # Errors
    /// The socket is broken; nothing was written.
    pub(crate) fn write(&self, bytes: &[io::IoSlice<'_>]) -> io::Result<usize> {
        let written = match self {
            Direct::Tcp(stream) => stream.try_write_vectored(bytes),
        };
        match written {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            other => other,
        }
    }
}

impl From<TcpStream> for Socket {
    fn from(stream: TcpStream) -> Socket {
        Socket::Tcp(Arc::new(stream))
    }
}

/// Tries until the system says yes or that there is nothing, which is what makes
/// it tell us when there is.
fn poll_io<R>(
    mut is_ready: impl FnMut() -> Poll<io::Result<()>>,
    mut attempt: impl FnMut() -> io::Result<R>,
) -> Poll<io::Result<R>> {
    loop {
        ready!(is_ready())?;
        match attempt() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            other => return Poll::Ready(other),
        }
    }
}

impl Socket {
    /// Reads what there is behind the end of `buffer`, into its spare room; 0 at
    /// the end of the stream.
    pub(crate) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut BytesMut,
    ) -> Poll<io::Result<usize>> {
        match self {
            Socket::Tcp(stream) => poll_io(
                || stream.poll_read_ready(cx),
                || stream.try_read_buf(buffer),
            ),
            Socket::Other(stream) => pin!(stream.read_buf(buffer)).poll(cx),
        }
    }

    pub(crate) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self {
            Socket::Tcp(stream) => poll_io(
                || stream.poll_write_ready(cx),
                || stream.try_write_vectored(bytes),
            ),
            Socket::Other(stream) => Pin::new(stream).poll_write_vectored(cx, bytes),
        }
    }

    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            // A socket keeps nothing back.
            Socket::Tcp(_) => Poll::Ready(Ok(())),
            Socket::Other(stream) => Pin::new(stream).poll_flush(cx),
        }
    }
}
