//! Where a node listens.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::error::Error;

/// Host and port of a node. The host is a name or an IP address; it is resolved
/// anew at every dial.
///
/// ```
/// use slotline_pool::Address;
///
/// let address: Address = "[::1]:7000".parse()?;
/// assert_eq!((address.host(), address.port()), ("::1", 7000));
/// assert_eq!(address.to_string(), "[::1]:7000");
/// # Ok::<(), slotline_pool::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address {
    host: Arc<str>,
    port: u16,
}

impl Address {
    /// An address of its two parts; the host of an IPv6 address without
    /// brackets.
    #[must_use]
    pub fn new(host: impl Into<Arc<str>>, port: u16) -> Address {
        Address {
            host: host.into(),
            port,
        }
    }

    /// The host, an IPv6 address without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl fmt::Display for Address {
    /// `host:port`, with an IPv6 address in brackets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl FromStr for Address {
    type Err = Error;

    /// Splits at the last colon: servers write IPv6 addresses with and without
    /// brackets.
    fn from_str(text: &str) -> Result<Address, Error> {
        let wrong = |what| Error::invalid_address(text, what);
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
            assert_eq!((address.host(), address.port()), (host, port), "{text}");
            assert_eq!(address.to_string(), shown);
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
        ] {
            let error = text.parse::<Address>().unwrap_err();
            assert!(error.to_string().contains(text), "{error}");
        }
    }
}
