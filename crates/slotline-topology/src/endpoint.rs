//! Where a node listens.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{BuildHasher, Hash, Hasher};
use std::str::FromStr;
use std::sync::Arc;

use rustc_hash::FxBuildHasher;

use crate::error::Error;

/// A host, by name or address, and a port; or the unix socket of a server on
/// this machine. Cheap to clone.
///
/// ```
/// use slotline_topology::Endpoint;
///
/// let endpoint = Endpoint::parse("::1:7000")?;
/// assert_eq!((endpoint.host(), endpoint.port()), ("::1", 7000));
/// assert_eq!(endpoint.to_string(), "[::1]:7000");
/// # Ok::<(), slotline_topology::Error>(())
/// ```
#[derive(Clone)]
pub struct Endpoint(Arc<Inner>);

/// The hash is kept, since a command looks its node up by it.
struct Inner {
    place: Place,
    hash: u64,
}

#[derive(PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Place {
    Tcp { host: Arc<str>, port: u16 },
    Unix(Arc<str>),
}

impl Endpoint {
    /// A host without brackets and a port.
    pub fn new(host: impl Into<Arc<str>>, port: u16) -> Self {
        Self::at(Place::Tcp {
            host: host.into(),
            port,
        })
    }

    /// The unix socket at `path`. Nodes know each other by host and port only, so
    /// that none can name a socket: this is for servers that were named by hand.
    ///
    /// ```
    /// use slotline_topology::Endpoint;
    ///
    /// let endpoint = Endpoint::unix("/run/valkey.sock");
    /// assert_eq!(endpoint.path(), Some("/run/valkey.sock"));
    /// assert_eq!(endpoint.to_string(), "unix:/run/valkey.sock");
    /// ```
    pub fn unix(path: impl Into<Arc<str>>) -> Self {
        Self::at(Place::Unix(path.into()))
    }

    fn at(place: Place) -> Self {
        let hash = FxBuildHasher.hash_one(&place);
        Self(Arc::new(Inner { place, hash }))
    }

    /// `host:port`, split at the last colon; an IPv6 address with or without
    /// brackets.
    ///
    /// # Errors
    ///
    /// There is no host, or no port from 1 to 65,535.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let (host, port) = split(text).ok_or_else(|| Error::endpoint("no port after a colon"))?;
        let host = unbracketed(host);
        if host.is_empty() {
            return Err(Error::endpoint("no host before the port"));
        }
        Ok(Self::new(host, port))
    }

    /// What a node means by a host and port, by the rules of the cluster
    /// specification ("MOVED Redirection", "CLUSTER SLOTS"): no host is the
    /// host that was asked; `?` is a host that the node does not know. Where a
    /// unix socket was asked, no host is one that nobody knows.
    pub(crate) fn told(host: Option<&str>, port: u16, asked: &Self) -> Option<Self> {
        match host.map(unbracketed) {
            _ if port == 0 => None,
            None | Some("") => match &asked.0.place {
                Place::Tcp { host, .. } => Some(Self::new(Arc::clone(host), port)),
                Place::Unix(_) => None,
            },
            Some("?") => None,
            Some(host) => is_name(host).then(|| Self::new(host, port)),
        }
    }

    /// The host name or address, IPv6 without brackets; empty for a unix socket.
    pub fn host(&self) -> &str {
        match &self.0.place {
            Place::Tcp { host, .. } => host,
            Place::Unix(_) => "",
        }
    }

    /// The TCP port; 0 for a unix socket.
    pub fn port(&self) -> u16 {
        match &self.0.place {
            Place::Tcp { port, .. } => *port,
            Place::Unix(_) => 0,
        }
    }

    /// The path of a unix socket.
    pub fn path(&self) -> Option<&str> {
        match &self.0.place {
            Place::Tcp { .. } => None,
            Place::Unix(path) => Some(path),
        }
    }
}

/// Splits at the last colon, the only one that cannot be part of an IPv6
/// address written without brackets.
pub(crate) fn split(text: &str) -> Option<(&str, u16)> {
    split_any_port(text).filter(|(_, port)| *port != 0)
}

/// The same with a port of 0, which stands for one that is not known.
pub(crate) fn split_any_port(text: &str) -> Option<(&str, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    // `parse` would take a plus sign.
    if !port.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some((host, port.parse().ok()?))
}

/// Whether a text can be the name of something: no spaces, nothing unprintable.
pub(crate) fn is_name(text: &str) -> bool {
    !text.contains(|letter: char| letter.is_whitespace() || letter.is_control())
}

fn unbracketed(host: &str) -> &str {
    host.strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host)
}

impl PartialEq for Endpoint {
    fn eq(&self, other: &Self) -> bool {
        let same = Arc::ptr_eq(&self.0, &other.0);
        same || self.0.hash == other.0.hash && self.0.place == other.0.place
    }
}

impl Eq for Endpoint {}

impl Hash for Endpoint {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0.hash);
    }
}

impl Ord for Endpoint {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.place.cmp(&other.0.place)
    }
}

impl PartialOrd for Endpoint {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl FromStr for Endpoint {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.place {
            Place::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Place::Tcp { host, port } => write!(f, "{host}:{port}"),
            Place::Unix(path) => write!(f, "unix:{path}"),
        }
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
