//! Where a node listens.

use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use crate::error::Error;

/// Where a node listens: at a host and a port, or at a unix socket. Cheap to
/// clone.
///
/// The host is a name or an IP address; it is resolved anew at every dial.
///
/// ```
/// use slotline_pool::Address;
///
/// let address: Address = "[::1]:7000".parse()?;
/// assert_eq!((address.host(), address.port()), (Some("::1"), Some(7000)));
/// assert_eq!(address.to_string(), "[::1]:7000");
///
/// let socket: Address = "unix:/run/valkey.sock".parse()?;
/// assert_eq!(socket.path(), Some("/run/valkey.sock".as_ref()));
/// assert_eq!(socket, Address::unix("/run/valkey.sock"));
/// # Ok::<(), slotline_pool::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address(pub(crate) Place);

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Place {
    Tcp { host: Arc<str>, port: u16 },
    Unix(Arc<Path>),
}

impl Address {
    /// An address of its two parts; the host of an IPv6 address without
    /// brackets.
    #[must_use]
    pub fn new(host: impl Into<Arc<str>>, port: u16) -> Address {
        Address(Place::Tcp {
            host: host.into(),
            port,
        })
    }

    /// The unix socket at `path`. Where there are no unix sockets, a dial says
    /// so.
    #[must_use]
    pub fn unix(path: impl AsRef<Path>) -> Address {
        Address(Place::Unix(path.as_ref().into()))
    }

    /// The host, an IPv6 address without brackets; `None` of a unix socket.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        match &self.0 {
            Place::Tcp { host, .. } => Some(host),
            Place::Unix(_) => None,
        }
    }

    /// The port; `None` of a unix socket.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        match &self.0 {
            Place::Tcp { port, .. } => Some(*port),
            Place::Unix(_) => None,
        }
    }

    /// The path of a unix socket.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match &self.0 {
            Place::Tcp { .. } => None,
            Place::Unix(path) => Some(path),
        }
    }
}

impl fmt::Display for Address {
    /// `host:port`, with an IPv6 address in brackets, or `unix:/path`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Place::Tcp { host, port } => write!(f, "{host}:{port}"),
            Place::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl FromStr for Address {
    type Err = Error;

    /// What begins with a slash or with `unix:/` is a socket's path. Anything
    /// else is split at the last colon: servers write IPv6 addresses with and
    /// without brackets. A URL with a user or a password is none.
    fn from_str(text: &str) -> Result<Address, Error> {
        if text.contains("://") && text.contains('@') {
            let what = "a URL's user and password are given by `PoolBuilder::credentials`";
            return Err(Error::invalid_address(shown(text), what));
        }
        let path = text.strip_prefix("unix:").unwrap_or(text);
        if path.starts_with('/') {
            return Ok(Address::unix(path));
        }
        let wrong = |what| Error::invalid_address(shown(text), what);
        let (host, port) = text.rsplit_once(':').ok_or(wrong("there is no port"))?;
        let port = port
            .parse()
            .ok()
            .filter(|port| *port != 0)
            .ok_or(wrong("the port is no number from 1 to 65535"))?;
        let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
        let host = bare.unwrap_or(host);
        if host.is_empty() || host.contains(['[', ']', '/', '@', ' ']) {
            return Err(wrong("the host is missing or malformed"));
        }
        Ok(Address::new(host, port))
    }
}

/// What of a text that is no address can be repeated: neither what may stand before
/// a host, nor what was taken for a port and may be a password whose host is missing.
fn shown(text: &str) -> &str {
    let is_port = |tail: &str| tail.bytes().all(|byte| byte.is_ascii_digit());
    match text.rsplit_once(':') {
        _ if text.contains('@') => "…",
        Some((head, tail)) if head != "unix" && !is_port(tail) => head,
        _ => text,
    }
}

impl From<std::net::SocketAddr> for Address {
    fn from(address: std::net::SocketAddr) -> Address {
        Address::new(address.ip().to_string(), address.port())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_written() {
        for (text, host, port, shown) in [
            ("localhost:6379", "localhost", 6379, "localhost:6379"),
            ("10.0.0.1:1", "10.0.0.1", 1, "10.0.0.1:1"),
            ("[::1]:7000", "::1", 7000, "[::1]:7000"),
            ("fe80::1:7000", "fe80::1", 7000, "[fe80::1]:7000"),
        ] {
            let address: Address = text.parse().unwrap();
            let parts = (address.host(), address.port(), address.path());
            assert_eq!(parts, (Some(host), Some(port), None), "{text}");
            assert_eq!(address.to_string(), shown);
        }
        for (text, path, shown) in [
            ("unix:/run/a.sock", "/run/a.sock", "unix:/run/a.sock"),
            ("/run/a b:1", "/run/a b:1", "unix:/run/a b:1"),
        ] {
            let address: Address = text.parse().unwrap();
            let parts = (address.host(), address.port(), address.path());
            assert_eq!(parts, (None, None, Some(path.as_ref())), "{text}");
            assert_eq!(address.to_string(), shown);
            assert_eq!(shown.parse::<Address>().unwrap(), address);
        }
        for text in [
            "",
            "host",
            ":1",
            "host:",
            "host:0",
            "host:65536",
            "a b:1",
            "[::1:1",
            "unix:",
            "unix:run/a.sock",
        ] {
            let error = text.parse::<Address>().unwrap_err();
            assert!(error.to_string().contains(text), "{error}");
        }
    }

    #[test]
    fn what_is_no_address_is_not_repeated_where_a_password_may_be() {
        for text in [
            "redis://:s3same@host:6379",
            "redis://me:s3same@host",
            "redis://me:s3same",
            "unix://:s3same@/run/a.sock",
            "me:s3same@host:6379",
            "host:s3same",
        ] {
            let error = text.parse::<Address>().unwrap_err();
            let shown = format!("{error} {error:?}");
            assert!(error.is_config() && !shown.contains("s3same"), "{shown}");
        }
    }
}
