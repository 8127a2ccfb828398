//! Opening a TCP connection.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

/// How often the system asks before it gives a peer up.
const KEEPALIVE_PROBES: u32 = 3;

/// What the system does about a peer that gives no sign of life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TcpSettings {
    /// After how long it asks for one.
    pub(super) keepalive: Option<Duration>,
    /// How long bytes may stay unacknowledged; without it a peer that vanished is
    /// noticed only after a quarter of an hour.
    pub(super) unacknowledged: Option<Duration>,
}

impl Default for TcpSettings {
    fn default() -> TcpSettings {
        TcpSettings {
            keepalive: Some(Duration::from_secs(15)),
            unacknowledged: Some(Duration::from_secs(30)),
        }
    }
}

/// Tries all addresses that were found for a host, in their order, each with its
/// share of the time that is left.
pub(super) async fn connect(
    found: &[SocketAddr],
    settings: &TcpSettings,
    deadline: Instant,
) -> io::Result<TcpStream> {
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
                prepare(&stream, settings);
                return Ok(stream);
            }
            Ok(Err(error)) => last = error,
            Err(_) => last = io::ErrorKind::TimedOut.into(),
        }
    }
    Err(last)
}

/// Best effort: a socket without these options still works.
fn prepare(stream: &TcpStream, settings: &TcpSettings) {
    let _ = stream.set_nodelay(true);
    let socket = SockRef::from(stream);
    if let Some(idle) = settings.keepalive {
        let _ = socket.set_tcp_keepalive(&keepalive(idle));
    }
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if let Some(timeout) = settings.unacknowledged {
        let _ = socket.set_tcp_user_timeout(Some(timeout));
    }
}

fn keepalive(idle: Duration) -> TcpKeepalive {
    // Systems count in seconds, and take none for an error.
    let seconds = |time: Duration| time.max(Duration::from_secs(1));
    let keepalive = TcpKeepalive::new().with_time(seconds(idle));
    #[cfg(any(
        target_os = "linux",
        target_os = "android",
        target_os = "macos",
        windows
    ))]
    let keepalive = keepalive.with_interval(seconds(idle / KEEPALIVE_PROBES));
    #[cfg(any(target_os = "linux", target_os = "android", target_os = "macos"))]
    let keepalive = keepalive.with_retries(KEEPALIVE_PROBES);
    keepalive
}

#[cfg(all(test, any(target_os = "linux", target_os = "android")))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_system_is_told_of_the_settings() {
        let seconds = Duration::from_secs;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        for (keepalive, unacknowledged) in [
            (Some(seconds(15)), Some(seconds(30))),
            (Some(seconds(9)), None),
            (None, Some(Duration::from_millis(1500))),
            (Some(Duration::ZERO), Some(Duration::ZERO)),
            (None, None),
        ] {
            let stream = TcpStream::connect(listener.local_addr().unwrap()).await;
            let stream = stream.unwrap();
            let settings = TcpSettings {
                keepalive,
                unacknowledged,
            };
            prepare(&stream, &settings);
            let socket = SockRef::from(&stream);
            assert_eq!(socket.keepalive().unwrap(), keepalive.is_some());
            if let Some(idle) = keepalive {
                let idle = idle.max(seconds(1));
                assert_eq!(socket.tcp_keepalive_time().unwrap(), idle);
                let interval = (idle / 3).max(seconds(1));
                assert_eq!(socket.tcp_keepalive_interval().unwrap(), interval);
                assert_eq!(socket.tcp_keepalive_retries().unwrap(), 3);
            }
            let found = socket.tcp_user_timeout().unwrap();
            assert_eq!(found, unacknowledged.filter(|timeout| !timeout.is_zero()));
        }
    }
}
