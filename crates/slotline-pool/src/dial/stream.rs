//! What bytes go in and out of.

use std::any::Any;
use std::io;
use std::mem::MaybeUninit;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::BytesMut;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::{TcpStream, tcp};
#[cfg(unix)]
use tokio::net::{UnixStream, unix};

/// Anything that bytes go in and out of: the streams of tokio, what a TLS library
/// makes of them, [`tokio::io::duplex`].
///
/// A [`TcpStream`](tokio::net::TcpStream) and a `UnixStream` are known for what
/// they are and cost less than others; give them as they are.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin + Any {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin + Any> Stream for T {}

/// The stream of one connection. A socket can be written to by whoever has a
/// [`Direct`]; any other only by its driver.
///
/// A socket's halves, because the half that reads is read by tokio's own `poll_read`:
/// that one knows on which systems a read which did not fill its buffer has emptied
/// the socket, and does not try once more only to be told so. Nothing is missed by
/// it: what arrives after the runtime was told of the last bytes, be it the end, it is
/// told of anew, and an end that it knows of already stays known. To look whether a
/// peer has closed this very moment (E6) there is [`Direct::has_ended`].
pub(crate) enum Socket {
    Tcp(tcp::OwnedReadHalf, Arc<tcp::OwnedWriteHalf>),
    #[cfg(unix)]
    Unix(unix::OwnedReadHalf, Arc<unix::OwnedWriteHalf>),
    Other(Box<dyn Stream>),
}

/// Writes without waiting, from any task.
#[derive(Debug, Clone)]
pub(crate) enum Direct {
    Tcp(Arc<tcp::OwnedWriteHalf>),
    #[cfg(unix)]
    Unix(Arc<unix::OwnedWriteHalf>),
}

impl Socket {
    /// Whether there may be more to read at once, for all that the runtime was told;
    /// if not, the task is woken as soon as there is.
    pub(crate) fn may_have_more(&self, cx: &mut Context<'_>) -> bool {
        match self {
            Socket::Tcp(half, _) => half.as_ref().poll_read_ready(cx).is_ready(),
            #[cfg(unix)]
            Socket::Unix(half, _) => half.as_ref().poll_read_ready(cx).is_ready(),
            // Only reading would tell.
            Socket::Other(_) => true,
        }
    }

    pub(crate) fn direct(&self) -> Option<Direct> {
        match self {
            Socket::Tcp(_, half) => Some(Direct::Tcp(Arc::clone(half))),
            #[cfg(unix)]
            Socket::Unix(_, half) => Some(Direct::Unix(Arc::clone(half))),
            Socket::Other(_) => None,
        }
    }
}

impl Direct {
    /// Whether the peer has closed, as the system knows it this moment: the
    /// runtime may not have been told yet.
    pub(crate) fn has_ended(&self) -> bool {
        match self.peek() {
            Ok(read) => read == 0,
            Err(error) => error.kind() != io::ErrorKind::WouldBlock,
        }
    }

    /// Whether there is anything to read, be it the end.
    pub(crate) fn has_unread(&self) -> bool {
        !self
            .peek()
            .is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }

    fn peek(&self) -> io::Result<usize> {
        let socket = match self {
            Direct::Tcp(half) => SockRef::from((**half).as_ref()),
            #[cfg(unix)]
            Direct::Unix(half) => SockRef::from((**half).as_ref()),
        };
        socket.peek(&mut [MaybeUninit::uninit()])
    }

    /// Writes what the system takes at once; 0 if that is nothing.
    ///
    /// # Errors
    /// The socket is broken; nothing was written.
    pub(crate) fn write(&self, bytes: &[io::IoSlice<'_>]) -> io::Result<usize> {
        let written = match self {
            Direct::Tcp(half) => half.try_write_vectored(bytes),
            #[cfg(unix)]
            Direct::Unix(half) => half.try_write_vectored(bytes),
        };
        match written {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            other => other,
        }
    }
}

impl From<Box<dyn Stream>> for Socket {
    fn from(stream: Box<dyn Stream>) -> Socket {
        let stream = match downcast::<TcpStream>(stream) {
            Ok(stream) => {
                let (read, write) = stream.into_split();
                return Socket::Tcp(read, Arc::new(write));
            }
            Err(stream) => stream,
        };
        #[cfg(unix)]
        let stream = match downcast::<UnixStream>(stream) {
            Ok(stream) => {
                let (read, write) = stream.into_split();
                return Socket::Unix(read, Arc::new(write));
            }
            Err(stream) => stream,
        };
        Socket::Other(stream)
    }
}

/// The stream as what it is if that is a `T`, else as it came.
fn downcast<T: Stream>(stream: Box<dyn Stream>) -> Result<T, Box<dyn Stream>> {
    if !(&*stream as &dyn Any).is::<T>() {
        return Err(stream);
    }
    let stream: Box<dyn Any> = stream;
    match stream.downcast() {
        Ok(stream) => Ok(*stream),
        // Never: it has just been asked.
        Err(_) => Err(Box::new(tokio::io::empty())),
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
            Socket::Tcp(half, _) => pin!(half.read_buf(buffer)).poll(cx),
            #[cfg(unix)]
            Socket::Unix(half, _) => pin!(half.read_buf(buffer)).poll(cx),
            Socket::Other(stream) => match pin!(stream.read_buf(buffer)).poll(cx) {
                // A TLS stream that ends without a word of farewell. Replies say
                // themselves where they end, so that none can be cut unseen.
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    Poll::Ready(Ok(0))
                }
                other => other,
            },
        }
    }

    pub(crate) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self {
            Socket::Tcp(_, half) => poll_io(
                || half.as_ref().as_ref().poll_write_ready(cx),
                || half.try_write_vectored(bytes),
            ),
            #[cfg(unix)]
            Socket::Unix(_, half) => poll_io(
                || half.as_ref().as_ref().poll_write_ready(cx),
                || half.try_write_vectored(bytes),
            ),
            Socket::Other(stream) => Pin::new(stream).poll_write_vectored(cx, bytes),
        }
    }

    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            // A socket keeps nothing back.
            Socket::Tcp(..) => Poll::Ready(Ok(())),
            #[cfg(unix)]
            Socket::Unix(..) => Poll::Ready(Ok(())),
            Socket::Other(stream) => Pin::new(stream).poll_flush(cx),
        }
    }
}
