//! How the stream of a new connection is opened, by us or by the user.

use std::io;
use std::pin::Pin;

use tokio::time::Instant;

use super::stream::Stream;
use crate::address::Address;

/// A boxed future, as [`Connect::connect`] returns it.
pub type Connecting = Pin<Box<dyn Future<Output = io::Result<Box<dyn Stream>>> + Send>>;

/// Opens the stream of each new connection: TCP and unix sockets are opened by
/// [`Network`](crate::Network), anything else by an implementation of the user's
/// own, given to [`PoolBuilder::connector`](crate::PoolBuilder::connector).
///
/// What it gives only has to carry bytes. The encryption, the handshake and the
/// init hooks follow on whatever it is.
///
/// Implemented for closures that take an address and a deadline and return a
/// future:
///
/// ```
/// use slotline_pool::{Address, Pool};
/// use tokio::net::TcpStream;
///
/// // Whatever the node is called, it is reached through a tunnel.
/// let pool = Pool::builder("db.internal:6379".parse()?)
///     .connector(|_: Address, _| TcpStream::connect("127.0.0.1:16379"))
///     .build();
/// # let _ = pool;
/// # Ok::<(), slotline_pool::Error>(())
/// ```
pub trait Connect: Send + Sync + 'static {
    /// Opens a stream to the node at `address`. It is dropped at `deadline`,
    /// when the connect timeout passes, which also covers what comes afterwards:
    /// the deadline is told for those who try several ways in that time.
    ///
    /// # Errors
    /// One of the kinds [`InvalidInput`](io::ErrorKind::InvalidInput) and
    /// [`Unsupported`](io::ErrorKind::Unsupported) counts as a no; any other as a
    /// network that may be back soon.
    fn connect(&self, address: Address, deadline: Instant) -> Connecting;
}

impl<F, R, S> Connect for F
where
    F: Fn(Address, Instant) -> R + Send + Sync + 'static,
    R: Future<Output = io::Result<S>> + Send + 'static,
    S: Stream,
{
    fn connect(&self, address: Address, deadline: Instant) -> Connecting {
        let opening = self(address, deadline);
        Box::pin(async move {
            let stream: Box<dyn Stream> = Box::new(opening.await?);
            Ok(stream)
        })
    }
}
