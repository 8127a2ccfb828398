//! Opening a TCP connection.

use std::io;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout};

use super::stream::Socket;
use crate::address::Address;

/// After how long without a sign of life the system asks for one, and how often
/// it asks before it gives a connection up.
const KEEPALIVE: Duration = Duration::from_secs(15);
const KEEPALIVE_PROBES: u32 = 3;
/// How long bytes may stay unacknowledged; without it a peer that vanished is
/// noticed only after a quarter of an hour.
#[cfg(any(target_os = "linux", target_os = "android"))]
const UNACKNOWLEDGED: Duration = Duration::from_secs(30);

/// Tries all addresses of the host in the order in which they are given, each
/// with its share of the time that is left.
pub(super) async fn connect(address: &Address, deadline: Instant) -> io::Result<Socket> {
    let found: Vec<_> = lookup_host((address.host(), address.port()))
        .await?
        .collect();
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the host name has no address");
    for (index, peer) in found.iter().enumerate() {
        let left = deadline.saturating_duration_since(Instant::now());
        let untried = u32::try_from(found.len() - index).unwrap_or(u32::MAX);
        // The last one is ended by the deadline over the whole dial.
        let share = if untried == 1 {
            left * 2
        } else {
            left / untried
        };
        match timeout(share, TcpStream::connect(peer)).await {
            Ok(Ok(stream)) => {
                prepare(&stream);
                return Ok(stream.into());
            }
            Ok(Err(error)) => last = error,
            Err(_) => last = io::ErrorKind::TimedOut.into(),
        }
    }
    Err(last)
}

/// Best effort: a socket without these options still works.
fn prepare(stream: &TcpStream) {
    let _ = stream.set_nodelay(true);
    let socket = SockRef::from(stream);
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE);
    #[cfg(any(
        target_os = "linux",
        target_os = "android",
        target_os = "macos",
        windows
    ))]
    let keepalive = keepalive.with_interval(KEEPALIVE / KEEPALIVE_PROBES);
    #[cfg(any(target_os = "linux", target_os = "android", target_os = "macos"))]
    let keepalive = keepalive.with_retries(KEEPALIVE_PROBES);
    let _ = socket.set_tcp_keepalive(&keepalive);
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let _ = socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED));
}
